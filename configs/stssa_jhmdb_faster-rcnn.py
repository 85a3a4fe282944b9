# JHMDB split 1 without given boxes: whole frames instead of crops around the people.
_base_ = ['./stssa_jhmdb.py', './_base_/faster_rcnn.py']

model = dict(
    type='STSSAFasterRCNN',
    rpn_head=dict(_base_.rpn_head, in_channels=256, feat_channels=256),
    roi_head=dict(
        type='STSSADetectionRoIHead',
        with_negatives=True,
        bbox_head=dict(type='STSSADetectionBBoxHead')),
    # Mostly one person a clip, and the time grows with the RoIs.
    train_cfg=dict(
        _base_.detection_train_cfg,
        rcnn=dict(_base_.detection_train_cfg.rcnn, sampler=dict(num=4, pos_fraction=0.5))),
    test_cfg=dict(_base_.detection_test_cfg, rpn=dict(_base_.detection_test_cfg.rpn, max_per_img=8)))

train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(type='RandomRescale', scale_range=(104, 120)),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs')
]
val_pipeline = [
    *_base_.val_pipeline[:3],
    dict(type='Resize', scale=(-1, 112)),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, proposal_file=None))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline, proposal_file=None))
test_dataloader = val_dataloader

max_epochs = 4  # whole frames take longer
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs - 1, end=max_epochs)
]
