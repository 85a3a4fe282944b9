"""Key frames with their boxes, on one picture."""
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Container, List, Mapping, Sequence

import cv2
import numpy as np
from mmdet.evaluation.functional import bbox_overlaps
from PIL import Image, ImageDraw

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.files.whole_file import whole_file
from stssa_mm.video.clock import frame_of_sample
from stssa_mm.video.folder import FrameFolder
from stssa_mm.video.reader import open_video

from .boxes import Labelled, class_colours, draw_people, font, ink

WIDTH, HEIGHT, COLUMNS = 400, 240, 4  # of a tile of this shape; others have its area
SAME = 0.99  # IoU of a proposal that is the annotated box itself
TITLES = dict(train='training', val='validation', test='test')
PAPER, INK, QUIET = (24, 26, 30), (255, 255, 255), (190, 195, 205)
LETTERS, LINE = 12, 17


def read_key_frame(dataset: STSSAAVADataset, sample: dict, by_video: bool) -> np.ndarray:
    """The picture (H, W, 3), RGB, of a sample's timestamp; ``by_video``: by presentation timestamps."""
    if dataset.use_frames:
        frames = FrameFolder(sample['frame_dir'], sample['filename_tmpl'], sample['start_index'])
    else:
        frames = open_video(sample['filename'])
    with closing(frames):
        number, _ = frame_of_sample(sample, len(frames), frames.times if by_video else None)
        return frames.read([number])[0]


def _labels(labels: np.ndarray) -> List[int]:
    """Class columns of a person, from a vector with a 1 for each or from the one number."""
    return (np.flatnonzero(labels) if len(labels) > 1 else labels.astype(int)).tolist()


def labelled_people(sample: dict, names: Mapping[int, str], ids: np.ndarray) -> List[Labelled]:
    """The annotated people of a dataset's sample. ``ids`` (classes,): of the columns of its labels."""
    colours = dict(zip(names, class_colours(len(names))))
    people = []
    for box, labels in zip(sample['gt_bboxes'], sample['gt_labels']):
        numbers = [int(ids[label]) for label in _labels(labels)]
        people.append(Labelled(box, [names.get(number, str(number)) for number in numbers],
                               [colours.get(number, QUIET) for number in numbers]))
    return people


def _draw(image: np.ndarray, sample: dict, names: Mapping[int, str], ids: np.ndarray) -> np.ndarray:
    scale = (WIDTH * HEIGHT / (image.shape[0] * image.shape[1])) ** 0.5
    image = cv2.resize(image, (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)),
                       interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    people = labelled_people(sample, names, ids)
    proposals = np.asarray(sample.get('proposals', np.zeros((0, 4))), np.float32).reshape(-1, 4)
    if len(people) and len(proposals):
        given = np.array([person.box for person in people], np.float32)
        proposals = proposals[bbox_overlaps(proposals, given).max(1) < SAME]
    return draw_people(image, people, proposals.tolist())


def write_contact_sheet(datasets: Mapping[str, STSSAAVADataset], names: Mapping[int, str], out: Path,
                        each: int = 8, by_video: Container[str] = ()) -> Path:
    """Draw key frames of each dataset: annotated boxes in the colours of their classes, proposals dashed.

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
    sections, shown = {}, set()
    for split, dataset in datasets.items():
        ids = np.array(dataset.custom_classes or range(dataset.num_classes))
        tiles = sections[split] = []
        for index in np.unique(np.linspace(0, len(dataset) - 1, each).round().astype(int)).tolist():
            sample = dataset.get_data_info(index)
            tiles.append((_draw(read_key_frame(dataset, sample, split in by_video), sample, names, ids),
                          sample['img_key']))
            shown.update(int(ids[label]) for labels in sample['gt_labels'] for label in _labels(labels))
    if not any(sections.values()):
        raise ValueError(f'{out}: no dataset could be read, so there is nothing to draw')
    width = COLUMNS * max(tile.shape[1] for tiles in sections.values() for tile, _ in tiles)
    strips = [_legend(width, names, shown)]
    for split, tiles in sections.items():
        strips.append(_title(width, f'{TITLES.get(split, split)}: {len(tiles)} of {len(datasets[split])} key frames'))
        strips += [_row(width, tiles[start:start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    sheet = np.concatenate(strips)
    with whole_file(out) as part:
        if not cv2.imwrite(str(part), sheet[..., ::-1]):
            raise OSError(f'{out}: cannot be written')
    return out


def _strip(width: int, height: int) -> Image.Image:
    return Image.new('RGB', (width, height), PAPER)


def _title(width: int, text: str) -> np.ndarray:
    strip = _strip(width, 40)
    ImageDraw.Draw(strip).text((8, 24), text, fill=INK, font=font(18, bold=True), anchor='lm')
    return np.asarray(strip)


def _legend(width: int, names: Mapping[int, str], shown: Container[int]) -> np.ndarray:
    """What lines and colours mean; of the classes those that are shown."""
    letters, x, y = font(LETTERS, bold=True), 8, 8
    entries = [(text, None) for text in ('solid: annotated', 'dashed: proposal without an annotation like it')]
    entries += [(names[number], colour) for number, colour in zip(names, class_colours(len(names)))
                if number in shown]
    placed = []
    for text, colour in entries:
        wide = round(letters.getlength(text)) + 12
        if x > 8 and x + wide > width - 8:
            x, y = 8, y + LINE + 8
        placed.append((x, y, wide, text, colour))
        x += wide + 10
    strip = _strip(width, y + LINE + 10)
    draw = ImageDraw.Draw(strip)
    for x, y, wide, text, colour in placed:
        if colour:
            draw.rectangle((x, y, x + wide, y + LINE + 2), fill=colour)
        draw.text((x + (6 if colour else 0), y + LINE / 2 + 1), text, fill=ink(colour) if colour else QUIET,
                  font=letters, anchor='lm')
    return np.asarray(strip)


def _row(width: int, tiles: Sequence[tuple]) -> np.ndarray:
    """Tiles beside each other, each with what it shows below."""
    cell = width // COLUMNS
    letters = font(LETTERS)
    columns = max(int((cell - 8) / letters.getlength('n')), 1)
    captions = [textwrap.wrap(key, columns) or [''] for _, key in tiles]
    tall = max(tile.shape[0] for tile, _ in tiles)
    strip = _strip(width, tall + LINE * max(map(len, captions)) + 10)
    draw = ImageDraw.Draw(strip)
    for number, ((tile, _), lines) in enumerate(zip(tiles, captions)):
        left = number * cell
        strip.paste(Image.fromarray(tile), (left + (cell - tile.shape[1]) // 2, 0))
        for row, text in enumerate(lines):
            draw.text((left + 4, tall + 3 + row * LINE), text, fill=QUIET, font=letters)
        if number:
            draw.line((left, 0, left, tall), fill=PAPER, width=3)
    return np.asarray(strip)
