# A small network from scratch that two cores can train, and how it is trained. A child sets the trunk's width and what
# its data needs.
_base_ = ['mmaction::_base_/default_runtime.py', './extension.py']

model = dict(
    type='STSSAFastRCNN',
    _scope_='mmdet',  # where assigners and samplers are registered
    backbone=dict(
        type='mmaction.ResNet3d',
        depth=18,
        pretrained=None,
        pretrained2d=False,
        conv1_kernel=(3, 7, 7),
        conv1_stride_t=2,
        with_pool2=False,
        inflate=(1, 1, 1, 1),
        inflate_style='3x3x3',
        spatial_strides=(1, 2, 2, 1),  # a cell of the map is 16 pixels
        zero_init_residual=False),
    roi_head=dict(
        type='STSSARoIHead',
        with_negatives=False,
        bbox_roi_extractor=dict(
            type='STSSARoIExtractor', roi_layer_type='RoIAlign', output_size=7, with_temporal_pool=False),
        shared_head=dict(type='STSSANeck', layers=2),
        bbox_head=dict(type='STSSABBoxHead', pooling='GAP', dropout_ratio=0.5)),
    data_preprocessor=dict(
        type='mmaction.ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW'),
    train_cfg=dict(
        rcnn=dict(
            assigner=dict(type='MaxIoUAssignerAVA', pos_iou_thr=0.9, neg_iou_thr=0.9, min_pos_iou=0.9),
            sampler=dict(
                type='RandomSampler', num=32, pos_fraction=1, neg_pos_ub=-1, add_gt_as_proposals=True),
            pos_weight=1.0)),
    test_cfg=dict(rcnn=None))

dataset = dict(type='STSSAAVADataset', exclude_file=None, use_frames=False, start_index=0, missing_proposals='error')
# Seconds after which a batch that does not come ends the run.
train_dataloader = dict(
    persistent_workers=True,
    timeout=600,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(dataset))
val_dataloader = dict(
    persistent_workers=True,
    timeout=600,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(dataset, test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='STSSAAVAMetric', exclude_file=None, per_class=True)
test_evaluator = val_evaluator

train_cfg = dict(type='EpochBasedTrainLoop', val_begin=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05), clip_grad=dict(max_norm=40, norm_type=2))
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
auto_scale_lr = dict(enable=False)
