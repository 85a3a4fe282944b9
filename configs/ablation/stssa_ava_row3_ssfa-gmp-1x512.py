_base_ = './stssa_ava_row2_tsfa-gmp-1x512.py'  # Table 2, row 3 of the paper, over given boxes
model = dict(roi_head=dict(shared_head=dict(branches=('spatial_slow', 'spatial_fast'))))
