_base_ = './stssa_toy.py'  # the same reduction and LayerNorms, without any attention branch
model = dict(roi_head=dict(shared_head=dict(branches=())))
