# make train   set up, make the toy set, train, test, plot
# make test    set up, run the tests
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
RUN := work_dirs/stssa_toy

# Every command imports some 4,000 modules; compiled once, they load in half the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup data train test doctor lint

setup:
	@$(PYTHON) tools/setup_env.py --venv $(VENV)

data: setup
	@test -f data/toy/annotations/val_proposals.pkl || $(BIN)/python tools/data/make_toy.py --out data/toy

train: data
	$(BIN)/mim train mmaction configs/stssa_toy.py --work-dir $(RUN) --seed 0
	$(BIN)/mim test mmaction configs/stssa_toy.py --checkpoint $$(cat $(RUN)/last_checkpoint) --work-dir $(RUN)/test
	@$(BIN)/python tools/plot_run.py $(RUN)

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

doctor: setup
	$(BIN)/python tools/doctor.py

lint: setup
	$(BIN)/ruff check .
