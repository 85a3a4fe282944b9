"""Is what a split tests on in training too?"""
from typing import Dict, List

from stssa_mm.datasets import STSSAAVADataset

from .findings import Finding, some


def check_leakage(datasets: Dict[str, STSSAAVADataset], findings: List[Finding]) -> None:
    """Key frames and videos of the other splits that training has."""
    if 'train' not in datasets:
        return

    def keys(dataset, frames):
        names = dataset.key_frames.videos[dataset.key_frames.video[frames]].tolist()
        return set(zip(names, dataset.key_frames.timestamp[frames].tolist()))

    train = keys(datasets['train'], datasets['train'].data_list)
    videos = {video for video, _ in train}
    for split, dataset in datasets.items():
        if split == 'train':
            continue
        found = keys(dataset, dataset.data_list)
        both, same = sorted(found & train), sorted({video for video, _ in found} & videos)
        if both:
            findings.append(Finding('error', 'leakage', split, (
                f'{len(both)} of {len(found)} key frames are in training too, such as {both[0][0]} at {both[0][1]:g}: '
                'the mAP says nothing about new videos')))
        elif same:
            findings.append(Finding('warning', 'leakage', split, f'{len(same)} videos are in training too, at other '
                                    f'times: {some(same)}: the mAP may say little about new videos'))
