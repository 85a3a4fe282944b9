# AVA on a frozen image trunk: no download but the data, and maps of whole frames that tools/cache_features.py can keep.
_base_ = './stssa_ava.py'

model = dict(
    init_cfg=None,
    backbone=dict(_delete_=True, type='STSSAFrameTrunk', network='efficientnet-lite0', out='_blocks.15'),
    roi_head=dict(
        difference=True,
        bbox_roi_extractor=dict(featmap_stride=32, output_size=3, sampling_ratio=1),
        shared_head=dict(in_channels=640, dims=256),
        bbox_head=dict(in_channels=256)),
    data_preprocessor=dict(mean=[127, 127, 127], std=[128, 128, 128]))

sample = dict(clip_len=8, frame_interval=8)
resize = dict(type='Resize', scale=(-1, 256))
train_pipeline = [
    dict(_base_.train_pipeline[0], **sample), _base_.train_pipeline[1], resize, *_base_.train_pipeline[5:]
]
val_pipeline = [dict(_base_.val_pipeline[0], **sample), *_base_.val_pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
