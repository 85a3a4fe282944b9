"""A small config of the Lite family on the toy set."""
from conftest import REPO

CONFIG = """\
_base_ = '{repo}/configs/stssa_lite0_own-videos.py'

model = dict(
    backbone=dict(out='_blocks.4'),
    roi_head=dict(
        bbox_roi_extractor=dict(featmap_stride=8, output_size=3),
        shared_head=dict(in_channels=160, dims=16),
        bbox_head=dict(in_channels=16, num_classes=9, multilabel=True)))
dataset = dict(label_file='{toy}/annotations/action_list.pbtxt', data_prefix=dict(img='{toy}/videos'), num_classes=9,
               fps=10, timestamp_start=900)
sample = dict(type='STSSASampleFrames', clip_len=4, frame_interval=2)
resize = dict(type='Resize', scale=(-1, 48))
train_pipeline = [
    dict(type='STSSAVideoInit'), dict(sample, shift=1), dict(type='STSSAVideoDecode'), resize,
    dict(type='Flip', flip_ratio=0.5), dict(type='STSSABoxJitter'),
    dict(type='FormatShape', input_format='NCTHW', collapse=True), dict(type='PackActionInputs')
]
val_pipeline = [
    dict(type='STSSAVideoInit'), dict(sample, test_mode=True), dict(type='STSSAVideoDecode'), resize,
    dict(type='FormatShape', input_format='NCTHW', collapse=True), dict(type='PackActionInputs')
]
val_files = dict(ann_file='{toy}/annotations/val.csv', exclude_file='{toy}/annotations/val_excluded_timestamps.csv')
train_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(
    ann_file='{toy}/annotations/train.csv', exclude_file='{toy}/annotations/train_excluded_timestamps.csv',
    proposal_file='{toy}/annotations/train_proposals.pkl', pipeline=train_pipeline, **dataset))
val_dataloader = dict(num_workers=0, persistent_workers=False, batch_size=3, dataset=dict(
    proposal_file='{toy}/annotations/val_proposals.pkl', pipeline=val_pipeline, **val_files, **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(label_file='{toy}/annotations/action_list.pbtxt', num_classes=9, **val_files)
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2, val_interval=2)
"""


def write_config(folder, toy, name='small.py', change=('', '')):
    """The config in a folder, with one text of it exchanged for another."""
    text = CONFIG.format(repo=REPO, toy=toy)
    assert change[0] in text
    (folder / name).write_text(text.replace(*change))
    return folder / name
