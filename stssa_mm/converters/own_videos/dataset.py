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
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set

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
from .split import split_videos

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
        val_share (float): Part of each class's videos for validation. Defaults to 0.25.
        seed (int): Of the split. Defaults to 0.
        copy (bool): Copy the videos instead of linking them. Defaults to False.

    Returns:
        dict: ``config`` (Path), ``classes``, ``videos``, ``key_frames``, ``people`` (dicts by split), ``key_frames_of``
            (dict by class), ``empty_videos`` and ``empty_key_frames`` (list[str], without anybody), ``unlabelled``
            (boxes without an action), ``mended`` (list[str], what was wrong with the videos that were written anew).

    Raises:
        ValueError: If something is missing for a dataset, a class has too few videos, or a file of somebody else would
            be replaced.
    """
    check_seconds(every)
    if detector is None and any(mark.box is None for video in videos for mark in video.marks):
        raise ValueError('the labels have no boxes: a person detector is needed to find them (--detector)')
    labels = {video.name: {mark.label for mark in video.marks} for video in videos}
    split_videos(labels, val_share, seed)  # what is wrong with the labels is said before the long work
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
    found = {name: {classes[row.label - 1] for row in of_video} for name, of_video in rows.items() if of_video}
    _check_people(labels, found)
    val = split_videos(found, val_share, seed)

    with written.replacing(annotations / 'action_list.pbtxt') as part:
        write_label_map(part, classes)
    empty = [frame for frames in key_frames.values() for frame in frames
             if frame.key in detections and not len(detections[frame.key])]
    with written.replacing(annotations / 'key_frames_without_people.csv') as part:
        part.write_text(''.join(f'{frame.key}\n' for frame in empty))
    summary = dict(classes=classes, videos={}, key_frames={}, people={})
    for split, names in (('train', found.keys() - val), ('val', val)):
        split_rows = [row for name in sorted(names) for row in rows[name]]
        proposals = ground_truth_proposals(split_rows)
        if detector is not None:
            proposals = {key: detections[key] for key in proposals}
        with written.replacing(annotations / f'{split}.csv') as part:
            write_annotations(part, split_rows)
        with written.replacing(annotations / f'{split}_proposals.pkl') as part:
            write_proposals(part, proposals)
        summary['videos'][split] = len(names)
        summary['key_frames'][split] = len(proposals)
        summary['people'][split] = len({(row.video, row.timestamp, row.person) for row in split_rows})
    all_rows = [row for of_video in rows.values() for row in of_video]
    moments = Counter(label for label, *_ in {(row.label, row.video, row.timestamp) for row in all_rows})
    summary.update(
        key_frames_of={name: moments[number] for number, name in enumerate(classes, 1)},
        empty_videos=[name for name in rows if not rows[name]],
        empty_key_frames=[frame.key for frame in empty],
        unlabelled=sum(video.unlabelled for video in videos),
        mended=[video.mended for video in videos if video.mended])

    summary['config'] = config
    with written.replacing(config) as part:
        write_child_config(
            part, base_config, f'{out.resolve().name}, as tools/data/from_videos.py made it.', len(classes),
            multilabel=len(all_rows) > sum(summary['people'].values()), score_thr=selection.score_thr)
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
        write_video(file, _images(video.source), video.fps)
    elif copy:
        shutil.copy2(video.source, file)
    else:
        file.symlink_to(video.source.resolve())


def _images(files: Sequence[Path]) -> Iterator[np.ndarray]:
    shape = None
    for file in files:
        image = read_picture(file)
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


def _check_people(labels: Dict[str, Set[str]], found: Dict[str, Set[str]]) -> None:
    for name in sorted(set.union(*labels.values())):
        videos = [video for video in labels if name in labels[video]]
        with_people = [video for video in videos if name in found.get(video, ())]
        if len(with_people) < 2:
            raise ValueError(f'class {name!r}: people are found in {len(with_people)} of its {len(videos)} videos '
                             f'({", ".join(videos[:3])}{", ..." if len(videos) > 3 else ""}): expected two at least: '
                             'try a lower --score-thr or a better detector')
