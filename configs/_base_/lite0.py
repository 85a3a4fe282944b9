# EfficientNet-Lite0 with its ImageNet weights on every whole frame, frozen, and heads that two cores train in minutes:
# with tools/cache_features.py the trunk runs once on each frame.
_base_ = './small_network.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='STSSAFrameTrunk',
        network='efficientnet-lite0',
        out='_blocks.15'),  # 320 channels, a cell is 32 pixels
    roi_head=dict(
        difference=True,  # a frozen image trunk sees no motion
        bbox_roi_extractor=dict(featmap_stride=32, output_size=3, sampling_ratio=1),
        shared_head=dict(in_channels=640, dims=64, layers=1),  # a wider or deeper one overfits a few hundred clips
        bbox_head=dict(in_channels=64, multilabel=False)),
    data_preprocessor=dict(mean=[127, 127, 127], std=[128, 128, 128]),  # as the weights were trained
    # The RoIs are the proposals that the jitter moved.
    train_cfg=dict(
        rcnn=dict(
            assigner=dict(pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5),
            sampler=dict(add_gt_as_proposals=False))))

train_pipeline = [
    dict(type='STSSAVideoInit'),
    dict(type='STSSASampleFrames', clip_len=8, frame_interval=8, shift=4, grid=4),
    dict(type='STSSAVideoDecode'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='STSSABoxJitter'),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs')
]
val_pipeline = [
    dict(type='STSSAVideoInit'),
    dict(type='STSSASampleFrames', clip_len=8, frame_interval=8, test_mode=True),
    dict(type='STSSAVideoDecode'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs')
]
frame_numbers = dict(fps=1, timestamp_start=1)  # a timestamp is the number of a frame, from 1
train_dataloader = dict(batch_size=16, num_workers=2, dataset=dict(pipeline=train_pipeline, **frame_numbers))
val_dataloader = dict(batch_size=16, num_workers=2, dataset=dict(pipeline=val_pipeline, **frame_numbers))
test_dataloader = val_dataloader

max_epochs = 8
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    optimizer=dict(lr=5e-4), paramwise_cfg=dict(custom_keys=dict(gammas=dict(lr_mult=10, decay_mult=0))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.04, by_epoch=True, begin=0, end=1, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs - 1,
        by_epoch=True,
        begin=1,
        end=max_epochs,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=16)
