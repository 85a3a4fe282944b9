"""Do the proposals find the annotated people?"""
from typing import Dict, List

import numpy as np
from mmengine.config import Config

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.evaluation.boxes import Boxes, best_overlaps

from .chance import chance_of
from .config_parts import build_dataset
from .findings import SEVERAL, Finding
from .people import used_frames

LOW_RECALL, HOPELESS_RECALL = 0.8, 0.1


def _people(dataset: STSSAAVADataset, frames: np.ndarray) -> Boxes:
    """The people of some key frames, as boxes without a class. ``frames`` (F,) bool."""
    people = dataset.key_frames.people
    frame = np.repeat(np.arange(len(frames)), np.diff(people))
    boxes = Boxes(frame, dataset.key_frames.box, np.zeros(len(frame), np.int64), np.ones(len(frame)))
    return boxes.take(frames[frame])


def check_missing(split: str, dataset: STSSAAVADataset, part: dict, proposes: bool, findings: List[Finding]) -> None:
    """Is there an entry for each key frame? ``proposes``: whether the model finds the people itself."""
    missing = np.flatnonzero(dataset.missing[dataset.data_list]).tolist()
    if missing:
        keys = [dataset.get_data_info(index)['img_key'] for index in missing[:SEVERAL]]
        missing_is_error = part.get('missing_proposals', 'error') == 'error'
        level = 'error' if missing_is_error or len(missing) == len(dataset) else 'warning'
        findings.append(Finding(level, 'missing proposals', split, (
            f'{len(missing)} of {len(dataset)} key frames are not in {part["proposal_file"]}, such as '
            f'{"; ".join(keys)}: make it with tools/data/make_proposals.py')))
    if dataset.proposals is None and not proposes:
        findings.append(Finding('error', 'no proposals', split, 'proposal_file is not set: the model has no boxes to '
                                'classify. tools/data/make_proposals.py makes it'))


def check_proposals(split: str, dataset: STSSAAVADataset, part: dict, cfg: Config, classes: Dict[int, str],
                     findings: List[Finding]) -> None:
    """Do the proposals find the annotated people?"""
    if dataset.proposals is None:
        return
    used = used_frames(dataset)
    people = _people(dataset, used)
    frame = np.repeat(np.arange(len(used)), np.diff(dataset.proposals.start))
    boxes = Boxes(frame, dataset.proposals.box.astype(np.float64), np.zeros(len(frame), np.int64),
                  dataset.proposals.score)
    boxes = boxes.take(used[frame])
    if not len(people.box):
        return
    overlap, _ = best_overlaps(people, boxes, len(used))
    rcnn = ((cfg.get('model', {}).get('train_cfg') or {}).get('rcnn') or {})
    positive = (rcnn.get('assigner') or {}).get('pos_iou_thr', 0.5)
    recall = {threshold: float((overlap >= threshold).mean()) for threshold in (0.5, positive)}
    text = (f'{len(boxes.box) / max(used.sum(), 1):.1f} proposals a key frame find '
            + ' and '.join(f'{value:.1%} of the {len(overlap)} people at IoU {threshold:g}'
                           for threshold, value in recall.items()))
    decisive = positive if split == 'train' else 0.5
    level = 'note'
    if recall[decisive] < LOW_RECALL:
        level = 'error' if recall[decisive] < HOPELESS_RECALL else 'warning'
        text += ': people without a proposal are ' + ('not trained on' if split == 'train' else 'missed')
        swapped, _ = best_overlaps(people, boxes._replace(box=boxes.box[:, [1, 0, 3, 2]]), len(used))
        if (swapped >= decisive).mean() > recall[decisive]:
            level = 'error'
            text += (f'. With x and y swapped it would be {(swapped >= decisive).mean():.1%}: expected x1, y1, x2, y2 '
                     'in the proposals and in the annotations')
    if recall[decisive] < 0.999 and part.get('person_det_score_thr', 0.9) > 0:
        everything = build_dataset(part, person_det_score_thr=0)
        frame = np.repeat(np.arange(len(used)), np.diff(everything.proposals.start))
        more, _ = best_overlaps(people, Boxes(frame, everything.proposals.box.astype(np.float64),
                                              np.zeros(len(frame), np.int64), everything.proposals.score), len(used))
        gain = (more >= decisive).mean() - recall[decisive]
        if gain > 0.05:
            level = 'warning' if level == 'note' else level
            text += (f'. All proposals of the file would find {(more >= decisive).mean():.1%}: person_det_score_thr='
                     f'{part.get("person_det_score_thr", 0.9):g} leaves them out')
    findings.append(Finding(level, 'recall of the proposals', split, text))
    if split != 'train':
        chance = chance_of(dataset, boxes, used, classes)
        findings.append(Finding('note' if chance.upper_bound >= LOW_RECALL else 'warning', 'upper bound', split, (
            f'a perfect classifier of these proposals would reach frame-mAP@0.5 {chance.upper_bound:.4f}, random '
            f'scores {chance.mean_ap:.4f}')))
