"""What a config would train and test on, checked: the answer to "the loss falls and mAP is 0"."""
from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Set

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.files.text import plural

from .config_parts import build_dataset, dataset_config, goes_by_video_times
from .findings import LEVELS, Finding
from .label_maps import check_evaluators, check_label_maps
from .leakage import check_leakage
from .media import UNOPENED, check_media, check_pipeline
from .people import check_classes, check_people, count_classes
from .proposals import check_missing, check_proposals
from .scenes import same_scenes

SPLITS = ('train', 'val', 'test')


class Checked(NamedTuple):
    """What came out.

    Attributes:
        findings (list[Finding]): Errors first.
        classes (dict[int, str]): Class id to name.
        histogram (dict[str, Counter]): Split to class id to annotated boxes.
        datasets (dict[str, STSSAAVADataset]): Split to dataset, where it could be read.
        by_video (set[str]): Splits whose pipeline goes by presentation timestamps, whatever ``fps`` says.
    """
    findings: List[Finding]
    classes: Dict[int, str]
    histogram: Dict[str, Counter]
    datasets: Dict[str, STSSAAVADataset]
    by_video: Set[str]

    @property
    def verdict(self) -> str:
        """Text: one line."""
        count = {level: sum(finding.level == level for finding in self.findings) for level in LEVELS}
        warnings = plural(count['warning'], 'warning')
        if count['error']:
            return f'training cannot work or mAP will be wrong: {plural(count["error"], "error")}, {warnings}'
        partly = any(finding.name == UNOPENED for finding in self.findings)
        return f'no error found, {warnings}' + (', but not all videos were opened' if partly else '')


def check_config(cfg: Config, videos: int = 3) -> Checked:
    """Check the datasets and evaluators of a config against their files and each other.

    Args:
        cfg (Config): Of a training run.
        videos (int): Of each split so many videos are opened, to see how long and how fast they are. -1: all.
            Defaults to 3.

    Returns:
        Checked: The findings, and what they were found on.
    """
    findings: List[Finding] = []
    parts = {split: dataset_config(cfg, split, findings) for split in SPLITS}
    parts = {split: part for split, part in parts.items() if part}
    if parts.get('test') == parts.get('val'):
        parts.pop('test', None)
    classes = check_label_maps(cfg, parts, findings)
    check_evaluators(cfg, parts, findings)
    by_video = {split for split, part in parts.items() if goes_by_video_times(part)}
    datasets = {}
    for split, part in parts.items():
        dataset = read_dataset(split, part, findings)
        if dataset is not None:
            datasets[split] = dataset
            check_missing(split, dataset, part, bool(cfg.get('model', {}).get('rpn_head')), findings)
            check_people(split, dataset, cfg, findings)
            check_pipeline(split, dataset, part, findings)
            check_proposals(split, dataset, part, cfg, classes, findings)
            check_media(split, dataset, part, videos, findings)
    # A test without labels has no mAP.
    labelled = {split: dataset for split, dataset in datasets.items() if parts[split].get('ann_file')}
    check_leakage(labelled, findings)
    findings += [Finding('warning', 'same scene', split, text) for split, text in same_scenes(labelled).items()]
    histogram = {split: count_classes(dataset) for split, dataset in labelled.items()}
    check_classes(histogram, classes, findings)
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    return Checked(findings, classes, histogram, datasets, by_video)


def read_dataset(split: str, part: dict, findings: List[Finding]) -> Optional[STSSAAVADataset]:
    """The dataset, or None if it cannot be read."""
    try:
        dataset = build_dataset(part)
    except FileNotFoundError as error:
        findings.append(Finding('error', 'missing file', split, str(error)))
        return None
    except (OSError, ValueError) as error:
        findings.append(Finding('error', 'malformed file', split, str(error)))
        return None
    return dataset


def class_table(checked: Checked) -> str:
    """Text: a row a class with the number of its annotated boxes in each split."""
    splits = list(checked.histogram)
    table = Table('id', 'class', *splits)
    for number, name in checked.classes.items():
        table.add_row(str(number), name, *(str(checked.histogram[split][number]) for split in splits))
    console = Console(width=100)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
