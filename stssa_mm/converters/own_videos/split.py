"""Which videos train and which validate."""
import random
from typing import Dict, Set


def split_videos(labels: Dict[str, Set[str]], val_share: float, seed: int = 0) -> Set[str]:
    """Choose validation videos so that each class has its share of them, and is in both parts.

    Classes choose one after the other, the rarest first, among the videos that no class before has given a part.

    Args:
        labels (dict[str, set[str]]): The classes of each video.
        val_share (float): Part of the videos, more than 0 and less than 1.
        seed (int): The same seed and labels give the same split. Defaults to 0.

    Returns:
        set[str]: The validation videos.

    Raises:
        ValueError: If a class cannot be in both parts.
    """
    if not 0 < val_share < 1:
        raise ValueError(f'val_share={val_share}: expected more than 0 and less than 1')
    members: Dict[str, list] = {}
    for video in sorted(labels):
        for name in labels[video]:
            members.setdefault(name, []).append(video)
    rng = random.Random(seed)
    train: Set[str] = set()
    val: Set[str] = set()
    for name in sorted(members, key=lambda name: (len(members[name]), name)):
        videos = members[name]
        if len(videos) < 2:
            raise ValueError(f'class {name!r}: only the video {videos[0]} has it: expected two, to train and to '
                             'validate')
        wanted = min(max(round(val_share * len(videos)), 1), len(videos) - 1)
        assigned = train | val
        free = [video for video in videos if video not in assigned]
        rng.shuffle(free)
        count = max(wanted - len(val.intersection(videos)), 0)
        val.update(free[:count])
        train.update(free[count:])
    for name, videos in members.items():
        if val.issuperset(videos) or train.issuperset(videos):
            raise ValueError(f'class {name!r}: all of its videos fall into one part with seed={seed} and '
                             f'val_share={val_share}: try another seed, or label more videos')
    return val
