_base_ = '../stssa_ava.py'  # Table 2, row 1 of the paper, over given boxes
model = dict(
    roi_head=dict(
        shared_head=dict(dims=512, layers=1, norm=False, branches=('temporal_slow', 'temporal_fast')),
        bbox_head=dict(in_channels=512)))
