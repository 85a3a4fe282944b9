"""Do label maps, numbers of classes and evaluators go together?"""
import os.path as osp
from typing import Dict, List

from mmengine.config import Config

from stssa_mm.files.label_map import read_label_map

from .config_parts import evaluators, path_of
from .findings import Finding, some


def check_label_maps(cfg: Config, parts: Dict[str, dict], findings: List[Finding]) -> Dict[int, str]:
    """Read the label map, and hold every ``num_classes`` to it. Gives class id to name."""
    named = {f'{split}_dataloader.dataset': part for split, part in parts.items()}
    named.update({f'{split}_evaluator': part for split, part in evaluators(cfg)})
    maps, classes = {}, {}
    for where, part in named.items():
        path = part.get('label_file')
        if path and path not in maps:
            try:
                maps[path] = read_label_map(path)
            except (OSError, ValueError) as error:
                findings.append(Finding('error', 'label map', where, str(error)))
                maps[path] = {}
    maps = {path: names for path, names in maps.items() if names}
    if len({tuple(names.items()) for names in maps.values()}) > 1:
        findings.append(Finding('error', 'label maps differ', ', '.join(named), f'{some(list(maps))}: expected the '
                                'same classes everywhere'))
    if maps:
        classes = next(iter(maps.values()))
    head = cfg.get('model', {}).get('roi_head', {}).get('bbox_head', {})
    numbers = {where: (part.get('num_classes', 81), part.get('custom_classes')) for where, part in named.items()}
    if head:
        numbers['model.roi_head.bbox_head'] = head.get('num_classes', 81), None
    customs = [custom for _, custom in numbers.values() if custom]
    for where, (number, custom) in numbers.items():
        custom = custom or (customs[0] if customs and where.startswith('model') else None)
        expected = len(custom) + 1 if custom else max(classes, default=number - 1) + 1
        if number != expected:
            reason = 'the custom_classes + 1' if custom else f'the highest id of the label map is {expected - 1}'
            findings.append(Finding('error', 'num_classes', where, f'{number}: expected {expected}, as {reason}; the '
                                    'datasets, the evaluators and bbox_head need the same'))
    return classes


def check_evaluators(cfg: Config, parts: Dict[str, dict], findings: List[Finding]) -> None:
    """An evaluator must read the files of the dataset that it is given."""
    for split, evaluator in evaluators(cfg):
        part = parts.get(split, parts.get('val'))
        for key in ('ann_file', 'exclude_file', 'label_file', 'custom_classes'):
            ours, theirs = evaluator.get(key), path_of(part, key) if part else None
            if part and ours != theirs and not (key == 'ann_file' and theirs is None):
                findings.append(Finding('error', 'evaluator', f'{split}_evaluator', f'{key}={ours!r}, but {split}_'
                                        f'dataloader.dataset has {theirs!r}: expected the same'))
            if key.endswith('_file') and ours and not osp.isfile(ours):
                findings.append(Finding('error', 'missing file', f'{split}_evaluator', f'{key}={ours!r}: no such file'))
