"""A config for a dataset, as a child of one of ours."""
import os
import re
from pathlib import Path

from mmengine.config import Config

from stssa_mm.files.whole_file import whole_file

TEMPLATE = """\
# {title}
_base_ = {base!r}

num_classes = {num_classes}  # {classes} + 1
data_root = '{{{{ fileDirname }}}}'
annotations = f'{{data_root}}/annotations'
label_file = f'{{annotations}}/action_list.pbtxt'

model = dict(roi_head=dict(bbox_head=dict(num_classes=num_classes, multilabel={multilabel})))
{pipelines}
dataset = dict(
    exclude_file=None,
    label_file=label_file,
    data_prefix=dict(img=f'{{data_root}}/videos'),
    num_classes=num_classes,
    person_det_score_thr={score_thr},  # as the proposals were chosen
    use_frames=False,
    video_suffix='',  # the ids have their extensions
    start_index=0,
    fps=1,  # a timestamp is a frame number
    timestamp_start=1)
train_dataloader = dict(
    dataset=dict(
        ann_file=f'{{annotations}}/train.csv',
        proposal_file=f'{{annotations}}/train_proposals.pkl',
{train_pipeline}        **dataset))
{validation}"""
VALIDATION = """\
val_dataloader = dict(
    dataset=dict(
        ann_file=f'{{annotations}}/val.csv',
        proposal_file=f'{{annotations}}/val_proposals.pkl',
{val_pipeline}        **dataset))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=f'{{annotations}}/val.csv',
    label_file=label_file,
    exclude_file=None,
    num_classes=num_classes,
    per_class=True)
test_evaluator = val_evaluator
"""
# Where everything trains: a test writes the detections on the people of training, and there is no mAP.
NO_VALIDATION = """\
val_dataloader = val_evaluator = val_cfg = None  # everything trains
test_dataloader = dict(
    dataset=dict(
        ann_file=None,
        proposal_file=f'{{annotations}}/train_proposals.pkl',
{val_pipeline}        **dataset))
test_evaluator = dict(
    ann_file=None,
    label_file=label_file,
    exclude_file=None,
    num_classes=num_classes)
"""
# For a base that reads extracted frames.
PIPELINES = """
{key} = [dict(type='STSSAVideoInit'), _base_.{key}[0], dict(type='STSSAVideoDecode'), *_base_.{key}[2:]]"""


def check_place(folder: Path) -> None:
    """Whether a config may stand in a folder: MMEngine puts the folder's path into the config's text as it is, where a
    quotation mark ends a string and what follows runs.

    Raises:
        ValueError: If the path holds a quotation mark, backslash, brace or control character.
    """
    path = Path(folder).resolve().as_posix()
    if re.search(r'[\'"\\{}\x00-\x1f\x7f]', path):
        raise ValueError(f'{path!r}: expected a folder whose path has no quotation marks, backslashes, braces and line '
                         'breaks, as its config holds the path: choose another --out')


def write_child_config(path: Path, base: Path, title: str, classes: int, multilabel: bool, score_thr: float,
                       validates: bool = True) -> None:
    """Write a config beside the dataset that :func:`write_dataset` makes.

    Args:
        path (Path): The config, in the dataset's folder.
        base (Path): The config that it inherits from, of videos or of extracted frames.
        title (str): Its first line.
        classes (int): Number of classes.
        multilabel (bool): Whether a person may do several things at a time.
        score_thr (float): Least score of a proposal.
        validates (bool): Whether there are validation files. Defaults to True.
    """
    pipelines, replaced = '', {}
    for key in ('train_pipeline', 'val_pipeline'):
        types = [step['type'] for step in Config.fromfile(base).get(key, [])]
        if types[1:2] in (['RawFrameDecode'], ['STSSARawFrameDecode']):
            pipelines += PIPELINES.format(key=key)
            replaced[key] = f'        pipeline={key},\n'
    relative = os.path.relpath(Path(base).resolve(), Path(path).parent.resolve())
    validation = (VALIDATION if validates else NO_VALIDATION).format(val_pipeline=replaced.get('val_pipeline', ''))
    with whole_file(path) as part:
        part.write_text(TEMPLATE.format(
            title=title, base=relative, num_classes=classes + 1, classes=classes, multilabel=multilabel,
            score_thr=score_thr, pipelines=pipelines + '\n' if pipelines else '',
            train_pipeline=replaced.get('train_pipeline', ''), validation=validation))
