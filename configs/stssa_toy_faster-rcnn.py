# The toy set without given boxes.
_base_ = ['./stssa_toy.py', './_base_/faster_rcnn.py']

model = dict(
    type='STSSAFasterRCNN',
    rpn_head=dict(_base_.rpn_head, in_channels=128, feat_channels=128),
    roi_head=dict(
        type='STSSADetectionRoIHead',
        with_negatives=True,
        bbox_head=dict(type='STSSADetectionBBoxHead')),
    train_cfg=_base_.detection_train_cfg,
    test_cfg=_base_.detection_test_cfg)

train_dataloader = dict(dataset=dict(proposal_file=None))
val_dataloader = dict(dataset=dict(proposal_file=None))
test_dataloader = val_dataloader
