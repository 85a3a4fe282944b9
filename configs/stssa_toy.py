# The toy set: drawn people in AVA's formats, seconds to make, minutes to train on two cores.
# Data: python tools/data/make_toy.py
_base_ = './stssa_ava.py'

num_classes = 9  # 8 labels + 1
model = dict(
    init_cfg=None,
    backbone=dict(
        depth=18,
        base_channels=16,
        conv1_kernel=(3, 7, 7),
        pool1_stride_t=1,
        with_pool2=False,  # 16 frames to T = 8
        inflate=(1, 1, 1, 1),
        inflate_style='3x3x3'),
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
ann_file_val, exclude_file_val = f'{annotations}/val.csv', f'{annotations}/val_excluded_timestamps.csv'
dataset = dict(
    label_file=label_file,
    data_prefix=dict(img=f'{data_root}/videos'),
    num_classes=num_classes,
    use_frames=False,
    missing_proposals='error',
    start_index=0,
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
        ann_file=ann_file_val,
        exclude_file=exclude_file_val,
        proposal_file=f'{annotations}/val_proposals.pkl',
        pipeline=val_pipeline,
        **dataset))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=ann_file_val,
    exclude_file=exclude_file_val,
    label_file=label_file,
    num_classes=num_classes)
test_evaluator = val_evaluator

max_epochs = 12
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.05),
    paramwise_cfg=dict(custom_keys=dict(gammas=dict(lr_mult=10, decay_mult=0))))
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
