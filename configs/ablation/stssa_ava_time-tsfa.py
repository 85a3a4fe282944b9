_base_ = '../stssa_ava.py'  # TSFA whose tokens are time steps, which contradicts the printed sums
model = dict(roi_head=dict(shared_head=dict(attend='time')))
