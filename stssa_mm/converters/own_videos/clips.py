"""Labels of whole clips and of stretches of videos: a folder a class, or a csv."""
import csv
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
from tqdm import tqdm

from stssa_mm.files.text import open_csv, shown
from stssa_mm.video.clock import nearest_frame

from .labelled_video import (
    LabelledVideo,
    Mark,
    Source,
    check_label,
    check_names,
    open_source,
    relative_box,
    safe_name,
)

COLUMNS = ('video', 'start', 'end', 'label')
BOX_COLUMNS = ('x1', 'y1', 'x2', 'y2')


def read_folders(folder: Path, mended: Optional[Path] = None) -> List[LabelledVideo]:
    """Clips in a folder a class; the folder's name is the label of everybody in the clip.

    Names that begin with a dot are ignored.

    Args:
        folder (Path): The folder of folders.
        mended (Path, optional): Where videos are written anew, see :func:`open_source`. Defaults to None.

    Raises:
        ValueError: If a folder is empty, there is something else than expected, or a clip cannot be read.
    """
    files = []
    for place in _visible(folder, 'folders, one for each class'):
        if not place.is_dir():
            raise ValueError(f'{place}: expected only folders here, one for each class: move the file elsewhere')
        for file in _visible(place, 'video clips'):
            if not file.is_file():
                raise ValueError(f'{file}: expected only video clips in the folder of a class: move it elsewhere')
            files.append(file)
    videos = []
    for file in tqdm(files, desc='reading clips', unit='clip', mininterval=1):
        label = check_label(file.parent.name, str(file.parent))
        found = open_source(file, safe_name(file.relative_to(folder)), mended)
        videos.append(found.labelled([Mark(0, found.frames - 1, label)]))
    check_names(videos)
    return videos


def _visible(folder: Path, expected: str) -> List[Path]:
    places = sorted(place for place in folder.iterdir() if not place.name.startswith('.'))
    if not places:
        raise ValueError(f'{folder}: the folder is empty: expected {expected}')
    return places


def read_csv(file: Path, folder: Path, box_unit: str = 'relative',
             mended: Optional[Path] = None) -> List[LabelledVideo]:
    """Stretches of videos.

    Args:
        file (Path): csv with a header: video (a path in ``folder``), start and end (seconds), label, and perhaps x1,
            y1, x2, y2: the person's box during this stretch. Without boxes the label is that of everybody.
        folder (Path): Where the videos are.
        box_unit (str): Of the boxes: ``'relative'`` (0 to 1) or ``'pixels'``. Defaults to ``'relative'``.
        mended (Path, optional): Where videos are written anew, see :func:`open_source`. Defaults to None.

    Raises:
        ValueError: If a row is not as it should be; names file, line and value.
        FileNotFoundError: If a video is not there.
    """
    videos: Dict[str, LabelledVideo] = {}
    sources: Dict[str, Source] = {}
    with open_csv(file) as table:
        reader = csv.DictReader(table)
        columns = [name.strip() for name in reader.fieldnames or ()]
        if sorted(columns) not in (sorted(COLUMNS), sorted(COLUMNS + BOX_COLUMNS)):
            raise ValueError(f'{file}:1: columns {shown(",".join(columns))}: expected a header "{",".join(COLUMNS)}", '
                             f'with ",{",".join(BOX_COLUMNS)}" where there are boxes')
        reader.fieldnames = columns
        for row in reader:
            where = f'{file}:{reader.line_num}'
            if None in row or None in row.values():
                raise ValueError(f'{where}: expected {len(columns)} values: {",".join(columns)}')
            name = row['video'].strip()
            if not name or not name.isprintable():
                raise ValueError(f'{where}: video={shown(name)}: the video is missing')
            if name not in videos:
                path = folder / name
                inside = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
                if '..' in inside.parts:
                    inside = Path(inside.name)
                try:
                    sources[name] = open_source(path, safe_name(inside), mended)
                except FileNotFoundError as error:
                    raise FileNotFoundError(f'{where}: {error}') from error
                except ValueError as error:
                    raise ValueError(f'{where}: {error}') from error
                videos[name] = sources[name].labelled()
            videos[name].marks.append(_read_row(row, sources[name], box_unit, where))
    if not videos:
        raise ValueError(f'{file}: no rows below the header')
    check_names(videos.values())
    return list(videos.values())


def _read_row(row: Dict[str, str], found: Source, box_unit: str, where: str) -> Mark:
    start, end = (_number(row, name, where, 'seconds') for name in ('start', 'end'))
    duration = float(found.times[-1]) + 1 / found.fps
    if start < 0:
        raise ValueError(f'{where}: start={start:g}: expected 0 or more seconds')
    if end < start:
        raise ValueError(f'{where}: end={end:g} is before start={start:g}')
    if start >= duration or end > duration + 1 / found.fps:
        raise ValueError(f'{where}: {start:g} to {end:g} seconds, but {row["video"]} lasts {duration:.3f}')
    label = check_label(row['label'], where)
    # The frame that begins at the end is outside; behind the last one another would begin.
    first = nearest_frame(start, found.times)
    last = max(first, nearest_frame(end, np.append(found.times, duration)) - 1)
    if 'x1' not in row:
        return Mark(first, last, label)
    box = [_number(row, name, where, box_unit) for name in BOX_COLUMNS]
    if box_unit == 'relative':
        if max(box) > 1:
            raise ValueError(f'{where}: box {",".join(f"{value:g}" for value in box)}: expected 0 to 1; or are these '
                             'pixels (--box-unit pixels)?')
        return Mark(first, last, label, relative_box(box, 1, 1, where))
    return Mark(first, last, label, relative_box(box, found.width, found.height, where))


def _number(row: Dict[str, str], name: str, where: str, unit: str) -> float:
    try:
        value = float(row[name])
        if abs(value) < float('inf'):
            return value
    except ValueError:
        pass
    raise ValueError(f'{where}: {name}={shown(row[name])}: expected a number ({unit})')
