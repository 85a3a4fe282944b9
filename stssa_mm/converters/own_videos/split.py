"""Which videos train and which validate, and which are divided by time."""
import random
from collections import Counter
from typing import Dict, Iterable, List, NamedTuple, Sequence, Set

from stssa_mm.video.clock import TIE

GAP = 1.0  # seconds between training and validation within a video: about the length of a clip
LOPSIDED = 2  # a class's share of validation that is this many times off is reported


class Moment(NamedTuple):
    """A key frame of a video: its timestamp in the files, its time in seconds, and the classes on it."""
    timestamp: int
    seconds: float
    labels: Set[str]


class Split(NamedTuple):
    """Where key frames go.

    Attributes:
        part (dict[str, dict[int, str]]): Video to timestamp to ``'train'``, ``'val'`` or ``''``: left out.
        warnings (list[str]): What the user has to know of it.
    """
    part: Dict[str, Dict[int, str]]
    warnings: List[str]


def split_videos(labels: Dict[str, Set[str]], val_share: float, seed: int = 0) -> Set[str]:
    """Choose validation videos so that each class has its share of them.

    Classes choose one after the other, the rarest first, among the videos that no class before has given a part. A
    class of one video has it in training. Of ten shuffles that with the fewest classes in one part only is taken.

    Args:
        labels (dict[str, set[str]]): The classes of each video.
        val_share (float): Part of the videos, more than 0 and less than 1.
        seed (int): The same seed and labels give the same split. Defaults to 0.

    Returns:
        set[str]: The validation videos.
    """
    members: Dict[str, list] = {}
    for video in sorted(labels):
        for name in labels[video]:
            members.setdefault(name, []).append(video)
    rng = random.Random(seed)
    best = None
    for _ in range(10):
        val = _shuffled(members, val_share, rng)
        missed = sum(len(videos) > 1 and (val.issuperset(videos) or val.isdisjoint(videos))
                     for videos in members.values())
        if best is None or missed < best[0]:
            best = missed, val
        if not missed:
            break
    return best[1]


def _shuffled(members: Dict[str, list], val_share: float, rng: random.Random) -> Set[str]:
    train: Set[str] = set()
    val: Set[str] = set()
    for name in sorted(members, key=lambda name: (len(members[name]), name)):
        videos = members[name]
        wanted = min(max(round(val_share * len(videos)), 1), len(videos) - 1)
        free = [video for video in videos if video not in train and video not in val]
        rng.shuffle(free)
        count = max(wanted - len(val.intersection(videos)), 0)
        val.update(free[:count])
        train.update(free[count:])
    return val


def check_share(val_share: float) -> None:
    """Raises ValueError unless it is a share of validation: 0 (all train) or more, and less than 1."""
    if not 0 <= val_share < 1:
        raise ValueError(f'val_share={val_share}: expected 0 (everything trains) or more, and less than 1')


def split_moments(moments: Dict[str, Sequence[Moment]], val_share: float, seed: int = 0) -> Split:
    """Give each key frame its part, whole videos where that is possible.

    A class that would be in one part only has one of its videos divided by time: its later key frames validate, and
    training key frames nearer to these than ``GAP`` are left out.

    Args:
        moments (dict[str, list[Moment]]): The key frames of each video, in order.
        val_share (float): Part of each class for validation; 0: everything trains.
        seed (int): Defaults to 0.

    Returns:
        Split: It is never refused: what cannot be is among its warnings.
    """
    check_share(val_share)
    if not val_share:
        return Split({video: {moment.timestamp: 'train' for moment in of} for video, of in moments.items()}, [])
    labels = {video: set().union(*(moment.labels for moment in of)) for video, of in moments.items()}
    members: Dict[str, list] = {}
    for video in sorted(labels):
        for name in labels[video]:
            members.setdefault(name, []).append(video)
    divided = {videos[0] for videos in members.values() if len(videos) == 1}
    val = split_videos({video: names for video, names in labels.items() if video not in divided}, val_share, seed)

    def in_one_part() -> List[str]:
        return sorted((name for name, videos in members.items() if divided.isdisjoint(videos)
                       and (val.issuperset(videos) or val.isdisjoint(videos))), key=lambda name: len(members[name]))

    while names := in_one_part():
        name = names[0]
        divided.add(max(members[name], key=lambda video: sum(name in moment.labels for moment in moments[video])))
    part = {video: {moment.timestamp: 'val' if video in val else 'train' for moment in of}
            for video, of in moments.items() if video not in divided}
    warnings = []
    for video in sorted(divided):
        # Classes that other videos have in both parts do not need this one.
        needy = [name for name in labels[video]
                 if len({video in val for video in members[name] if video not in divided}) < 2]
        part[video] = _by_time(moments[video], needy, val_share)
        count = Counter(part[video].values())
        names = ', '.join(repr(name) for name in sorted(needy))
        if not count['val']:
            warnings.append(f'{video}: too few key frames to divide it for {names}: all of them train')
            continue
        warnings.append(
            f'{video} is divided by time, as {names} would else be in one part only: {count["train"]} key frames '
            f'train, {count["val"]} validate, {count[""]} between them are left out. The mAP says little about new '
            'videos: label more')
    return Split({video: part[video] for video in moments}, warnings)


def _by_time(moments: Sequence[Moment], names: Iterable[str], val_share: float) -> Dict[int, str]:
    """The parts of one video's key frames, so that each of the classes is in both."""
    own = {name: [moment for moment in moments if name in moment.labels] for name in names}
    part: Dict[int, str] = {}
    for name in sorted(own, key=lambda name: (len(own[name]), name)):
        stamps = [moment.timestamp for moment in own[name]]
        wanted = min(max(round(val_share * len(stamps)), 1), len(stamps) - 1)
        free = [stamp for stamp in stamps if stamp not in part]
        count = max(wanted - sum(part.get(stamp) == 'val' for stamp in stamps), 0)
        for place, stamp in enumerate(free):
            part[stamp] = 'val' if place >= len(free) - count else 'train'
    chosen = [moment for moment in moments if moment.timestamp in part]
    for moment in moments:
        if moment.timestamp not in part:
            nearest = min(chosen, key=lambda other: abs(other.seconds - moment.seconds), default=None)
            part[moment.timestamp] = part[nearest.timestamp] if nearest else 'train'
    _leave_gap(moments, part)
    return part


def _leave_gap(moments: Sequence[Moment], part: Dict[int, str]) -> None:
    """Leave out training key frames beside validation, but the last of a class."""
    val = [moment.seconds for moment in moments if part[moment.timestamp] == 'val']
    train = [moment for moment in moments if part[moment.timestamp] == 'train']
    left = Counter(name for moment in train for name in moment.labels)
    distance = {moment.timestamp: min((abs(moment.seconds - other) for other in val), default=GAP) for moment in train}
    for moment in sorted(train, key=lambda moment: distance[moment.timestamp]):
        if distance[moment.timestamp] < GAP - TIE and all(left[name] > 1 for name in moment.labels):
            part[moment.timestamp] = ''
            left.subtract(moment.labels)


def given_split(moments: Dict[str, Sequence[Moment]], parts: Dict[str, str]) -> Split:
    """The user's own split.

    Args:
        moments (dict[str, list[Moment]]): The key frames of each video.
        parts (dict[str, str]): Video to part.

    Raises:
        ValueError: If a video has no part, or none trains.
    """
    without = [video for video in moments if not parts.get(video)]
    if without:
        raise ValueError(f'{len(without)} videos have no part in the split, such as {", ".join(without[:3])}: expected '
                         'train or val for each')
    if not any(parts[video] == 'train' for video in moments):
        raise ValueError('the split has no videos with people to train on: expected some')
    return Split({video: {moment.timestamp: parts[video] for moment in of} for video, of in moments.items()}, [])


def lopsided(moments: Dict[str, Sequence[Moment]], split: Split, val_share: float) -> List[str]:
    """What is wrong with a split: classes in one part only, or with another share of validation than asked for.

    Args:
        moments (dict[str, list[Moment]]): The key frames of each video.
        split (Split): Of them.
        val_share (float): The share that was asked for.

    Returns:
        list[str]: Warnings, each with all classes that it is about. None where everything trains.
    """
    count: Dict[str, Counter] = {}
    for video, of in moments.items():
        for moment in of:
            for name in moment.labels:
                count.setdefault(name, Counter())[split.part[video][moment.timestamp]] += 1
    warnings = []
    if not any(counts['val'] for counts in count.values()):
        return warnings
    for one, other, what in (('train', 'val', 'nothing validates them'), ('val', 'train', 'nothing trains them')):
        names = [f'{name!r} ({count[name][one]} key frames)' for name in sorted(count) if not count[name][other]]
        if names:
            warnings.append(f'classes in {one} only, so that {what}: {", ".join(names)}')
    off = []
    for name in sorted(count):
        val, both = count[name]['val'], count[name]['train'] + count[name]['val']
        if 0 < val < both and not val_share / LOPSIDED <= val / both <= max(val_share * LOPSIDED, 0.5):
            off.append(f'{name!r} ({val} of {both})')
    if off:
        warnings.append(f'a lopsided split: of these classes another share of the key frames validates than '
                        f'{val_share:g}: {", ".join(off)}: try another --seed, or name the parts yourself (--split)')
    return warnings
