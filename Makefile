# make train   set up, make the toy set, train, test, plot
# make demo    what the network of `make train` sees in a held-out toy video, drawn
# make test    set up, run the tests
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
RUN := work_dirs/stssa_toy

# Every command imports some 4,000 modules; compiled once, they load in half the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup data train demo test doctor lint

setup:
	@$(PYTHON) tools/setup_env.py --venv $(VENV)

data: setup
	@test -f data/toy/annotations/val_proposals.pkl || $(BIN)/python tools/data/make_toy.py --out data/toy

train: data
	$(BIN)/mim train mmaction configs/stssa_toy.py --work-dir $(RUN) --seed 0
	$(BIN)/mim test mmaction configs/stssa_toy.py --checkpoint $$(cat $(RUN)/last_checkpoint) --work-dir $(RUN)/test
	@$(BIN)/python tools/plot_run.py $(RUN)

demo: setup
	@test -f $(RUN)/last_checkpoint || { echo 'make demo: no network in $(RUN): make train comes first'; exit 1; }
	$(BIN)/python tools/predict.py data/toy/videos/val_0000.mp4 configs/stssa_toy.py $$(cat $(RUN)/last_checkpoint) \
		--boxes data/toy/annotations/val_proposals.pkl --timestamp-start 900 --det-score-thr 0.9 --ids --out $(RUN)/demo

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

doctor: setup
	$(BIN)/python tools/doctor.py

lint: setup
	$(BIN)/ruff check .
