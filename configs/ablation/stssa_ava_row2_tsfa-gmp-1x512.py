_base_ = './stssa_ava_row1_tsfa-gap-1x512.py'  # Table 2, row 2 of the paper, over given boxes
model = dict(roi_head=dict(bbox_head=dict(pooling='GMP')))
