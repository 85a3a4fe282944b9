"""The annotation pickles of UCF101-24, J-HMDB (https://github.com/vkalogeiton/caffe) and MultiSports
(https://github.com/MCG-NJU/MultiSports): a tube of boxes for each person."""
import pickle
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np

from stssa_mm.files.plain_pickle import PlainUnpickler
from stssa_mm.video.find import find_videos

from .labelled_video import (
    LabelledVideo,
    Mark,
    check_label,
    check_names,
    open_sources,
    raise_all,
    relative_box,
    safe_name,
    thin_out,
)

KEYS = ('labels', 'gttubes', 'nframes', 'train_videos', 'test_videos', 'resolution')


def read_tubes(file: Path, folder: Path, every: float, mended: Optional[Path] = None, fps: Optional[float] = None,
               notes: Optional[List[str]] = None) -> List[LabelledVideo]:
    """Tubes of a box a frame, with the file's first split as the user's own.

    Args:
        file (Path): The pickle: a dict of ``labels``, ``gttubes`` (video to class to arrays (n, 5): frame, from 1, and
            x1, y1, x2, y2 in pixels), ``nframes``, ``train_videos``, ``test_videos`` and ``resolution`` (height,
            width).
        folder (Path): Where the videos, or their folders of frames, are, by the names in the file.
        every (float): Seconds between key frames at least.
        mended (Path, optional): Where videos are written anew, see :func:`open_source`. Defaults to None.
        fps (float, optional): Frames a second of folders of frames. Defaults to None.
        notes (list[str], optional): What was left out is added to it. Defaults to None.

    Raises:
        ValueError: If the file is not as it should be; names the video, class and tube.
        FileNotFoundError: If none of the videos is there.
    """
    data = _load(file)
    parts = {str(video): part for part, key in (('val', 'test_videos'), ('train', 'train_videos'))
             for video in data[key][0]}
    annotated = [video for video in data['gttubes'] if parts.get(video)]
    found = find_videos(folder, annotated)
    found.update({video: Path(folder, video) for video in annotated if Path(folder, video).is_dir()})
    missing = [video for video in annotated if isinstance(found[video], FileNotFoundError)]
    raise_all([error for error in found.values() if isinstance(error, ValueError)], 'videos cannot be used')
    if len(missing) == len(annotated):
        raise FileNotFoundError(f'{file}: none of its {len(annotated)} videos is in {folder}, such as '
                                f'{", ".join(missing[:3])}: --videos names the folder')
    if missing and notes is not None:
        notes.append(f'{len(missing)} of {len(annotated)} videos of {file.name} are not in {folder} and left out, such '
                     f'as {", ".join(missing[:3])}')
    there = [video for video in annotated if video not in set(missing)]
    sources = open_sources([(str(file), found[video], safe_name(found[video].relative_to(folder))) for video in there],
                           mended, fps)
    labels = [check_label(str(label), f'{file}: labels') for label in data['labels']]
    videos = []
    for name, source in zip(there, sources):
        height, width = (int(side) for side in data['resolution'][name])
        if (width, height) != (source.width, source.height):
            raise ValueError(f'{file}: video {name}: made for {width} x {height} pixels, but {source.file} has '
                             f'{source.width} x {source.height}')
        video = source.labelled()
        video.part = parts[name]
        boxes: Dict[int, list] = {}
        person = 0
        for label, tubes in data['gttubes'][name].items():
            for number, tube in enumerate(tubes):
                where = f'{file}: video {name}, {labels[int(label)]}, tube {number}'
                for row in _rows(tube, where):
                    boxes.setdefault(int(row[0]) - 1, []).append((where, row[1:5], labels[int(label)], person))
                person += 1
        for frame in thin_out(boxes, every * source.fps):
            if not 0 <= frame < source.frames:
                raise ValueError(f'{boxes[frame][0][0]}: frame {frame + 1}, but {source.name} has {source.frames}')
            for where, corners, label, number in boxes[frame]:
                box, clipped = relative_box(corners, width, height, f'{where}, frame {frame + 1}')
                video.marks.append(Mark(frame, frame, label, box, number))
                video.clipped += clipped
        if video.marks:
            videos.append(video)
    check_names(videos)
    return videos


def _rows(tube, where: str) -> List[List[float]]:
    rows = np.asarray(tube)
    if rows.dtype.kind not in 'fiu' or rows.ndim != 2 or rows.shape[1] not in (5, 6) or not np.isfinite(rows).all():
        raise ValueError(f'{where}: found {rows.dtype} {rows.shape}: expected numbers (n, 5): frame, x1, y1, x2, y2')
    return rows.tolist()


def _load(file: Path) -> dict:
    try:
        data = PlainUnpickler(file.read_bytes()).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError, MemoryError,
            OverflowError, AssertionError) as error:
        raise ValueError(f'{file}: cannot be read as a pickle of plain data ({error})') from None
    if not isinstance(data, dict) or any(key not in data for key in KEYS):
        found = ', '.join(map(str, list(data)[:6])) if isinstance(data, dict) else type(data).__name__
        raise ValueError(f'{file}: found {found}: expected a dict of {", ".join(KEYS)}, as UCF101-24 and MultiSports '
                         'publish it')
    for key in ('train_videos', 'test_videos'):
        if not isinstance(data[key], (list, tuple)) or not data[key] or not isinstance(data[key][0], (list, tuple)):
            raise ValueError(f'{file}: {key}: expected a list with a list of videos for each split')
    return data
