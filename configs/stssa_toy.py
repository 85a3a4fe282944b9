# The toy set: drawn people in AVA's formats, seconds to make, minutes to train on two cores.
# Data: python tools/data/make_toy.py
_base_ = './_base_/small_network.py'

num_classes = 9  # 8 labels + 1
model = dict(
    backbone=dict(base_channels=16, pool1_stride_t=1),  # 16 frames to T = 8
    roi_head=dict(
        shared_head=dict(in_channels=128, dims=64),
        bbox_head=dict(in_channels=64, num_classes=num_classes)))

train_pipeline = [
    dict(type='STSSAVideoInit'),
    dict(type='STSSASampleFrames', clip_len=16, frame_interval=1),
    dict(type='STSSAVideoDecode'),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs')
]
val_pipeline = [
    dict(type='STSSAVideoInit'),
    dict(type='STSSASampleFrames', clip_len=16, frame_interval=1, test_mode=True),
    dict(type='STSSAVideoDecode'),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs')
]

data_root = 'data/toy'
annotations = f'{data_root}/annotations'
label_file = f'{annotations}/action_list.pbtxt'
val_files = dict(ann_file=f'{annotations}/val.csv', exclude_file=f'{annotations}/val_excluded_timestamps.csv')
dataset = dict(
    label_file=label_file,
    data_prefix=dict(img=f'{data_root}/videos'),
    num_classes=num_classes,
    fps=10,
    timestamp_start=900)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        ann_file=f'{annotations}/train.csv',
        exclude_file=f'{annotations}/train_excluded_timestamps.csv',
        proposal_file=f'{annotations}/train_proposals.pkl',
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(
        proposal_file=f'{annotations}/val_proposals.pkl', pipeline=val_pipeline, **val_files, **dataset))
test_dataloader = val_dataloader

val_evaluator = dict(label_file=label_file, num_classes=num_classes, **val_files)
test_evaluator = val_evaluator

max_epochs = 12
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(gammas=dict(lr_mult=10, decay_mult=0))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.04, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs - 2,
        by_epoch=True,
        begin=2,
        end=max_epochs,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=8)
