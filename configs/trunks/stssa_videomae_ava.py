_base_ = [
    'mmaction::detection/videomae/vit-base-p16_videomae-k400-pre_8xb8-16x4x1-20e-adamw_ava-kinetics-rgb.py',
    '../_base_/extension.py'
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
train_dataloader = val_dataloader = test_dataloader = dict(timeout=600)
val_evaluator = test_evaluator = dict(type='STSSAAVAMetric')
model = dict(
    roi_head=dict(type='STSSARoIHead', with_negatives=False,
                  bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=7, with_temporal_pool=False),
                  shared_head=dict(type='STSSANeck', in_channels=768, dims=768),
                  bbox_head=dict(type='STSSABBoxHead', in_channels=768, pooling='GAP')))
