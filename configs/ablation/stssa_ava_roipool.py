_base_ = '../stssa_ava.py'  # RoIPool, as in the paper, over given boxes
model = dict(roi_head=dict(bbox_roi_extractor=dict(roi_layer_type='RoIPool')))
