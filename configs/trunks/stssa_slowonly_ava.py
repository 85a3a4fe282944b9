_base_ = [
    'mmaction::detection/slowonly/slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb.py',
    '../_base_/extension.py'
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
train_dataloader = val_dataloader = test_dataloader = dict(timeout=600)
val_evaluator = test_evaluator = dict(type='STSSAAVAMetric')
model = dict(
    roi_head=dict(type='STSSARoIHead', with_negatives=False,
                  bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=7, with_temporal_pool=False),
                  shared_head=dict(type='STSSANeck', in_channels=2048, dims=512),
                  bbox_head=dict(type='STSSABBoxHead', in_channels=512, pooling='GAP')))
