_base_ = '../stssa_ava.py'  # no module at all
model = dict(roi_head=dict(shared_head=None))
