_base_ = './stssa_toy.py'
model = dict(roi_head=dict(shared_head=None, bbox_head=dict(dims=128)))
