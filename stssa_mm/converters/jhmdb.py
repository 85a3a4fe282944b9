"""JHMDB (http://jhmdb.is.tue.mpg.de) in AVA's form.

A key frame is a frame: timestamps are frame numbers from 1, for a dataset with ``fps=1`` and ``timestamp_start=1``.
Frames without a silhouette are left out. In split 1 these are 13 of the 9,139 test frames, so 9,126 key frames: the
mask files of two clips of ``clap`` (``The_Slow_Clap_*_med_4`` and ``*_bad_20``) end 6 and 7 frames before the clip.
ACT and others evaluate all 9,139.
"""
import re
from pathlib import Path
from typing import Dict, List, Sequence

import numpy as np
from scipy.io import loadmat
from tqdm import tqdm

from stssa_mm.files.annotations import Row, write_annotations
from stssa_mm.files.key_frames import check_video_names
from stssa_mm.files.label_map import write_label_map
from stssa_mm.files.proposals import ground_truth_proposals, write_proposals
from stssa_mm.files.written import Written
from stssa_mm.video.picture import read_picture
from stssa_mm.video.writer import write_video

FPS = 30
SUBSETS = {'1': 'train', '2': 'test'}


def read_split(folder: Path, split: int) -> Dict[str, str]:
    """Which clips train and which test.

    Args:
        folder (Path): ``splits`` of the release.
        split (int): 1, 2 or 3.

    Returns:
        dict[str, str]: 'class/clip' to 'train' or 'test'.

    Raises:
        FileNotFoundError: If there is no file of this split.
        ValueError: If a line is malformed.
    """
    files = sorted(folder.glob(f'*_test_split{split}.txt'))
    if not files:
        raise FileNotFoundError(f'{folder}: no *_test_split{split}.txt here: give the folder of a JHMDB release, which '
                                'has splits/ and puppet_mask/')
    subsets = {}
    for file in files:
        action = file.name[:-len(f'_test_split{split}.txt')]
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if not line.strip():
                continue
            match = re.fullmatch(r'(.+)\.avi ([012])', line.strip())
            if not match:
                raise ValueError(f'{file}:{number}: {line!r}: expected "<clip>.avi <1 train, 2 test, 0 none>"')
            check_video_names([match[1]], f'{file}:{number}')
            if match[2] in SUBSETS:
                subsets[f'{action}/{match[1]}'] = SUBSETS[match[2]]
    return subsets


def read_masks(file: Path) -> np.ndarray:
    """The silhouettes of a clip: (frames, H, W), 0 or 1.

    Raises:
        ValueError: If the file holds no masks.
    """
    masks = loadmat(file).get('part_mask')
    if masks is None or masks.ndim != 3:
        raise ValueError(f'{file}: expected a variable part_mask of height x width x frames')
    return masks.transpose(2, 0, 1)


def mask_box(mask: np.ndarray):
    """Relative box x1, y1, x2, y2 around a silhouette (H, W), or None if it is empty."""
    ys, xs = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not len(ys):
        return None
    height, width = mask.shape
    return xs[0] / width, ys[0] / height, (xs[-1] + 1) / width, (ys[-1] + 1) / height


def rgb_frames(folder: Path, count: int):
    """The RGB frames of a clip with ``count`` masks, one after the other.

    Raises:
        ValueError: If they are fewer than the masks. They may be more: the masks of three clips end early.
    """
    files = sorted(folder.glob('*.png'))
    if len(files) < count:
        raise ValueError(f'{folder}: {len(files)} png files for {count} masks: extract Rename_Images again')
    for file in files:
        yield read_picture(file)


def _version(files: Sequence[Path]) -> str:
    """What tells the files of a clip from others: how many there are, their bytes, and the newest change."""
    found = [file.stat() for file in files]
    kinds = ''.join(sorted({file.suffix for file in files}))
    return (f'{len(found)} {kinds}, {sum(one.st_size for one in found)} bytes, '
            f'{max((one.st_mtime_ns for one in found), default=0)}')


def convert_jhmdb(release: Path, out: Path, split: int = 1, train_stride: int = 1, test_stride: int = 1) -> dict:
    """Write videos, annotations, proposals (the ground-truth boxes) and a label map.

    Boxes are those around the silhouettes, as usual for JHMDB. Videos show the RGB frames where the release has
    ``Rename_Images/``, silhouettes otherwise. A clip that is there is made again where what it was made from has
    changed. Files that an earlier call wrote are replaced, and no others.

    Args:
        release (Path): Folder with ``puppet_mask/``, ``splits/`` and perhaps ``Rename_Images/``.
        out (Path): Folder to write ``videos/`` and ``annotations/`` into.
        split (int): 1, 2 or 3. Defaults to 1.
        train_stride (int): Every how many frames a training clip has a key frame. Defaults to 1.
        test_stride (int): The same for test clips. Defaults to 1.

    Returns:
        dict: ``texture`` ('RGB' or 'silhouettes') and the number of clips and key frames of each subset.

    Raises:
        FileNotFoundError, ValueError: If the release is not as it should be, or a file of somebody else would be
            replaced.
    """
    release, out = Path(release), Path(out)
    subsets = read_split(release / 'splits', split)
    actions = sorted({clip.split('/')[0] for clip in subsets})
    images, annotations, written = release / 'Rename_Images', out / 'annotations', Written(out, 'jhmdb')
    rows: Dict[str, List[Row]] = {'train': [], 'test': []}
    for clip, subset in tqdm(sorted(subsets.items()), desc='JHMDB', unit='clip', mininterval=1):
        action, name = clip.split('/')
        mask_file = release / 'puppet_mask' / action / name / 'puppet_mask.mat'
        masks = read_masks(mask_file)
        video = out / 'videos' / f'{clip}.mp4'
        made_from = _version(sorted((images / action / name).glob('*.png')) if images.exists() else [mask_file])
        if not written.up_to_date(video, made_from):
            frames = rgb_frames(images / action / name, len(masks)) if images.exists() else (
                np.repeat(mask[..., None] * np.uint8(255), 3, axis=2) for mask in masks)
            with written.replacing(video, made_from) as part:
                write_video(part, frames, FPS)
        stride = train_stride if subset == 'train' else test_stride
        # Strided key frames lie in the middle of their stretches.
        for index in range(min(stride // 2, len(masks) - 1), len(masks), stride):
            box = mask_box(masks[index])
            if box is not None:
                rows[subset].append(Row(clip, index + 1, *box, actions.index(action) + 1, 0))
    with written.replacing(annotations / 'action_list.pbtxt') as part:
        write_label_map(part, actions)
    for subset, subset_rows in rows.items():
        with written.replacing(annotations / f'{subset}_split{split}.csv') as part:
            write_annotations(part, subset_rows)
        with written.replacing(annotations / f'{subset}_split{split}_proposals.pkl') as part:
            write_proposals(part, ground_truth_proposals(subset_rows))
    summary = {'texture': 'RGB' if images.exists() else 'silhouettes'}
    for subset, subset_rows in rows.items():
        summary[f'{subset}_clips'] = len({row.video for row in subset_rows})
        summary[f'{subset}_key_frames'] = len(subset_rows)
    return summary
