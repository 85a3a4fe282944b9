"""Projects of the VGG Image Annotator for videos, VIA 3 (https://www.robots.ox.ac.uk/~vgg/software/via/)."""
import json
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import numpy as np

from stssa_mm.video.clock import nearest_frame

from .labelled_video import LabelledVideo, Mark, Source, check_label, check_names, open_sources, relative_box, safe_name

RECTANGLE = 2  # of VIA's shapes
VIA_KEYS = ('project', 'attribute', 'file', 'metadata', 'view')
CHECKBOX = 2  # of VIA's attribute types: several options, with commas between them


def is_via(data: object) -> bool:
    """Whether a json's content is a project of VIA 3."""
    return isinstance(data, dict) and all(isinstance(data.get(key), dict) for key in VIA_KEYS)


def read_via(file: Path, folder: Path, attributes: Sequence[str] = (), mended: Optional[Path] = None,
             fps: Optional[float] = None, notes: Optional[List[str]] = None) -> List[LabelledVideo]:
    """Boxes at moments, and stretches whose label is that of everybody.

    Where boxes have labels, stretches are left out, and counted.

    Args:
        file (Path): The project, saved by VIA 3 as json.
        folder (Path): Where the videos are.
        attributes (Sequence[str]): Names of the attributes that say the action. Defaults to none: all do.
        mended (Path, optional): Where videos are written anew, see :func:`open_source`. Defaults to None.
        fps (float, optional): Frames a second of folders of frames. Defaults to None.
        notes (list[str], optional): What was left out is added to it. Defaults to None.

    Raises:
        ValueError: If the file is not as it should be; names the entry of its metadata.
        FileNotFoundError: If a video is not there.
    """
    data = json.loads(file.read_text(encoding='utf-8-sig'))
    if not data['metadata']:
        raise ValueError(f'{file}: a project of VIA 3 whose "metadata" is empty: it holds no annotations. Label '
                         'stretches or boxes and save the project again')
    try:
        return _read(file, folder, data, attributes, mended, fps, notes)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f'{file}: an entry is not as VIA 3 writes it: {error!r}') from error


def _read(file: Path, folder: Path, data: dict, attributes: Sequence[str], mended: Optional[Path],
          fps: Optional[float], notes: Optional[List[str]]) -> List[LabelledVideo]:
    known = {entry.get('aname', number) for number, entry in data['attribute'].items()}
    for name in attributes:
        if name not in known:
            raise ValueError(f'{file}: no attribute {name!r}: expected one of {", ".join(sorted(known))}')
    wanted: Dict[str, tuple] = {}
    for key, entry in data['metadata'].items():
        views = data['view'][str(entry['vid'])]['fid_list']
        if len(views) != 1:
            raise ValueError(f'{file}: metadata {key!r}: its view shows {len(views)} files: expected one video')
        name = data['file'][str(views[0])]['fname']
        wanted.setdefault(str(entry['vid']), (f'{file}: metadata {key!r}', Path(folder, name), safe_name(Path(name))))
    sources = dict(zip(wanted, open_sources(list(wanted.values()), mended, fps)))
    videos = {number: source.labelled() for number, source in sources.items()}
    stretches: Dict[str, list] = {}
    for key, entry in data['metadata'].items():
        where, number = f'{file}: metadata {key!r}', str(entry['vid'])
        times = [float(time) for time in entry['z']]
        labels = _labels(entry['av'], data['attribute'], attributes, where)
        video, source = videos[number], sources[number]
        if entry['xy']:
            shape, *corners = entry['xy']
            if shape != RECTANGLE or len(corners) != 4 or len(times) != 1:
                raise ValueError(f'{where}: shape {shape} with {len(corners)} numbers at {len(times)} moments: '
                                 f'expected a rectangle ({RECTANGLE}), x, y, width and height, at one')
            x, y, width, height = map(float, corners)
            box, clipped = relative_box((x, y, x + width, y + height), source.width, source.height, where)
            frame = _frame(times[0], source, where)
            video.marks += [Mark(frame, frame, label, box) for label in labels]
            video.unlabelled += not labels
            video.clipped += clipped
        elif len(times) == 2:
            first, last = (_frame(time, source, where) for time in times)
            last = max(first, last - (times[1] < source.times[-1]))  # the frame that begins at the end is outside
            stretches.setdefault(number, []).extend(Mark(first, last, label) for label in labels)
        else:
            raise ValueError(f'{where}: {len(times)} moments and no shape: expected a box, or start and end')
    if not any(video.marks for video in videos.values()):
        for number, marks in stretches.items():
            videos[number].marks += marks
    elif stretches and notes is not None:
        notes.append(f'{sum(map(len, stretches.values()))} stretches without a box are left out, as boxes have labels')
    labelled = [video for video in videos.values() if video.marks]
    if not labelled:
        raise ValueError(f'{file}: no box or stretch with an action')
    check_names(labelled)
    return labelled


def _frame(time: float, source: Source, where: str) -> int:
    length = float(source.times[-1]) + 1 / source.fps
    if not 0 <= time <= length + 1 / source.fps:
        raise ValueError(f'{where}: {time:g} seconds, but {source.name} lasts {length:.3f}')
    return nearest_frame(time, np.asarray(source.times))


def _labels(values: Dict[str, str], known: Dict[str, dict], attributes: Sequence[str], where: str) -> List[str]:
    labels = []
    for number, value in values.items():
        attribute = known[number]
        if attributes and attribute.get('aname', number) not in attributes:
            continue
        options = attribute.get('options') or {}
        chosen = str(value).split(',') if attribute.get('type') == CHECKBOX else [str(value)]
        labels += [check_label(str(options.get(one, one)), where) for one in chosen if one.strip()]
    return list(dict.fromkeys(labels))
