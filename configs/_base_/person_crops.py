# Clips of 16 frames, cropped to the people around the annotated moment: for the small network on real videos.
_base_ = './small_network.py'

model = dict(
    backbone=dict(base_channels=32, pool1_stride_t=2),  # 16 frames to T = 4
    roi_head=dict(
        shared_head=dict(in_channels=256, dims=256, norm=False),
        bbox_head=dict(in_channels=256, multilabel=False)))

pack = dict(
    type='PackActionInputs', meta_keys=('img_shape', 'img_key', 'video_id', 'timestamp', 'crop_quadruple'))
train_pipeline = [
    dict(type='STSSAVideoInit'),
    dict(type='STSSASampleFrames', clip_len=16, frame_interval=2),
    dict(type='STSSAVideoDecode'),
    dict(type='STSSAPersonCrop', size=112, scale_jitter=(0.8, 1.25), shift_jitter=0.1),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW', collapse=True), pack
]
val_pipeline = [
    dict(type='STSSAVideoInit'),
    dict(type='STSSASampleFrames', clip_len=16, frame_interval=2, test_mode=True),
    dict(type='STSSAVideoDecode'),
    dict(type='STSSAPersonCrop', size=112),
    dict(type='FormatShape', input_format='NCTHW', collapse=True), pack
]
frame_numbers = dict(fps=1, timestamp_start=1)  # a timestamp is the number of a frame, from 1
train_dataloader = dict(batch_size=16, num_workers=2, dataset=dict(pipeline=train_pipeline, **frame_numbers))
val_dataloader = dict(batch_size=16, num_workers=2, dataset=dict(pipeline=val_pipeline, **frame_numbers))
test_dataloader = val_dataloader

max_epochs = 10
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
# AdamW's step does not shrink with the gradient, and that of the branches is tiny while the gammas are near 0: at the
# trunk's rate they are noise before they are of use.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(branches=dict(lr_mult=0.1), gammas=dict(decay_mult=0))))
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
