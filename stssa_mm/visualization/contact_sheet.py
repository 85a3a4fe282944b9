"""Key frames with their boxes, on one picture."""
from contextlib import closing
from pathlib import Path
from typing import Container, Mapping

import cv2
import numpy as np

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.files.whole_file import whole_file
from stssa_mm.video.clock import frame_of_sample
from stssa_mm.video.folder import FrameFolder
from stssa_mm.video.reader import open_video

HEIGHT, COLUMNS = 240, 4
GREEN, YELLOW, WHITE = (0, 200, 0), (0, 220, 220), (255, 255, 255)  # BGR


def _read_key_frame(dataset: STSSAAVADataset, sample: dict, by_video: bool) -> np.ndarray:
    """The picture (H, W, 3), BGR, of a sample's timestamp; ``by_video``: by presentation timestamps."""
    if dataset.use_frames:
        frames = FrameFolder(sample['frame_dir'], sample['filename_tmpl'], sample['start_index'])
    else:
        frames = open_video(sample['filename'])
    with closing(frames):
        number, _ = frame_of_sample(sample, len(frames), frames.times if by_video else None)
        return np.ascontiguousarray(frames.read([number])[0][..., ::-1])


def _draw(image: np.ndarray, sample: dict, names: Mapping[int, str], ids: np.ndarray) -> np.ndarray:
    image = cv2.resize(image, (round(image.shape[1] * HEIGHT / image.shape[0]), HEIGHT))
    scale = np.tile(image.shape[1::-1], 2)
    for box in sample.get('proposals', ()):
        x1, y1, x2, y2 = np.round(box * scale).astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), YELLOW, 1)
    for box, labels in zip(sample['gt_bboxes'], sample['gt_labels']):
        x1, y1, x2, y2 = np.round(box * scale).astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), GREEN, 2)
        labels = np.flatnonzero(labels) if len(labels) > 1 else labels.astype(int)
        for line, label in enumerate(labels.tolist()):
            text = names.get(int(ids[label]), str(ids[label]))
            cv2.putText(image, text, (x1 + 2, y1 + 12 * (line + 1)), cv2.FONT_HERSHEY_PLAIN, 0.8, GREEN, 1)
    cv2.putText(image, sample['img_key'], (2, HEIGHT - 4), cv2.FONT_HERSHEY_PLAIN, 0.8, WHITE, 1)
    return image


def write_contact_sheet(datasets: Mapping[str, STSSAAVADataset], names: Mapping[int, str], out: Path,
                        each: int = 8, by_video: Container[str] = ()) -> Path:
    """Draw key frames of each dataset: annotated boxes green with their classes, proposals yellow.

    Args:
        datasets (Mapping[str, STSSAAVADataset]): What to draw from.
        names (Mapping[int, str]): Class id to name.
        out (Path): The picture, ``.png`` or ``.jpg``.
        each (int): Key frames of each dataset, evenly over its length. Defaults to 8.
        by_video (Container[str]): The datasets whose pipeline goes by presentation timestamps, whatever ``fps`` says.
            Defaults to none.

    Returns:
        Path: ``out``.

    Raises:
        ValueError: If a frame cannot be read, or there is nothing to draw.
        OSError: If the picture cannot be written.
    """
    out = Path(out)
    if out.suffix not in ('.png', '.jpg'):
        raise ValueError(f'{out}: expected a picture .png or .jpg')
    tiles = []
    for split, dataset in datasets.items():
        ids = np.array(dataset.custom_classes or range(dataset.num_classes))
        for index in np.unique(np.linspace(0, len(dataset) - 1, each).round().astype(int)).tolist():
            sample = dataset.get_data_info(index)
            tiles.append(_draw(_read_key_frame(dataset, sample, split in by_video), sample, names, ids))
    if not tiles:
        raise ValueError(f'{out}: no dataset could be read, so there is nothing to draw')
    width = max(tile.shape[1] for tile in tiles)
    sheet = np.zeros((-(-len(tiles) // COLUMNS) * HEIGHT, COLUMNS * width, 3), np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        sheet[row * HEIGHT:(row + 1) * HEIGHT, column * width:column * width + tile.shape[1]] = tile
    with whole_file(out) as part:
        if not cv2.imwrite(str(part), sheet):
            raise OSError(f'{out}: cannot be written')
    return out
