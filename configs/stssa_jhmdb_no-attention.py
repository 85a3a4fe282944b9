_base_ = './stssa_jhmdb.py'
model = dict(roi_head=dict(shared_head=None))
