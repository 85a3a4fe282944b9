"""Exports of CVAT, "CVAT for video 1.1" (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/)."""
import glob
import math
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, Optional, Sequence
from xml.etree import ElementTree

import numpy as np

from stssa_mm.files.text import plain, shown
from stssa_mm.video.find import find_videos

from .labelled_video import (
    LabelledVideo,
    Mark,
    Source,
    check_label,
    check_names,
    open_sources,
    person_id,
    raise_all,
    relative_box,
    safe_name,
    thin_out,
)

LARGEST = 2**53  # from here on not all whole numbers are floats
NO_ACTION = ('', 'false', '__undefined__')  # values of an attribute: a text, a checkbox, a list


def find_exports(source: Path) -> List[Path]:
    """The exports of a file or folder: the .xml in it and in its folders, as tasks are unzipped."""
    if not source.is_dir():
        return [source]
    return sorted(source.rglob('*.xml'))


def read_cvat(files: Sequence[Path], folder: Path, every: float, attributes: Sequence[str] = (),
              mended: Optional[Path] = None, fps: Optional[float] = None,
              notes: Optional[List[str]] = None) -> List[LabelledVideo]:
    """Tracks of boxes, an export a video.

    Args:
        files (Sequence[Path]): The exports (annotations.xml).
        folder (Path): Where the videos are that they name as their source. One that names none has its own name, or as
            annotations.xml that of its folder.
        every (float): Seconds between key frames at least; an export has a box on each frame.
        attributes (Sequence[str]): Attributes of the boxes that say the action: the value of a list or text, or the
            name of a checkbox that is on. Defaults to none: the tracks' labels are the actions.
        mended (Path, optional): Where videos are written anew, see :func:`open_source`. Defaults to None.
        fps (float, optional): Frames a second of folders of frames. Defaults to None.
        notes (list[str], optional): What was done with boxes is added to it. Defaults to None.

    Raises:
        ValueError: If a file is not as it should be; names file, track and frame.
        FileNotFoundError: If a video is not there.
    """
    roots = [_read_root(file, attributes) for file in files]
    names = [_video_name(file, root) for file, root in zip(files, roots)]
    found = find_videos(folder, names)
    errors, wanted = [], []
    for file, name in zip(files, names):
        path = Path(folder, name) if Path(folder, name).is_dir() else found[name]
        if isinstance(path, FileNotFoundError):  # CVAT forgets the folders of what is uploaded
            below = [place for place in folder.rglob(glob.escape(Path(name).name)) if place.is_file()]
            path = below[0] if len(below) == 1 else path
        if isinstance(path, Exception):
            errors.append(type(path)(f'{file}: {path}; --videos names the folder'))
        else:
            wanted.append((str(file), path, safe_name(path.relative_to(folder))))
    raise_all(errors, 'videos cannot be used')
    rotated = [0]
    videos = [_read_tracks(file, root, source, every, attributes, rotated)
              for file, root, source in zip(files, roots, open_sources(wanted, mended, fps))]
    empty = [video.name for video in videos if not video.marks]
    if len(empty) == len(videos):
        raise ValueError(f'{files[0]}: no box with an action'
                         + (f', as in the other {len(files) - 1} exports' if len(files) > 1 else ''))
    if empty and notes is not None:
        notes.append(f'{len(empty)} videos have no box with an action and are left out: {", ".join(empty[:5])}'
                     + (', ...' if len(empty) > 5 else ''))
    if rotated[0] and notes is not None:
        notes.append(f'{rotated[0]} boxes are rotated: the upright boxes around them are taken')
    check_names(videos)
    return [video for video in videos if video.marks]


def _read_root(file: Path, attributes: Sequence[str]) -> ElementTree.Element:
    try:
        root = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f'{file}:{error.position[0]}: not XML ({error})') from error
    except (LookupError, ValueError) as error:  # an encoding that is not known
        raise ValueError(f'{file}: not XML ({plain(error)})') from error
    tracks = root.findall('track')
    if root.tag != 'annotations' or not tracks:
        raise ValueError(f'{file}: no tracks in it: export the task as "CVAT for video 1.1"')
    if root.find('meta/project') is not None:
        raise ValueError(f'{file}: the export of a project: export its tasks one by one')
    if not attributes and len({track.get('label') for track in tracks}) == 1:
        names = sorted({attribute.get('name', '') for attribute in root.iterfind('track/box/attribute')})
        if names:
            raise ValueError(f'{file}: all tracks have the label {tracks[0].get("label")!r}, and attributes '
                             f'{", ".join(names)}: say which is the action (--attribute {names[0]})')
    return root


def _video_name(file: Path, root: ElementTree.Element) -> str:
    source = next((element.text or '' for element in root.iterfind('meta//source')), '').strip()
    return source or (file.parent.name if file.stem == 'annotations' else file.stem)


def _read_tracks(file: Path, root: ElementTree.Element, found: Source, every: float, attributes: Sequence[str],
                 rotated: List[int]) -> LabelledVideo:
    """The video of an export. ``rotated``: one number, the boxes that were, which is added to."""
    width, height = (root.findtext(f'meta//original_size/{side}') for side in ('width', 'height'))
    if width and height and (width.strip(), height.strip()) != (str(found.width), str(found.height)):
        raise ValueError(f'{file}: made for {plain(width)} x {plain(height)} pixels, but {found.file} has '
                         f'{found.width} x {found.height}')
    video = found.labelled()

    boxes: Dict[int, list] = defaultdict(list)
    for track in root.findall('track'):
        where = f'{file}: track {plain(track.get("id"))}'
        others = {element.tag for element in track if element.tag != 'box'}
        if others:
            raise ValueError(f'{where}: {", ".join(sorted(others))}: expected boxes')
        for box in track:
            if box.get('outside') != '1':
                boxes[int(_number(box, 'frame', where))].append((track, box))
    for frame in thin_out(boxes, every * found.fps):
        for track, box in boxes[frame]:
            where = f'{file}: track {plain(track.get("id"))}, frame {frame}'
            if not 0 <= frame < found.frames:
                raise ValueError(f'{where}: {found.name} has {found.frames} frames')
            corners = [_number(box, side, where) for side in ('xtl', 'ytl', 'xbr', 'ybr')]
            turn = _number(box, 'rotation', where) if box.get('rotation') else 0
            if turn % 360:
                corners = _around(corners, turn, found.width, found.height)
                rotated[0] += 1
            corners, clipped = relative_box(corners, found.width, found.height, where)
            actions = _actions(track, box, attributes, where)
            person = person_id(track.get('id'), where)
            video.marks += [Mark(frame, frame, action, corners, person) for action in actions]
            video.unlabelled += not actions
            video.clipped += clipped
    return video


def _around(corners: Sequence[float], degrees: float, width: float, height: float) -> List[float]:
    """The upright box around one that is turned about its centre, inside the frame."""
    x1, y1, x2, y2 = corners
    cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    half = np.array([(x2 - x1) * cos + (y2 - y1) * sin, (x2 - x1) * sin + (y2 - y1) * cos]) / 2
    centre = np.array([x1 + x2, y1 + y2]) / 2
    return [*np.maximum(centre - half, 0).tolist(), *np.minimum(centre + half, (width, height)).tolist()]


def _actions(track, box, attributes: Sequence[str], where: str) -> List[str]:
    if not attributes:
        return [check_label(track.get('label', ''), where)]
    values = {attribute.get('name'): (attribute.text or '').strip() for attribute in box.iterfind('attribute')}
    actions = []
    for name in attributes:
        if name not in values:
            raise ValueError(f'{where}: no attribute {name!r}: expected one of {", ".join(map(str, values)) or "none"}')
        if values[name] not in NO_ACTION:
            actions.append(check_label(name if values[name] == 'true' else values[name], where))
    return actions


def _number(element, name: str, where: str) -> float:
    try:
        value = float(element.get(name, ''))
    except ValueError:
        value = float('nan')
    if not abs(value) < LARGEST:
        raise ValueError(f'{where}: {name}={shown(element.get(name))}: expected a number')
    return value
