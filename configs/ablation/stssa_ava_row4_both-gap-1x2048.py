_base_ = '../stssa_ava.py'  # Table 2, row 4 of the paper, over given boxes
model = dict(roi_head=dict(shared_head=dict(layers=1, norm=False)))
