# SSFA and TSFA on an I3D trunk, AVA v2.1: Table 2, row 6 of the paper over given person boxes, with RoIAlign. The
# paper's whole detector, with its own region proposals and RoIPool, is stssa_ava_faster-rcnn.py. The other configs are
# children of this one, but for those of trunks/.
_base_ = [
    'mmaction::detection/slowonly/slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb.py',
    './_base_/extension.py'
]

# Kinetics-400 weights of MMAction2's model zoo; the classifier they bring along is not used.
url = ('https://download.openmmlab.com/mmaction/v1.0/recognition/i3d/'
       'i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb/'
       'i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb_20220812-e213c223.pth')

model = dict(
    type='STSSAFastRCNN',
    init_cfg=dict(type='Pretrained', checkpoint=url),
    backbone=dict(
        _delete_=True,
        type='mmaction.ResNet3d',  # 32 frames to T = 4
        depth=50,
        pretrained=None,
        pretrained2d=False,
        conv1_kernel=(5, 7, 7),
        conv1_stride_t=2,
        pool1_stride_t=2,
        inflate=((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
        spatial_strides=(1, 2, 2, 1),  # a cell of the map is 16 pixels
        zero_init_residual=False),
    roi_head=dict(
        type='STSSARoIHead',
        with_negatives=False,
        bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=7, with_temporal_pool=False),
        shared_head=dict(type='STSSANeck', in_channels=2048, dims=2048, layers=2, norm=True),
        bbox_head=dict(type='STSSABBoxHead', pooling='GAP')))

train_pipeline = [
    dict(type='STSSASampleFrames', clip_len=32, frame_interval=2),  # the paper prints the frames, not the interval
    dict(type='STSSARawFrameDecode'),
    dict(type='RandomRescale', scale_range=(256, 320)),
    dict(type='RandomCrop', size=256),
    dict(type='STSSADropEmptyBoxes'),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs')
]
val_pipeline = [
    dict(type='STSSASampleFrames', clip_len=32, frame_interval=2, test_mode=True),
    dict(type='STSSARawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs')
]

# FAIR's proposals have no entry where its detector found nobody: the log counts these key frames.
dataset = dict(type='STSSAAVADataset', missing_proposals='empty')
# timeout: seconds after which a batch that does not come ends the run.
train_dataloader = dict(batch_size=8, timeout=600, dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(timeout=600, dataset=dict(pipeline=val_pipeline, **dataset))
test_dataloader = val_dataloader

val_evaluator = dict(type='STSSAAVAMetric', per_class=True)
test_evaluator = val_evaluator

default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))  # an epoch's takes 0.7 GB

# MMAction2's AVA schedule for 8 GPUs of 8 clips (the paper prints none); --auto-scale-lr fits it to another number.
optim_wrapper = dict(optimizer=dict(lr=0.1))
auto_scale_lr = dict(enable=False, base_batch_size=64)
