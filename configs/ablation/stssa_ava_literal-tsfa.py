_base_ = '../stssa_ava.py'  # Eqs. 4-6 to the letter: tokens of all 2048 channels, no projection back
model = dict(roi_head=dict(shared_head=dict(temporal_reduction=1)))
