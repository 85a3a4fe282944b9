"""Are the videos, or folders of frames, there and can the pipeline read them?"""
import os
from contextlib import closing
from pathlib import Path
from typing import List, Optional, Sequence, Set

import numpy as np
from tqdm import tqdm

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.video.clock import frame_of_sample
from stssa_mm.video.folder import FrameFolder
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import open_video

from .config_parts import goes_by_video_times, transforms_of
from .findings import Finding, some

UNOPENED = 'videos not opened'
READ_FILES = ('STSSAVideoInit', 'DecordInit', 'OpenCVInit', 'PyAVInit', 'PIMSInit')
READ_PICTURES = ('STSSARawFrameDecode', 'RawFrameDecode')


def check_pipeline(split: str, dataset: STSSAAVADataset, part: dict, findings: List[Finding]) -> None:
    """Does the pipeline read what the dataset names?"""
    wrong = [name for name in transforms_of(part) if name in (READ_FILES if dataset.use_frames else READ_PICTURES)]
    if wrong:
        what, other = (('folders of frames', 'video files') if dataset.use_frames else
                       ('video files', 'folders of frames'))
        findings.append(Finding('error', 'pipeline', split, (
            f'use_frames={dataset.use_frames}: the dataset names {what}, and the pipeline\'s {wrong[0]} reads {other}: '
            f'set use_frames={not dataset.use_frames}, or take a pipeline of '
            + ('STSSARawFrameDecode' if dataset.use_frames else 'STSSAVideoInit and STSSAVideoDecode'))))


def _span(part: dict) -> int:
    """How many frames a clip reaches to each side of its moment."""
    for transform in part.get('pipeline') or ():
        if 'clip_len' in transform:
            return transform['clip_len'] * transform.get('frame_interval', 2) // 2
    return 0


def check_media(split: str, dataset: STSSAAVADataset, part: dict, videos: int, findings: List[Finding]) -> None:
    """Are the videos, or folders of frames, there, long enough and sound?"""
    by_video, span = goes_by_video_times(part), _span(part)
    # MMAction2's sampler does not ask a folder of frames where it ends.
    clipped = not dataset.use_frames or 'SampleAVAFrames' not in transforms_of(part)
    frames = dataset.key_frames
    names = frames.videos[np.unique(frames.video[dataset.data_list])].tolist()
    files = {video: Path(dataset.path_of(video)) for video in names}
    missing = [video for video in tqdm(names, desc=f'{split}: files', unit='video', mininterval=1,
                                       disable=len(names) < 1000)
               if not _is_there(files[video])]
    if missing:
        what = 'folders of frames' if dataset.use_frames else 'videos'
        findings.append(Finding('error', 'missing videos', split, (
            f'{len(missing)} of {len(names)} {what} are not in data_prefix.img={dataset.data_prefix["img"]!r}, such as '
            f'{some([str(files[video]) for video in missing])}')))
    there = sorted(set(names) - set(missing))  # as names are
    of_frame = frames.video[dataset.data_list]
    order = np.argsort(of_frame, kind='stable')
    starts = np.searchsorted(of_frame, np.arange(len(frames.videos) + 1), sorter=order)
    if 0 <= videos < len(there):
        findings.append(Finding('note', UNOPENED, split, f'{len(there) - videos} of {len(there)}, which may be broken '
                                'or too short: tools/check_dataset.py --videos -1 opens all'))
        there = [there[index] for index in np.linspace(0, len(there) - 1, videos).round().astype(int)]
    late, slow = [], []
    for video in tqdm(there, desc=f'{split}: opening', unit='video', mininterval=1, disable=len(there) < 20):
        number = int(np.searchsorted(frames.videos, video))
        chosen = order[starts[number]:starts[number + 1]].tolist()
        samples = sorted(map(dataset.get_data_info, chosen), key=lambda sample: sample['timestamp'])
        try:
            if dataset.use_frames:
                reader = FrameFolder(files[video], samples[0]['filename_tmpl'], dataset.start_index)
            else:
                reader = open_video(files[video])
            with closing(reader):
                total, times = len(reader) if clipped else None, reader.times if by_video else None
                reader.check(_clip_frames(samples, total, times, span, late))
        except BrokenVideoError as error:
            findings.append(Finding('error', 'unreadable video', split, str(error)))
            continue
        fps, moment = samples[-1]['fps'], samples[-1]['timestamp'] - samples[-1]['timestamp_start']
        if not dataset.use_frames and not by_video and fps != 1:
            rate = reader.get_avg_fps()
            if abs(fps - rate) * moment > rate / 2:
                slow.append(f'{video} ({rate:.4g})')
    if late:
        findings.append(Finding('error', 'timestamps', split, (
            f'{len(late)} of the {len(there)} videos looked at have key frames past their end: {late[0]}')))
    if slow:
        findings.append(Finding('warning', 'fps', split, (
            f'{len(slow)} of the {len(there)} videos looked at have another rate than the dataset\'s fps, and their '
            f'last clip lies more than half a second off: {some(slow)}. Give video_info, or make videos of one rate')))


def _is_there(path: Path) -> bool:
    """Whether there is something, which opening it may refuse."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def _clip_frames(samples: Sequence[dict], total: Optional[int], times: Optional[np.ndarray], span: int,
                 late: List[str]) -> Set[int]:
    """The frames of the clips of a video's samples. What is said of a moment past the end goes to ``late``.

    ``total`` and ``times``: see :func:`frame_of_sample`. ``span``: see :func:`_span`.
    """
    numbers: Set[int] = set()
    for sample in samples:
        try:
            centre, (first, end) = frame_of_sample(sample, total, times)
        except ValueError as error:
            if sample['timestamp'] >= sample['timestamp_start']:
                late.append(str(error))
                break
        else:
            numbers.update(range(max(centre - span, first), min(centre + span, end - 1) + 1))
    return numbers
