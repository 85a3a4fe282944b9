"""Exports of CVAT, "CVAT for video 1.1" (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/)."""
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, Optional, Sequence
from xml.etree import ElementTree

from tqdm import tqdm

from stssa_mm.files.text import plain, shown
from stssa_mm.video.find import find_video

from .labelled_video import (
    LabelledVideo,
    Mark,
    check_label,
    check_names,
    open_source,
    person_id,
    relative_box,
    safe_name,
    thin_out,
)

LARGEST = 2**53  # from here on not all whole numbers are floats
NO_ACTION = ('', 'false', '__undefined__')  # values of an attribute: a text, a checkbox, a list


def read_cvat(files: Sequence[Path], folder: Path, every: float, attributes: Sequence[str] = (),
              mended: Optional[Path] = None) -> List[LabelledVideo]:
    """Tracks of boxes, an export a video.

    Args:
        files (Sequence[Path]): The exports (annotations.xml).
        folder (Path): Where the videos are that they name as their source. One that names none has its own name.
        every (float): Seconds between key frames at least; an export has a box on each frame.
        attributes (Sequence[str]): Attributes of the boxes that say the action: the value of a list or text, or the
            name of a checkbox that is on. Defaults to none: the tracks' labels are the actions.
        mended (Path, optional): Where videos are written anew, see :func:`open_source`. Defaults to None.

    Raises:
        ValueError: If a file is not as it should be; names file, track and frame.
        FileNotFoundError: If a video is not there.
    """
    videos = [_read_file(file, folder, every, attributes, mended)
              for file in tqdm(files, desc='reading exports', unit='video', mininterval=1)]
    check_names(videos)
    return videos


def _read_file(file: Path, folder: Path, every: float, attributes: Sequence[str],
               mended: Optional[Path]) -> LabelledVideo:
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
    source = next((element.text or '' for element in root.iterfind('meta//source')), '').strip()
    try:
        path = find_video(folder, source or file.stem)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{file}: {error}; --videos names the folder') from error
    found = open_source(path, safe_name(path.relative_to(folder)), mended)
    width, height = (root.findtext(f'meta//original_size/{side}') for side in ('width', 'height'))
    if width and height and (width.strip(), height.strip()) != (str(found.width), str(found.height)):
        raise ValueError(f'{file}: made for {plain(width)} x {plain(height)} pixels, but {found.file} has '
                         f'{found.width} x {found.height}')
    video = found.labelled()

    boxes: Dict[int, list] = defaultdict(list)
    for track in tracks:
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
                raise ValueError(f'{where}: {path} has {found.frames} frames')
            corners = [_number(box, side, where) for side in ('xtl', 'ytl', 'xbr', 'ybr')]
            corners = relative_box(corners, found.width, found.height, where, slack=1)
            actions = _actions(track, box, attributes, where)
            person = person_id(track.get('id'), where)
            video.marks += [Mark(frame, frame, action, corners, person) for action in actions]
            video.unlabelled += not actions
    if not video.marks:
        raise ValueError(f'{file}: no box with an action')
    return video


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
