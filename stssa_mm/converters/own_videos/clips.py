"""Labels of whole clips and of stretches of videos: a folder a class, or a csv."""
import csv
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np

from stssa_mm.files.text import open_csv, shown
from stssa_mm.video.clock import nearest_frame
from stssa_mm.video.find import BESIDE_VIDEOS, VIDEOS
from stssa_mm.video.folder import PICTURES
from stssa_mm.video.reader import open_video

from .labelled_video import (
    LabelledVideo,
    Mark,
    Source,
    check_label,
    check_names,
    open_sources,
    relative_box,
    safe_name,
)

COLUMNS = ('video', 'start', 'end', 'label')
BOX_COLUMNS = ('x1', 'y1', 'x2', 'y2')
OPTIONAL = {'split', 'person'}
PART_FOLDERS = dict(train='train', training='train', val='val', valid='val', validation='val', test='val')
NO_VIDEOS = (*BESIDE_VIDEOS, *PICTURES, '.db', '.doc', '.docx', '.ini', '.log', '.md', '.pdf', '.wav', '.zip')


def read_folders(folder: Path, mended: Optional[Path] = None, fps: Optional[float] = None,
                 notes: Optional[List[str]] = None) -> List[LabelledVideo]:
    """Clips in a folder a class; the folder's name is the label of everybody in the clip.

    A clip is a video file, or a folder of frames. Folders ``val`` (or ``validation``, ``test``) and ``train`` that hold
    folders of classes are the user's own split; beside a folder ``val`` everything else trains. What is no clip, such
    as .DS_Store, Thumbs.db and texts, is skipped and counted.

    Args:
        folder (Path): The folder of folders.
        mended (Path, optional): Where videos are written anew, see :func:`open_source`. Defaults to None.
        fps (float, optional): Frames a second of clips that are folders of frames. Defaults to None.
        notes (list[str], optional): What was skipped is added to it. Defaults to None.

    Raises:
        ValueError: If a folder is empty, or clips cannot be read; names all of them.
    """
    skipped: List[Path] = []
    places, parts = _class_folders(folder, skipped)
    files = []
    for place in places:
        clips = [file for file in _visible(place, 'video clips', skipped) if _is_clip(file, skipped)]
        if not clips:
            raise ValueError(f'{place}: no video in it: expected video clips')
        files += clips
    if notes is not None and skipped:
        names = ', '.join(str(file.relative_to(folder)) for file in skipped[:5])
        notes.append(f'{len(skipped)} files and folders that are no clips of a class are skipped: {names}'
                     + (', ...' if len(skipped) > 5 else ''))
    labels = [check_label(file.parent.name, str(file.parent)) for file in files]
    found = open_sources([('', file, safe_name(file.relative_to(folder))) for file in files], mended, fps)
    videos = []
    for file, label, source in zip(files, labels, found):
        videos.append(source.labelled([Mark(0, source.frames - 1, label)]))
        videos[-1].part = parts.get(file.parent, '')
    check_names(videos)
    return videos


def _class_folders(folder: Path, skipped: List[Path]) -> tuple:
    """The folders of classes, and the part of each where the user has split them."""
    places, parts, found = [], {}, {}
    for place in _visible(folder, 'folders, one for each class', skipped):
        part = PART_FOLDERS.get(place.name.lower())
        if not place.is_dir():
            skipped.append(place)
        elif part and any(map(_holds_clips, filter(Path.is_dir, place.iterdir()))):
            found[place] = part
        else:
            places.append(place)
    if any(place.name.lower() != 'test' and part == 'val' for place, part in found.items()):
        tests = [place for place in found if place.name.lower() == 'test']
        skipped += tests  # a split has two parts here
        found = {place: part for place, part in found.items() if place not in tests}
    own = 'val' in found.values()
    parts = dict.fromkeys(places, 'train') if own else {}
    for outer, part in found.items():
        for place in _visible(outer, 'folders, one for each class', skipped):
            if place.is_dir():
                places.append(place)
                parts.update({place: part} if own else {})
            else:
                skipped.append(place)
    if not places:
        raise ValueError(f'{folder}: no folder in it, but {skipped[-1].name}: expected folders, one for each class '
                         '(tools/data/pre_annotate.py begins with videos that have no labels)')
    return places, parts


def _holds_clips(place: Path) -> bool:
    return any(child.suffix.lower() in VIDEOS or child.is_dir() for child in place.iterdir())


def _is_clip(file: Path, skipped: List[Path]) -> bool:
    """Whether something in the folder of a class is a clip; else it is added to ``skipped``."""
    suffix = file.suffix.lower()
    if file.is_dir():
        clip = any(child.suffix.lower() in PICTURES for child in file.iterdir())
    elif suffix in VIDEOS or suffix in NO_VIDEOS or not file.is_file():
        clip = suffix in VIDEOS
    else:  # a format that is not known by its name
        try:
            open_video(file).close()
            clip = True
        except ValueError:
            clip = False
    if not clip:
        skipped.append(file)
    return clip


def _visible(folder: Path, expected: str, skipped: List[Path]) -> List[Path]:
    """What is in a folder, but for names that begin with a dot, which are added to ``skipped``."""
    places = sorted(folder.iterdir())
    skipped += [place for place in places if place.name.startswith('.')]
    places = [place for place in places if not place.name.startswith('.')]
    if not places:
        raise ValueError(f'{folder}: the folder is empty: expected {expected}')
    return places


def read_csv(file: Path, folder: Path, box_unit: str = 'relative', mended: Optional[Path] = None,
             fps: Optional[float] = None) -> List[LabelledVideo]:
    """Stretches of videos.

    Args:
        file (Path): csv with a header: video (a path in ``folder``), start and end (seconds), label, and perhaps x1,
            y1, x2, y2: the person's box during this stretch; split (train or val, of the whole video); person, a
            number over time. Without boxes the label is that of everybody. With a column person, as
            tools/data/pre_annotate.py writes it, rows without a label are left out and counted.
        folder (Path): Where the videos, or their folders of frames, are.
        box_unit (str): Of the boxes: ``'relative'`` (0 to 1) or ``'pixels'``. Defaults to ``'relative'``.
        mended (Path, optional): Where videos are written anew, see :func:`open_source`. Defaults to None.
        fps (float, optional): Frames a second of folders of frames. Defaults to None.

    Raises:
        ValueError: If a row is not as it should be; names file, line and value.
        FileNotFoundError: If a video is not there.
    """
    rows: List[tuple] = []
    wanted: Dict[str, tuple] = {}
    with open_csv(file) as table:
        reader = csv.DictReader(table)
        columns = [name.strip() for name in reader.fieldnames or ()]
        if sorted(set(columns) - OPTIONAL) not in (sorted(COLUMNS), sorted(COLUMNS + BOX_COLUMNS)) \
                or len(set(columns)) < len(columns):
            raise ValueError(f'{file}:1: columns {shown(",".join(columns))}: expected a header "{",".join(COLUMNS)}", '
                             f'with ",{",".join(BOX_COLUMNS)}" where there are boxes, and perhaps ",split" and '
                             '",person"')
        reader.fieldnames = columns
        for row in reader:
            where = f'{file}:{reader.line_num}'
            if None in row or None in row.values():
                raise ValueError(f'{where}: expected {len(columns)} values: {",".join(columns)}')
            name = row['video'].strip()
            if not name or not name.isprintable():
                raise ValueError(f'{where}: video={shown(name)}: the video is missing')
            if name not in wanted:
                path = folder / name
                inside = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
                if '..' in inside.parts:
                    inside = Path(inside.name)
                wanted[name] = where, path, safe_name(inside)
            rows.append((where, name, row))
    if not rows:
        raise ValueError(f'{file}: no rows below the header')
    sources = dict(zip(wanted, open_sources(list(wanted.values()), mended, fps)))
    videos = {name: source.labelled() for name, source in sources.items()}
    for where, name, row in rows:
        video = videos[name]
        if 'person' in row and not row['label'].strip():
            video.unlabelled += 1
        else:
            mark, clipped = _read_row(row, sources[name], box_unit, where)
            video.marks.append(mark)
            video.clipped += clipped
        if 'split' in row:
            part = read_part(row['split'], where)
            if video.part not in ('', part):
                raise ValueError(f'{where}: split={row["split"]!r}, and {video.part!r} in a row above: expected one '
                                 f'part for all of {name}')
            video.part = part
    labelled = [video for video in videos.values() if video.marks]
    if not labelled:
        raise ValueError(f'{file}: no row has a label: fill in the column label')
    check_names(labelled)
    return labelled


def read_part(text: str, where: str) -> str:
    """``'train'`` or ``'val'`` from what people call them. Raises ValueError for anything else."""
    part = PART_FOLDERS.get(text.strip().lower())
    if not part:
        raise ValueError(f'{where}: split={text!r}: expected train or val')
    return part


def _read_row(row: Dict[str, str], found: Source, box_unit: str, where: str) -> tuple:
    """The mark of a row, and whether its box was clipped."""
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
        return Mark(first, last, label), False
    box = [_number(row, name, where, box_unit) for name in BOX_COLUMNS]
    box, clipped = relative_box(box, found.width, found.height, where, box_unit == 'pixels')
    person = row.get('person', '').strip()
    if person and not (person.isascii() and person.isdecimal() and len(person) < 10):
        raise ValueError(f'{where}: person={person!r}: expected a whole number')
    return Mark(first, last, label, box, int(person) if person else None), clipped


def _number(row: Dict[str, str], name: str, where: str, unit: str) -> float:
    try:
        value = float(row[name])
        if abs(value) < float('inf'):
            return value
    except ValueError:
        pass
    raise ValueError(f'{where}: {name}={shown(row[name])}: expected a number ({unit})')
