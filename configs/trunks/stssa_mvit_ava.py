_base_ = [
    'mmaction::detection/videomae/vit-base-p16_videomae-k400-pre_8xb8-16x4x1-20e-adamw_ava-kinetics-rgb.py',
    '../_base_/extension.py'
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
train_dataloader = val_dataloader = test_dataloader = dict(timeout=600)
val_evaluator = test_evaluator = dict(type='STSSAAVAMetric')
# Kinetics-400, 16 frames 4 apart, with the means and deviations below.
url = ('https://download.openmmlab.com/mmaction/v1.0/recognition/mvit/mvit-small-p244_32xb16-16x4x1-200e_kinetics400-'
       'rgb/mvit-small-p244_32xb16-16x4x1-200e_kinetics400-rgb_20230201-23284ff3.pth')
model = dict(
    init_cfg=dict(checkpoint=url),
    data_preprocessor=dict(mean=[114.75, 114.75, 114.75], std=[57.375, 57.375, 57.375]),
    # Its last stage: 768 channels, 32 pixels a cell, half the frames. The class token stays inside.
    backbone=dict(_delete_=True, type='mmaction.MViT', arch='small', drop_path_rate=0.2, output_cls_token=False),
    roi_head=dict(type='STSSARoIHead', with_negatives=False,
                  bbox_roi_extractor=dict(
                      type='STSSARoIExtractor', output_size=7, with_temporal_pool=False, featmap_stride=32),
                  shared_head=dict(type='STSSANeck', in_channels=768, dims=768),
                  bbox_head=dict(type='STSSABBoxHead', in_channels=768, pooling='GAP')))
optim_wrapper = dict(paramwise_cfg=dict(num_layers=16))  # of MViT-S, for the decay of the rate from layer to layer
