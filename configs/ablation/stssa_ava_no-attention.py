_base_ = '../stssa_ava.py'  # the same module, LayerNorms included, without any attention branch
model = dict(roi_head=dict(shared_head=dict(branches=())))
