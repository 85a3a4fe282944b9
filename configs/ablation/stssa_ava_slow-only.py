_base_ = '../stssa_ava.py'
model = dict(roi_head=dict(shared_head=dict(branches=('spatial_slow', 'temporal_slow'))))
