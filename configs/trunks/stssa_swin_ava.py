_base_ = [
    'mmaction::detection/slowfast/slowfast_kinetics400-pretrained-r50_8xb8-8x8x1-20e_ava21-rgb.py',
    '../_base_/extension.py'
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
train_dataloader = val_dataloader = test_dataloader = dict(timeout=600)
val_evaluator = test_evaluator = dict(type='STSSAAVAMetric')
# Kinetics-400, 32 frames 2 apart, with the means and deviations of the parent.
url = ('https://download.openmmlab.com/mmaction/v1.0/recognition/swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_'
       'kinetics400-rgb/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb_20220930-241016b2.pth')
model = dict(
    init_cfg=dict(checkpoint=url),
    # Its last stage: 768 channels, 32 pixels a cell, half the frames.
    backbone=dict(_delete_=True, type='mmaction.SwinTransformer3D', arch='tiny', pretrained2d=False),
    roi_head=dict(type='STSSARoIHead', with_negatives=False,
                  bbox_roi_extractor=dict(
                      type='STSSARoIExtractor', output_size=7, with_temporal_pool=False, featmap_stride=32),
                  shared_head=dict(type='STSSANeck', in_channels=768, dims=512),
                  bbox_head=dict(type='STSSABBoxHead', in_channels=512, pooling='GAP')))
optim_wrapper = dict(  # as the recogniser was trained
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.02),
    constructor='SwinOptimWrapperConstructor',
    paramwise_cfg=dict(
        relative_position_bias_table=dict(decay_mult=0.), norm=dict(decay_mult=0.), backbone=dict(lr_mult=0.1)))
