"""AVA-form data from labelled videos.

Timestamps are frame numbers from 1, so that any moment can be a key frame: a dataset with ``fps=1`` and
``timestamp_start=1``.
"""
import os
import re
import shutil
from bisect import bisect_left, bisect_right
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np
from tqdm import tqdm

from stssa_mm.files.annotations import Row, write_annotations
from stssa_mm.files.key_frames import KeyFrame
from stssa_mm.files.label_map import write_label_map
from stssa_mm.files.proposals import ground_truth_proposals, write_proposals
from stssa_mm.files.written import Written
from stssa_mm.people.detectors import PersonDetector
from stssa_mm.people.proposals import SELECTION, FramePeople, Selection, detect_people
from stssa_mm.people.tracking import link_people
from stssa_mm.video.picture import read_picture
from stssa_mm.video.writer import write_video

from .child_config import write_child_config
from .labelled_video import TOOL, LabelledVideo, Mark, check_seconds
from .split import Moment, check_share, given_split, lopsided, split_moments

ANNOTATIONS = ('action_list.pbtxt', 'key_frames_without_people.csv', 'train.csv', 'train_proposals.pkl', 'val.csv',
               'val_proposals.pkl')


class Person(NamedTuple):
    """Somebody on a key frame."""
    box: tuple  # relative
    labels: List[str]
    number: Optional[int]  # from the annotation, where it has tracks


def write_dataset(videos: Sequence[LabelledVideo], out: Path, base_config: Path,
                  detector: Optional[PersonDetector] = None, selection: Selection = SELECTION, batch_size: int = 8,
                  every: float = 0.5, val_share: float = 0.25, seed: int = 0, copy: bool = False) -> dict:
    """Write videos, annotations, proposals, a label map and a config.

    Labels with boxes are those of the people in the boxes. Labels without are those of everybody whom the detector
    finds. Proposals are what the detector finds, or the given boxes where there is none.

    Files that an earlier call wrote are replaced, and no others.

    Args:
        videos (Sequence[LabelledVideo]): The videos.
        out (Path): Folder to write ``videos/``, ``annotations/`` and ``stssa_<name of the folder>.py`` into. Unfinished
            detections are kept there.
        base_config (Path): What the config inherits from.
        detector (PersonDetector, optional): Finds people. Needed for labels without boxes. Defaults to None.
        selection (Selection): Which of its boxes are taken. Defaults to ``SELECTION``.
        batch_size (int): Frames that it gets at a time. Defaults to 8.
        every (float): Seconds between key frames. Defaults to 0.5.
        val_share (float): Part of each class's videos for validation; 0: everything trains. Not asked for where the
            videos have their ``part``. Defaults to 0.25.
        seed (int): Of the split. Defaults to 0.
        copy (bool): Copy the videos instead of linking them. Defaults to False.

    Returns:
        dict: ``config`` (Path), ``classes``, ``videos``, ``key_frames``, ``people`` (dicts by split), ``key_frames_of``
            (dict by class), ``empty_videos`` and ``empty_key_frames`` (list[str], without anybody), ``unlabelled``
            (boxes without an action), ``clipped`` (boxes that reached over the frame), ``mended`` (list[str], what was
            wrong with the videos that were written anew), ``multilabel`` (bool), ``warnings`` (list[str]).

    Raises:
        ValueError: If something is missing for a dataset, nobody is found in the videos of a class, or a file of
            somebody else would be replaced.
    """
    check_share(val_share)
    check_seconds(every)
    if detector is None and any(mark.box is None for video in videos for mark in video.marks):
        raise ValueError('the labels have no boxes: a person detector is needed to find them (--detector)')
    labels = {video.name: {mark.label for mark in video.marks} for video in videos}
    out = Path(out)
    annotations = out / 'annotations'
    files = {video.name: out / 'videos' / video.name for video in videos}
    written, config = Written(out, TOOL), config_of(out)
    written.check([annotations / name for name in ANNOTATIONS] + [config])
    written.check(file for video, file in zip(videos, files.values()) if not _in_place(video, file, copy))
    annotations.mkdir(parents=True, exist_ok=True)
    for video in tqdm(videos, desc='videos', unit='video', mininterval=1):
        if not _in_place(video, files[video.name], copy):
            with written.replacing(files[video.name]) as part:
                place_video(video, part, copy)

    key_frames = {video.name: [KeyFrame(video.name, frame + 1, frame) for frame in video.key_frames(every)]
                  for video in videos}
    partial = annotations / 'detections.part'
    detections = {}
    if detector is not None:
        detections = detect_people([frame for frames in key_frames.values() for frame in frames],
                                   FramePeople(files, detector), partial, selection, batch_size)
    rows: Dict[str, List[Row]] = {}
    classes = sorted(set.union(*labels.values()))
    for video in videos:
        rows[video.name] = video_rows(video, key_frames[video.name], detections, classes)
    moments = _moments(videos, rows, classes)
    _check_people(labels, moments)
    parts = {video.name: video.part for video in videos}
    own = any(parts.values())
    split = given_split(moments, parts) if own else split_moments(moments, val_share, seed)
    warnings = split.warnings + lopsided(moments, split, val_share)

    with written.replacing(annotations / 'action_list.pbtxt') as part:
        write_label_map(part, classes)
    empty = [frame for frames in key_frames.values() for frame in frames
             if frame.key in detections and not len(detections[frame.key])]
    with written.replacing(annotations / 'key_frames_without_people.csv') as part:
        part.write_text(''.join(f'{frame.key}\n' for frame in empty))
    summary = dict(classes=classes, videos={}, key_frames={}, people={})
    split_rows = {'train': [], 'val': []}
    for name in sorted(moments):
        for row in rows[name]:
            if part := split.part[name][row.timestamp]:
                split_rows[part].append(row)
    for part, of_part in split_rows.items():
        proposals = ground_truth_proposals(of_part)
        if detector is not None:
            proposals = {key: detections[key] for key in proposals}
        summary['videos'][part] = len({row.video for row in of_part})
        summary['key_frames'][part] = len(proposals)
        summary['people'][part] = len({(row.video, row.timestamp, row.person) for row in of_part})
        files_of_part = annotations / f'{part}.csv', annotations / f'{part}_proposals.pkl'
        if of_part:
            with written.replacing(files_of_part[0]) as place:
                write_annotations(place, of_part)
            with written.replacing(files_of_part[1]) as place:
                write_proposals(place, proposals)
        else:  # of an earlier call
            for file in files_of_part:
                file.unlink(missing_ok=True)
    all_rows = [row for of_part in split_rows.values() for row in of_part]
    key_frames_of = Counter(label for label, *_ in {(row.label, row.video, row.timestamp) for row in all_rows})
    summary.update(
        key_frames_of={name: key_frames_of[number] for number, name in enumerate(classes, 1)},
        empty_videos=[name for name in rows if not rows[name]],
        empty_key_frames=[frame.key for frame in empty],
        unlabelled=sum(video.unlabelled for video in videos),
        clipped=sum(video.clipped for video in videos),
        mended=[video.mended for video in videos if video.mended],
        multilabel=len(all_rows) > sum(summary['people'].values()),
        warnings=warnings)

    summary['config'] = config
    with written.replacing(config) as part:
        write_child_config(
            part, base_config, f'{out.resolve().name}, as tools/data/from_videos.py made it.', len(classes),
            multilabel=summary['multilabel'], score_thr=selection.score_thr, validates=bool(split_rows['val']))
    partial.unlink(missing_ok=True)
    return summary


def config_of(out: Path) -> Path:
    """The config of the dataset in a folder."""
    return out / f'stssa_{re.sub(r"[^A-Za-z0-9_-]", "_", out.resolve().name)}.py'


def _in_place(video: LabelledVideo, file: Path, copy: bool) -> bool:
    """Whether a video is where it belongs already: itself, or a link to it where that is asked for."""
    return (not isinstance(video.source, list) and file.exists() and os.path.samefile(file, video.source)
            and not (copy and file.is_symlink()))


def place_video(video: LabelledVideo, file: Path, copy: bool) -> None:
    """Link, copy or make a video, where there is none.

    Raises:
        ValueError: If the images that it is made of differ in size, or one cannot be read.
    """
    if isinstance(video.source, list):
        write_video(file, _images(video.source, video.upright), video.fps)
    elif copy:
        shutil.copy2(video.source, file)
    else:
        file.symlink_to(video.source.resolve())


def _images(files: Sequence[Path], upright: bool) -> Iterator[np.ndarray]:
    shape = None
    for file in files:
        image = read_picture(file, upright)
        shape = shape or image.shape
        if image.shape != shape:
            raise ValueError(f'{file}: has {image.shape[1]} x {image.shape[0]} pixels, the images before it '
                             f'{shape[1]} x {shape[0]}: the frames of a video have one size')
        yield image


def video_rows(video: LabelledVideo, key_frames: Sequence[KeyFrame], detections: Dict[str, np.ndarray],
               classes: Sequence[str]) -> List[Row]:
    """The annotations of a video: a row for each label of each person on each key frame.

    Args:
        video (LabelledVideo): The video.
        key_frames (Sequence[KeyFrame]): Its key frames.
        detections (dict[str, np.ndarray]): Proposals, for labels without boxes.
        classes (Sequence[str]): The label at place i has the number i + 1.
    """
    frames = [_people(marks, detections.get(key_frame.key, ()))
              for marks, key_frame in zip(_marks_on(video, key_frames), key_frames)]
    numbers_of = {label: number for number, label in enumerate(classes, 1)}
    boxes = [np.array([person.box for person in people]).reshape(-1, 4) for people in frames]
    numbers = link_people(boxes)
    rows = []
    for key_frame, people, linked in zip(key_frames, frames, numbers):
        for person, link in zip(people, linked):
            number = link if person.number is None else person.number
            rows += [Row(video.name, key_frame.timestamp, *person.box, numbers_of[label], number)
                     for label in person.labels]
    return rows


def _marks_on(video: LabelledVideo, key_frames: Sequence[KeyFrame]) -> List[List[Mark]]:
    """The marks of each key frame, in the video's order. No mark is compared with key frames that it does not cover."""
    order = sorted(range(len(key_frames)), key=lambda index: key_frames[index].frame)
    frames = [key_frames[index].frame for index in order]
    found: List[List[Mark]] = [[] for _ in key_frames]
    for mark in video.marks:
        for index in order[bisect_left(frames, mark.first):bisect_right(frames, mark.last)]:
            found[index].append(mark)
    return found


def _people(marks: Sequence[Mark], detected: Sequence[np.ndarray]) -> List[Person]:
    people: Dict[tuple, Person] = {}
    for mark in marks:
        boxes = [mark.box] if mark.box else [tuple(box[:4]) for box in detected]
        for box in boxes:
            person = people.setdefault((box, mark.person), Person(box, [], mark.person))
            if mark.label not in person.labels:
                person.labels.append(mark.label)
    return list(people.values())


def _moments(videos: Sequence[LabelledVideo], rows: Dict[str, List[Row]],
             classes: Sequence[str]) -> Dict[str, List[Moment]]:
    """The key frames with people of each video that has any."""
    moments = {}
    for video in videos:
        found: Dict[int, set] = {}
        for row in rows[video.name]:
            found.setdefault(row.timestamp, set()).add(classes[row.label - 1])
        if found:
            moments[video.name] = [Moment(timestamp, float(video.times[timestamp - 1]), labels)
                                   for timestamp, labels in sorted(found.items())]
    return moments


def _check_people(labels: Dict[str, set], moments: Dict[str, List[Moment]]) -> None:
    found = set().union(*(moment.labels for of in moments.values() for moment in of))
    without = []
    for name in sorted(set().union(*labels.values()) - found):
        videos = [video for video in labels if name in labels[video]]
        without.append(f'{name!r} ({len(videos)} videos: {", ".join(videos[:3])}{", ..." if len(videos) > 3 else ""})')
    if without:
        raise ValueError(f'nobody is found in the videos of {len(without)} classes: {", ".join(without)}: try a lower '
                         '--score-thr or a better detector, or leave these labels out')
