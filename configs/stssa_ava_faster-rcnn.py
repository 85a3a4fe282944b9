# The paper's whole detector (Table 2, row 6) on AVA v2.1: the people come from its own region proposals, not from a
# file, and RoIPool cuts out their features.
_base_ = ['./stssa_ava.py', './_base_/faster_rcnn.py']

model = dict(
    type='STSSAFasterRCNN',
    rpn_head=dict(_base_.rpn_head, in_channels=2048, feat_channels=512),
    roi_head=dict(
        type='STSSADetectionRoIHead',
        with_negatives=True,
        bbox_roi_extractor=dict(roi_layer_type='RoIPool'),
        bbox_head=dict(type='STSSADetectionBBoxHead')),
    train_cfg=_base_.detection_train_cfg,
    test_cfg=_base_.detection_test_cfg)

train_dataloader = dict(dataset=dict(proposal_file=None))
val_dataloader = dict(dataset=dict(proposal_file=None))
test_dataloader = val_dataloader
