"""A small drawn data set in AVA's form, for trying everything out without a download.

A video is one scene: two or three stick figures before a textured background, seen by a shaky camera. It has ``ACTS``
acts of ``ACT_SECONDS`` seconds, in each of which everybody does something else; the key frame is the act's middle.
Use ``fps=FPS``, ``timestamp_start=TIMESTAMP_START`` and ``start_index=0``: 16 frames next to each other around a key
frame lie in one act.

Position, size and colours say nothing about a class, and all combinations of posture, gesture and jump are equally
frequent. Waving slowly or fast differs in tempo only, waving or kicking in the limb, reaching to or away from people in
where the others are, and a jump is over after ``JUMP_SECONDS``.
"""
from __future__ import annotations

import colorsys
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from stssa_mm.files.annotations import Row, write_annotations
from stssa_mm.files.key_frames import key_of
from stssa_mm.files.label_map import write_label_map
from stssa_mm.files.proposals import write_proposals
from stssa_mm.files.written import Written
from stssa_mm.video.writer import write_video

POSTURES = ('stand', 'crouch')
WAVES = ('wave slowly', 'wave fast')
REACHES = ('reach to a person', 'reach away from people')
GESTURES = (*WAVES, 'kick', *REACHES)
CLASSES = (*POSTURES, *GESTURES, 'jump')  # class i has the number i + 1 in the files

FPS = 10
WIDTH, HEIGHT = 160, 96
ACTS, ACT_SECONDS = 2, 2
FRAMES = ACTS * ACT_SECONDS * FPS
TIMESTAMP_START = 900  # AVA's: the timestamp of a video's first frame
TEMPI = {'wave slowly': (0.5, 0.75), 'wave fast': (1.8, 2.3)}  # Hz; a kick has either
JUMP_SECONDS, JUMP_OFFSET = 0.4, 0.2  # a jump's duration; the most between its middle and the key frame
SHAKE = 2  # pixels the camera moves at most
EXCLUDED_SHARE = 0.05
PROPOSAL_JITTER = 0.02  # of a box's size, on each side: IoU >= 0.92


class Person(NamedTuple):
    """Somebody's place and looks, in pixels."""
    x: float
    ground: float
    height: float
    colours: Sequence[tuple]  # of legs, torso, arms and head


class Action(NamedTuple):
    """What a person does in an act."""
    posture: str
    gesture: str
    side: int  # of the limb that moves: 1 right, -1 left
    tempo: float  # Hz
    phase: float  # radians
    jump: float | None  # seconds from the key frame to the middle of the jump, None without

    def labels(self) -> list[int]:
        """Class numbers, from 1."""
        names = [self.posture, self.gesture] + ([] if self.jump is None else ['jump'])
        return [CLASSES.index(name) + 1 for name in names]


class Scene(NamedTuple):
    """All of a video."""
    people: list[Person]  # from left to right
    actions: list[list[Action]]  # of each act, of each person
    background: np.ndarray  # (HEIGHT + 2 * SHAKE, WIDTH + 2 * SHAKE, 3)
    camera: np.ndarray  # (FRAMES, 2): x and y, 0 to 2 * SHAKE

    def pose(self, frame: int, person: int) -> tuple:
        """Arguments of :func:`limbs` for a person in a frame."""
        act, frame_of_act = divmod(frame, ACT_SECONDS * FPS)
        return self.people[person], self.actions[act][person], frame_of_act / FPS - ACT_SECONDS / 2


def limbs(person: Person, action: Action, time: float) -> list[np.ndarray]:
    """The figure: left leg, right leg, torso, left arm, right arm, each a line of points (n, 2), and the head's centre.

    Args:
        person (Person): Who.
        action (Action): Does what.
        time (float): Seconds after the key frame.
    """
    x, ground, size = person.x, person.ground, person.height
    if action.jump is not None:
        part = (time - action.jump) / JUMP_SECONDS + 0.5
        ground -= 0.2 * size * np.sin(np.pi * np.clip(part, 0, 1))
    crouch = action.posture == 'crouch'
    hip = np.array([x, ground - (0.22 if crouch else 0.46) * size])
    shoulder = hip - (0, 0.32 * size)
    swing = np.sin(2 * np.pi * action.tempo * time + action.phase)

    def end(side, degrees, length):  # degrees: 0 down, 90 to the side, 180 up
        angle = np.deg2rad(degrees)
        return length * size * np.array([side * np.sin(angle), np.cos(angle)])

    legs, arms = [], []
    for side in (-1, 1):
        if action.gesture == 'kick' and action.side == side:
            degrees, length = (75 + 30 * swing, 0.36) if crouch else (45 + 40 * swing, 0.46)
            legs.append([hip, hip + end(side, degrees, length)])
        else:
            knee, foot = (0.17, 0.11) if crouch else (0.05, 0.09)
            legs.append([hip, (x + side * knee * size, (hip[1] + ground) / 2), (x + side * foot * size, ground)])
        if action.gesture in WAVES and action.side == side:
            degrees = 130 + 40 * swing
        elif action.gesture in REACHES and action.side == side:
            degrees = 88 + 4 * swing
        else:
            degrees = 18 + 4 * swing
        arms.append([shoulder, shoulder + end(side, degrees, 0.4)])
    return [np.array(line) for line in (*legs, [hip, shoulder], *arms, [shoulder - (0, 0.12 * size)])]


def thickness(person: Person) -> int:
    """Of the lines, in pixels."""
    return max(2, round(person.height / 11))


def draw_person(canvas: np.ndarray, person: Person, action: Action, time: float, shift=(0, 0)) -> None:
    """Draw into an image (H, W, 3), moved by ``shift`` pixels (x, y)."""
    fine = 4  # bits for fractions of a pixel
    *lines, head = (np.round((line + shift) * 2**fine).astype(np.int32) for line in limbs(person, action, time))
    legs, torso, arms, face = person.colours
    for index, colour in enumerate((legs, legs, torso, arms, arms)):
        cv2.polylines(canvas, [lines[index]], False, colour, thickness(person), cv2.LINE_AA, fine)
    cv2.circle(canvas, head[0].tolist(), round(0.1 * person.height * 2**fine), face, -1, cv2.LINE_AA, fine)


def person_box(person: Person, action: Action, time: float, shift=(0, 0)) -> tuple[float, ...]:
    """Relative box x1, y1, x2, y2 around a figure, cut at the image's edges."""
    *lines, head = limbs(person, action, time)
    points, head_radius = np.concatenate(lines), 0.1 * person.height
    line_radius = (thickness(person) + 1) / 2  # OpenCV's smooth edges lie outside the line
    low = np.minimum(points.min(0) - line_radius, head[0] - head_radius)
    high = np.maximum(points.max(0) + line_radius, head[0] + head_radius)
    # A pixel's centre has whole coordinates.
    corners = (np.stack([low, high]) + shift + 0.5) / (WIDTH, HEIGHT)
    return tuple(corners.clip(0, 1).ravel().tolist())


def deal(deck: list[tuple], rng: np.random.Generator, gestures: Sequence[str]) -> tuple:
    """Take the next posture, gesture and whether to jump from a deck that holds all combinations equally often."""
    while True:
        for index, card in enumerate(deck):
            if card[1] in gestures:
                return deck.pop(index)
        cards = list(itertools.product(POSTURES, GESTURES, (False, True)))
        deck += [cards[index] for index in rng.permutation(len(cards))]


def make_scene(rng: np.random.Generator, deck: list[tuple]) -> Scene:
    """Draw lots for everything in a video."""
    def colour(saturation, value):
        return tuple(255 * part for part in colorsys.hsv_to_rgb(rng.random(), saturation, value))

    count = int(rng.integers(2, 4))
    edge, gap = 26, 38
    free = WIDTH - 2 * edge - (count - 1) * gap
    xs = edge + gap * np.arange(count) + free * np.cumsum(rng.dirichlet(np.ones(count + 1)))[:-1]
    people = []
    for x in xs:
        colours = [colour(rng.uniform(0, 1), 1) for _ in range(4)]
        people.append(Person(x, rng.uniform(86, 93), rng.uniform(54, 64), colours))
    actions = []
    for _ in range(ACTS):
        actions.append([])
        for place in range(count):
            # Somebody between two others has no side away from people, and reaches nowhere.
            ends = place in (0, count - 1)
            posture, gesture, jumps = deal(deck, rng, GESTURES if ends else (*WAVES, 'kick'))
            side = int(rng.choice((-1, 1)))
            if gesture in REACHES:
                inward = 1 if place == 0 else -1
                side = inward if gesture == 'reach to a person' else -inward
            tempo = rng.uniform(*TEMPI[gesture if gesture in TEMPI else str(rng.choice(WAVES))])
            jump = rng.uniform(-JUMP_OFFSET, JUMP_OFFSET) if jumps else None
            actions[-1].append(Action(posture, gesture, side, tempo, rng.uniform(0, 2 * np.pi), jump))
    coarse = np.array([colour(0.5, rng.uniform(0.1, 0.45)) for _ in range(7 * 10)], np.float32).reshape(7, 10, 3)
    background = cv2.resize(coarse, (WIDTH + 2 * SHAKE, HEIGHT + 2 * SHAKE), interpolation=cv2.INTER_LINEAR)
    background += rng.normal(0, 10, background.shape)
    return Scene(people, actions, background, rng.integers(0, 2 * SHAKE + 1, (FRAMES, 2)))


def scene_frames(scene: Scene, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The frames of a video, RGB (HEIGHT, WIDTH, 3) of uint8, with noise."""
    noise = rng.normal(0, 8, (2 * HEIGHT, 2 * WIDTH, 1)).astype(np.float32)
    for number, (x, y) in enumerate(scene.camera):
        frame = scene.background[y:y + HEIGHT, x:x + WIDTH].copy()
        for person in range(len(scene.people)):
            draw_person(frame, *scene.pose(number, person), shift=camera_shift(scene, number))
        top, left = rng.integers(0, (HEIGHT, WIDTH))
        yield (frame + noise[top:top + HEIGHT, left:left + WIDTH]).clip(0, 255).astype(np.uint8)


def camera_shift(scene: Scene, frame: int) -> np.ndarray:
    """How many pixels (x, y) the people are moved in a frame: against the camera, as the background is."""
    return SHAKE - scene.camera[frame]


def scene_rows(scene: Scene, video: str) -> list[Row]:
    """The annotations of a video."""
    rows = []
    for act in range(ACTS):
        second = act * ACT_SECONDS + ACT_SECONDS // 2
        for person in range(len(scene.people)):
            pose = scene.pose(second * FPS, person)
            box = person_box(*pose, shift=camera_shift(scene, second * FPS))
            rows += [Row(video, TIMESTAMP_START + second, *box, label, person) for label in pose[1].labels()]
    return rows


def make_proposals(rows: Sequence[Row], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What a person detector might find.

    Args:
        rows (Sequence[Row]): Annotations.
        rng (np.random.Generator): Random numbers.

    Returns:
        dict[str, np.ndarray]: 'video,timestamp' to boxes and scores (n, 5): each person's box, a little off, with a
            score of at least 0.9, and at last a box on the background with a lower one.
    """
    people: dict[str, dict[int, tuple]] = {}
    for row in rows:
        people.setdefault(key_of(row.video, row.timestamp), {})[row.person] = row[2:6]
    proposals = {}
    for key, boxes in people.items():
        boxes = np.array(list(boxes.values()))
        size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        near = (boxes + size * rng.uniform(-PROPOSAL_JITTER, PROPOSAL_JITTER, boxes.shape)).clip(0, 1)
        near = np.column_stack([near, rng.uniform(0.91, 1, len(near))])
        low = rng.uniform(0, 0.7, (100, 2))
        false = np.concatenate([low, low + rng.uniform(0.1, 0.3, low.shape)], axis=1)
        sides = np.minimum(false[:, None, 2:], boxes[:, 2:]) - np.maximum(false[:, None, :2], boxes[:, :2])
        emptiest = false[sides.clip(0).prod(2).sum(1).argmin()]
        proposals[key] = np.vstack([near, [*emptiest, rng.uniform(0.3, 0.85)]]).round(4)
    return proposals


def make_toy(out: Path, seed: int = 0, train_videos: int = 100, val_videos: int = 30) -> dict:
    """Write videos, annotations, excluded timestamps, proposals and a label map.

    Files that an earlier call wrote are replaced, and no others.

    Args:
        out (Path): Folder to write ``videos/`` and ``annotations/`` into.
        seed (int): The same seed and numbers give the same files. Defaults to 0.
        train_videos (int): Training videos, each with ``ACTS`` key frames. Defaults to 100.
        val_videos (int): The same for validation. From 5 videos on all classes are there. Defaults to 30.

    Returns:
        dict: Of each split the number of videos, key frames, excluded ones among them, and people on key frames.

    Raises:
        ValueError: If a number is too small, or a file of somebody else would be replaced.
    """
    if seed < 0:
        raise ValueError(f'seed={seed}: expected 0 or more')
    counts = {'train': train_videos, 'val': val_videos}
    for split, count in counts.items():
        if not 1 <= count <= 9999:
            raise ValueError(f'{split}_videos={count}: expected 1 to 9999')
    annotations = Path(out) / 'annotations'
    written = Written(out, 'make_toy')
    with written.replacing(annotations / 'action_list.pbtxt') as part:
        write_label_map(part, CLASSES)
    summary = {}
    for number, (split, count) in enumerate(counts.items()):
        rng = np.random.default_rng([seed, number])
        deck: list[tuple] = []
        rows: list[Row] = []
        for index in range(count):
            video = f'{split}_{index:04d}'
            scene = make_scene(rng, deck)
            with written.replacing(Path(out) / 'videos' / f'{video}.mp4') as part:
                write_video(part, scene_frames(scene, rng), FPS)
            rows += scene_rows(scene, video)
        proposals = make_proposals(rows, rng)
        excluded = sorted(rng.choice(list(proposals), max(1, round(EXCLUDED_SHARE * len(proposals))), replace=False))
        with written.replacing(annotations / f'{split}.csv') as part:
            write_annotations(part, rows)
        with written.replacing(annotations / f'{split}_excluded_timestamps.csv') as part:
            part.write_text(''.join(f'{key}\n' for key in excluded))
        with written.replacing(annotations / f'{split}_proposals.pkl') as part:
            write_proposals(part, proposals)
        summary[f'{split}_videos'] = count
        summary[f'{split}_key_frames'] = len(proposals)
        summary[f'{split}_excluded'] = len(excluded)
        summary[f'{split}_people'] = len({(row.video, row.timestamp, row.person) for row in rows})
    return summary
