"""Videos with their people found and tracked, written so that a person only has to choose the actions."""
import csv
import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence
from xml.etree import ElementTree

import numpy as np

from stssa_mm.files.whole_file import whole_file
from stssa_mm.people.detectors import PersonDetector
from stssa_mm.people.proposals import SELECTION, FramePeople, KeyFrame, Selection, detect_people
from stssa_mm.people.tracking import link_people
from stssa_mm.video.find import VIDEOS

from .clips import BOX_COLUMNS, COLUMNS
from .cvat import NO_ACTION
from .labelled_video import Mark, Source, open_sources, safe_name

ATTRIBUTE = 'action'
UNDEFINED = '__undefined__'  # CVAT's value of a list in which nothing was chosen
LEAST_IOU, PATIENCE = 0.2, 3  # a detector that misses people now and then; see link_people
assert UNDEFINED in NO_ACTION


class Track(NamedTuple):
    """A person: frames, from 0, and boxes (n, 4), relative."""
    frames: List[int]
    boxes: np.ndarray


def find_clips(place: Path) -> List[Path]:
    """The videos of a folder and of its folders, or the one file.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If there is no video in the folder.
    """
    place = Path(place)
    if not place.exists():
        raise FileNotFoundError(f'{place}: no such file or folder')
    if not place.is_dir():
        return [place]
    files = sorted(file for file in place.rglob('*')
                   if file.is_file() and file.suffix.lower() in VIDEOS and not file.name.startswith('.'))
    if not files:
        raise ValueError(f'{place}: no videos in it: expected files {", ".join(VIDEOS)}')
    return files


def pre_annotate(videos: Path, out: Path, detector: PersonDetector, actions: Sequence[str] = (), every: float = 0.2,
                 selection: Selection = SELECTION, batch_size: int = 8, label: str = 'person') -> dict:
    """Find and track the people of videos and write them for labelling.

    Args:
        videos (Path): A video, or a folder of videos and folders of them.
        out (Path): Folder to write into: of each video its ``<name>.xml``, "CVAT for video 1.1"; ``labels.csv``; and
            ``cvat_labels.json``, what CVAT's task needs as its labels. Unfinished detections are kept there.
        detector (PersonDetector): Finds the people.
        actions (Sequence[str]): What can be chosen in CVAT. Defaults to none: a text is typed.
        every (float): Seconds between the frames that are looked at. Defaults to 0.2.
        selection (Selection): Which of the detector's boxes are taken. Defaults to ``SELECTION``.
        batch_size (int): Frames that it gets at a time. Defaults to 8.
        label (str): What the tracks are called. Defaults to ``'person'``.

    Returns:
        dict: ``exports`` (list[Path]), ``csv`` and ``labels`` (Path), ``tracks`` and ``boxes`` (int), ``empty``
            (list[str]): videos without anybody, for which no export is written.

    Raises:
        FileNotFoundError: If a video is not there.
        ValueError: If a video cannot be read, or an argument is not as it should be.
    """
    if not 0 < every < float('inf'):
        raise ValueError(f'every={every}: expected more than 0 seconds')
    for action in actions:
        if not action.strip() or action.strip() in NO_ACTION or '\n' in action or '"' in action:
            raise ValueError(f'action {action!r}: expected a name without quotation marks and line breaks')
    files, folder = find_clips(videos), Path(videos) if Path(videos).is_dir() else Path(videos).parent
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    names = [file.relative_to(folder).as_posix() for file in files]
    sources = dict(zip(names, open_sources([('', file, safe_name(Path(name))) for file, name in zip(files, names)])))
    key_frames = {name: [KeyFrame(name, frame + 1, frame)
                         for frame in source.labelled([Mark(0, source.frames - 1, label)]).key_frames(every)]
                  for name, source in sources.items()}
    partial = out / 'detections.part'
    detections = detect_people([frame for frames in key_frames.values() for frame in frames],
                               FramePeople(dict(zip(names, files)), detector), partial, selection, batch_size)
    summary: dict = dict(exports=[], csv=out / 'labels.csv', labels=out / 'cvat_labels.json', tracks=0, boxes=0,
                         empty=[])
    rows: List[list] = []
    for name, source in sources.items():
        tracks = find_tracks([detections[frame.key][:, :4] for frame in key_frames[name]],
                             [frame.frame for frame in key_frames[name]])
        if not tracks:
            summary['empty'].append(name)
            continue
        export = out / f'{safe_name(Path(name))}.xml'
        export.parent.mkdir(parents=True, exist_ok=True)
        write_export(export, name, source, tracks, [frame.frame for frame in key_frames[name]], actions, label)
        summary['exports'].append(export)
        rows += csv_rows(name, source, tracks)
        summary['tracks'] += len(tracks)
        summary['boxes'] += sum(len(track.frames) for track in tracks)
    with whole_file(summary['csv']) as part, open(part, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow([*COLUMNS, *BOX_COLUMNS, 'person'])
        writer.writerows(rows)
    attribute = dict(name=ATTRIBUTE, mutable=True, input_type='select' if actions else 'text',
                     default_value=UNDEFINED if actions else '', values=[UNDEFINED, *actions] if actions else [''])
    with whole_file(summary['labels']) as part:
        part.write_text(json.dumps([dict(name=label, attributes=[attribute])], indent=1) + '\n')
    partial.unlink(missing_ok=True)
    return summary


def find_tracks(boxes: Sequence[np.ndarray], frames: Sequence[int]) -> List[Track]:
    """The people of a video from their boxes (n, 4) on its key frames, whose frames are given."""
    found: Dict[int, list] = {}
    for frame, here, numbers in zip(frames, boxes, link_people(boxes, LEAST_IOU, PATIENCE)):
        for box, number in zip(here, numbers):
            found.setdefault(number, []).append((frame, box))
    return [Track([frame for frame, _ in track], np.array([box for _, box in track])) for track in found.values()]


def csv_rows(name: str, source: Source, tracks: Sequence[Track]) -> List[list]:
    """Rows for ``labels.csv``, whose label is empty: a person after the other."""
    return [[name, f'{source.times[frame]:.6f}', f'{source.times[frame]:.6f}', '', *(f'{value:.4f}' for value in box),
             number]
            for number, track in enumerate(tracks) for frame, box in zip(track.frames, track.boxes)]


def write_export(file: Path, name: str, source: Source, tracks: Sequence[Track], key_frames: Sequence[int],
                 actions: Sequence[str], label: str = 'person') -> None:
    """Write the tracks of a video as "CVAT for video 1.1". Between its boxes CVAT moves a person in a straight line.

    Args:
        file (Path): The xml.
        name (str): The video, as the file names its source.
        source (Source): The same.
        tracks (Sequence[Track]): Its people.
        key_frames (Sequence[int]): The frames that were looked at: on the next of them after its last box a track ends.
        actions (Sequence[str]): What can be chosen.
        label (str): Of the tracks. Defaults to ``'person'``.
    """
    root = ElementTree.Element('annotations')
    _text(root, 'version', '1.1')
    task = ElementTree.SubElement(ElementTree.SubElement(root, 'meta'), 'task')
    for key, value in (('name', name), ('size', source.frames), ('mode', 'interpolation'), ('overlap', 0),
                       ('start_frame', 0), ('stop_frame', source.frames - 1), ('frame_filter', '')):
        _text(task, key, value)
    entry = ElementTree.SubElement(ElementTree.SubElement(task, 'labels'), 'label')
    _text(entry, 'name', label)
    attribute = ElementTree.SubElement(ElementTree.SubElement(entry, 'attributes'), 'attribute')
    for key, value in (('name', ATTRIBUTE), ('mutable', 'True'), ('input_type', 'select' if actions else 'text'),
                       ('default_value', UNDEFINED if actions else ''),
                       ('values', '\n'.join([UNDEFINED, *actions]) if actions else '')):
        _text(attribute, key, value)
    size = ElementTree.SubElement(task, 'original_size')
    _text(size, 'width', source.width)
    _text(size, 'height', source.height)
    _text(task, 'source', name)
    for number, track in enumerate(tracks):
        element = ElementTree.SubElement(root, 'track', id=str(number), label=label, source='auto')
        for frame, box in zip(track.frames, track.boxes):
            _box(element, frame, box, source, bool(actions))
        behind = next((frame for frame in key_frames if frame > track.frames[-1]), None)
        if behind is not None:
            _box(element, behind, track.boxes[-1], source, bool(actions), outside=True)
    ElementTree.indent(root)
    with whole_file(file) as part:
        ElementTree.ElementTree(root).write(part, encoding='utf-8', xml_declaration=True)


def _text(parent: ElementTree.Element, name: str, text: object) -> None:
    ElementTree.SubElement(parent, name).text = str(text)


def _box(track: ElementTree.Element, frame: int, box: np.ndarray, source: Source, choice: bool,
         outside: bool = False) -> None:
    corners = box * (source.width, source.height, source.width, source.height)
    sides = {name: f'{value:.2f}' for name, value in zip(('xtl', 'ytl', 'xbr', 'ybr'), corners)}
    element = ElementTree.SubElement(track, 'box', frame=str(frame), keyframe='1', outside=str(int(outside)),
                                     occluded='0', **sides, z_order='0')
    ElementTree.SubElement(element, 'attribute', name=ATTRIBUTE).text = UNDEFINED if choice else ''
