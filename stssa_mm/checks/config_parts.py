"""What a config says of its data."""
import copy
import os.path as osp
from typing import Iterator, List, Optional, Tuple

from mmengine.config import Config

from stssa_mm.datasets import STSSAAVADataset

from .findings import Finding


def dataset_config(cfg: Config, split: str, findings: List[Finding]) -> Optional[dict]:
    """The arguments of the dataset of a split, without wrappers, or None."""
    part = cfg.get(f'{split}_dataloader')
    part = part and part.get('dataset')
    while part and 'ann_file' not in part and 'dataset' in part:
        part = part['dataset']
    if not part:
        return None
    if part.get('type', '').split('.')[-1] not in ('STSSAAVADataset', 'AVADataset'):
        findings.append(Finding('warning', 'dataset type', split, f'{part.get("type")}: only STSSAAVADataset and '
                                'AVADataset can be checked'))
        return None
    return dict(part)


def path_of(part: dict, key: str) -> Optional[str]:
    """A file that a dataset's config names; annotations are relative to its ``data_root``."""
    path = part.get(key)
    return osp.join(part.get('data_root') or '', path) if path and key == 'ann_file' else path


def evaluators(cfg: Config) -> Iterator[Tuple[str, dict]]:
    """Each evaluator that has an annotation file, and its split."""
    for split in ('val', 'test'):
        found = cfg.get(f'{split}_evaluator') or []
        for evaluator in found if isinstance(found, (list, tuple)) else [found]:
            if 'ann_file' in evaluator:
                yield split, evaluator


def transforms_of(part: dict) -> List[str]:
    """The names of a pipeline's transforms."""
    return [transform.get('type', '').split('.')[-1] for transform in part.get('pipeline') or ()]


def goes_by_video_times(part: dict) -> bool:
    """Whether the pipeline finds a timestamp by the times at which a video shows its frames, whatever ``fps`` says."""
    return {'STSSAVideoInit', 'STSSASampleFrames'} <= set(transforms_of(part))


def build_dataset(part: dict, **changes) -> STSSAAVADataset:
    """The dataset of a config's part, with all its key frames."""
    arguments = {key: copy.deepcopy(value) for key, value in part.items() if key not in ('type', '_scope_', 'pipeline')}
    return STSSAAVADataset(**{**arguments, 'missing_proposals': 'keep', 'test_mode': True, **changes})
