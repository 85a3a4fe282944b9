# JHMDB split 1, frame by frame, ground-truth boxes as proposals; a small trunk from scratch that two cores can train.
# Data: python tools/data/jhmdb.py /path/to/JHMDB
_base_ = './stssa_ava.py'

num_classes = 22  # 21 actions + 1
model = dict(
    init_cfg=None,
    backbone=dict(
        depth=18,
        base_channels=32,
        conv1_kernel=(3, 7, 7),
        pool1_stride_t=2,
        with_pool2=False,  # 16 frames to T = 4
        inflate=(1, 1, 1, 1),
        inflate_style='3x3x3'),
    roi_head=dict(
        shared_head=dict(in_channels=256, dims=256, norm=False),
        bbox_head=dict(in_channels=256, num_classes=num_classes, multilabel=False, dropout_ratio=0.5)))

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

data_root = 'data/jhmdb'
annotations = f'{data_root}/annotations'
dataset = dict(
    exclude_file=None,
    label_file=f'{annotations}/action_list.pbtxt',
    data_prefix=dict(img=f'{data_root}/videos'),
    num_classes=num_classes,
    use_frames=False,
    missing_proposals='error',
    start_index=0,
    fps=1,  # a timestamp is a frame number
    timestamp_start=1)
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    dataset=dict(
        pipeline=train_pipeline,
        ann_file=f'{annotations}/train_split1.csv',
        proposal_file=f'{annotations}/train_split1_proposals.pkl',
        **dataset))
val_dataloader = dict(
    batch_size=16,
    num_workers=2,
    dataset=dict(
        pipeline=val_pipeline,
        ann_file=f'{annotations}/test_split1.csv',
        proposal_file=f'{annotations}/test_split1_proposals.pkl',
        **dataset))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=f'{annotations}/test_split1.csv',
    label_file=f'{annotations}/action_list.pbtxt',
    exclude_file=None,
    num_classes=num_classes)
test_evaluator = val_evaluator

max_epochs = 10
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.05),
    # AdamW's step does not shrink with the gradient, and that of the branches is tiny while the gammas are near 0: at
    # the trunk's rate they are noise before they are of use.
    paramwise_cfg=dict(custom_keys=dict(branches=dict(lr_mult=0.1), gammas=dict(decay_mult=0))))
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
