_base_ = './stssa_lite0_jhmdb.py'  # no module at all
model = dict(roi_head=dict(shared_head=None, bbox_head=dict(in_channels=640)))
