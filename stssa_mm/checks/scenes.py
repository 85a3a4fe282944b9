"""Videos that show the same scene in training and validation, by a hash of a few frames."""
from contextlib import closing
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
from tqdm import tqdm

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.video.folder import FrameFolder
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import open_video

SIDE = 16  # cells of the hash a side
ALIKE = 0.2  # share of different bits: the same scene lies below it, other scenes above 0.3, see tests
TEXTURE = 0.25  # least share of cells that differ from their neighbour; drawings on black say nothing
PLACES = (0.25, 0.5, 0.75)  # of the frames in a video
MOST_VIDEOS = 300  # of a split that are looked at
MOST_PAIRS = 20  # that are named


class Pair(NamedTuple):
    """A video of validation and the one of training that is most like it; ``distance`` is the share of other bits."""
    distance: float
    video: str
    train: str


def difference_hash(image: np.ndarray) -> Optional[np.ndarray]:
    """Whether each cell of a coarse grey picture is brighter than its left neighbour (dHash).

    Args:
        image (np.ndarray): (H, W, 3), RGB, uint8.

    Returns:
        np.ndarray, optional: (256,) bool; None where the picture has too little texture to tell scenes apart.
    """
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    steps = np.diff(grey.astype(int), axis=1).ravel()
    return steps > 0 if (np.abs(steps) > 2).mean() >= TEXTURE else None


def video_hashes(path: Path, frames: bool, template: Optional[str] = None) -> np.ndarray:
    """Hashes (n, 256) of up to three frames of a video, or of a folder of frames.

    Raises:
        BrokenVideoError: If it cannot be read.
    """
    with closing(FrameFolder(path, template) if frames else open_video(path)) as video:
        numbers = sorted({int(len(video) * place) for place in PLACES})
        found = [difference_hash(image) for image in video.read(numbers)]
    return np.array([bits for bits in found if bits is not None], bool).reshape(-1, SIDE * SIDE)


def alike(first: Dict[str, np.ndarray], train: Dict[str, np.ndarray]) -> List[Pair]:
    """The videos of which a frame is nearly one of training, with the likest of these, the likest first.

    Args:
        first (dict[str, np.ndarray]): Hashes (n, 256) of validation videos.
        train (dict[str, np.ndarray]): The same of training.
    """
    names = np.repeat(list(train), [len(bits) for bits in train.values()]) if train else np.zeros(0, str)
    known = np.concatenate([*train.values(), np.zeros((0, SIDE * SIDE), bool)])
    pairs = []
    for video, hashes in first.items():
        if len(hashes) and len(known):
            distance = (hashes[:, None] != known[None]).mean(2).min(0)
            best = int(distance.argmin())
            if distance[best] <= ALIKE:
                pairs.append(Pair(float(distance[best]), video, str(names[best])))
    return sorted(pairs)


def find_alike(datasets: Dict[str, STSSAAVADataset]) -> Dict[str, Tuple[List[Pair], int]]:
    """Of each split but training the pairs, and how many of its videos were looked at.

    Args:
        datasets (dict[str, STSSAAVADataset]): Split to dataset.
    """
    if 'train' not in datasets or len(datasets) < 2:
        return {}
    hashes = {split: _hashes(split, dataset) for split, dataset in datasets.items()}
    found = {}
    for split, of in hashes.items():
        if split != 'train':
            new = {video: bits for video, bits in of.items() if video not in hashes['train']}
            found[split] = alike(new, hashes['train']), len(of)
    return found


def same_scenes(datasets: Dict[str, STSSAAVADataset]) -> Dict[str, str]:
    """Of each split but training that shows scenes of training, what is to be said of it, with the pairs."""
    said = {}
    for split, (pairs, videos) in find_alike(datasets).items():
        if pairs:
            named = '; '.join(f'{pair.video} and {pair.train}' for pair in pairs[:MOST_PAIRS])
            more = '; ...' if len(pairs) > MOST_PAIRS else ''
            said[split] = (f'{len(pairs)} of {videos} videos looked at show nearly the picture of one in training: '
                           f'{named}{more}'
                           ': the mAP may say little about new scenes. Put a scene into one part')
    return said


def _hashes(split: str, dataset: STSSAAVADataset) -> Dict[str, np.ndarray]:
    frames = dataset.key_frames
    numbers = np.unique(frames.video[dataset.data_list])
    if len(numbers) > MOST_VIDEOS:
        numbers = numbers[np.linspace(0, len(numbers) - 1, MOST_VIDEOS).round().astype(int)]
    names: Sequence[str] = frames.videos[numbers].tolist()
    hashes = {}
    for video in tqdm(names, desc=f'{split}: comparing scenes', unit='video', mininterval=1, disable=len(names) < 20):
        try:
            hashes[video] = video_hashes(Path(dataset.path_of(video)), dataset.use_frames)
        except BrokenVideoError:
            continue  # the check of the videos names it
    return hashes
