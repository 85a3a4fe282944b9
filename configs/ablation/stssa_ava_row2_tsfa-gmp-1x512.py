_base_ = './stssa_ava_row1_tsfa-gap-1x512.py'
model = dict(roi_head=dict(bbox_head=dict(pooling='GMP')))
