"""COCO annotations of images that are the frames of videos (https://cocodataset.org/#format-data)."""
import re
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, Tuple

from stssa_mm.files.text import plain, read_json, shown
from stssa_mm.video.picture import picture_size

from .labelled_video import LabelledVideo, Mark, check_label, check_names, person_id, relative_box, safe_name, thin_out


def read_coco(file: Path, folder: Path, every: float, fps: float) -> List[LabelledVideo]:
    """Boxes of people, whose categories are the actions; a video is made of the images.

    Images with the same ``video_id``, or else in the same folder, are a video. Their order is that of ``frame_index``
    or ``frame_id``, else that of the names. Annotations with the same box are one person; ``track_id`` or
    ``instance_id`` names people over time, where all annotations have it. Pictures are turned as their EXIF
    orientation says, unless the json has their sizes as they are stored.

    Args:
        file (Path): The json.
        folder (Path): Where the images are.
        every (float): Seconds between key frames at least.
        fps (float): Images a second.

    Raises:
        ValueError: If the file is not as it should be; names the image or annotation.
        FileNotFoundError: If an image is not there.
    """
    data = read_json(file)
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(data, dict) or not isinstance(data.get(key), list) or not data[key]:
            raise ValueError(f'{file}: no {key!r} in it: expected a COCO file of boxes')
    try:
        return _videos(file, folder, every, fps, data)
    except (ArithmeticError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'{file}: an entry is not as COCO describes it: {shown(error)}') from error


def _videos(file: Path, folder: Path, every: float, fps: float, data: dict) -> List[LabelledVideo]:
    names = {entry['id']: Path(str(entry.get('name') or entry.get('file_name') or entry['id'])).with_suffix('')
             for entry in data.get('videos', ())}
    groups: Dict[str, list] = defaultdict(list)
    for image in data['images']:
        try:
            there = (folder / image['file_name']).is_file()
        except OSError as error:  # too long a name
            raise ValueError(f'{file}: image {shown(image["id"])}: {plain(error)}') from None
        if not there:
            raise FileNotFoundError(f'{file}: image {shown(image["id"])}: {plain(folder / image["file_name"])}: no '
                                    'such file; --videos names the folder')
        if 'video_id' in image:
            name = names.get(image['video_id'], Path(str(image['video_id'])))
        else:
            name = Path(image['file_name']).parent
            if not name.name:
                raise ValueError(f'{file}: image {image["id"]}: neither a video_id nor a folder in file_name '
                                 f'{image["file_name"]!r}: which video is it of?')
        groups[name].append(image)

    categories = {entry['id']: check_label(str(entry['name']), f'{file}: category {entry["id"]}')
                  for entry in data['categories']}
    track = next((key for key in ('track_id', 'instance_id') if all(key in entry for entry in data['annotations'])),
                 None)
    found: Dict[object, list] = defaultdict(list)
    sizes = {image['id']: _size(image, folder, f'{file}: image {image["id"]}') for image in data['images']}
    numbers = _track_numbers([entry[track] for entry in data['annotations']], f'{file}: {track}') if track else {}
    clipped: Dict[object, int] = defaultdict(int)
    for entry in data['annotations']:
        where = f'{file}: annotation {entry["id"]}'
        if entry['image_id'] not in sizes:
            raise ValueError(f'{where}: image_id={entry["image_id"]!r} is not among the images')
        if entry['category_id'] not in categories:
            raise ValueError(f'{where}: category_id={entry["category_id"]!r} is not among the categories')
        bbox = entry['bbox']
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(isinstance(value, (int, float)) for value in bbox):
            raise ValueError(f'{where}: bbox={shown(bbox)}: expected four numbers, x, y, width and height in pixels')
        x, y, width, height = bbox
        box, over = relative_box((x, y, x + width, y + height), *sizes[entry['image_id']][0], where)
        found[entry['image_id']].append((categories[entry['category_id']], box, numbers.get(str(entry.get(track)))))
        clipped[entry['image_id']] += over

    videos = []
    for name, members in groups.items():
        members = _in_order(members, f'{file}: video {name}')
        video = LabelledVideo(f'{safe_name(name)}.mp4', [folder / image['file_name'] for image in members], fps,
                              len(members))
        upright = {sizes[image['id']][1] for image in members} - {None}
        if len(upright) > 1:
            raise ValueError(f'{file}: video {name}: some images have the size that their EXIF orientation gives, '
                             'others that without it: write them upright')
        video.upright = upright != {False}
        video.clipped = sum(clipped[image['id']] for image in members)
        for index in thin_out((i for i, image in enumerate(members) if found[image['id']]), every * fps):
            video.marks += [Mark(index, index, *mark) for mark in found[members[index]['id']]]
        if not video.marks:
            raise ValueError(f'{file}: video {name}: no annotations: leave out its images')
        videos.append(video)
    check_names(videos)
    return videos


def _size(image: dict, folder: Path, where: str) -> Tuple[Tuple[int, int], object]:
    """Width and height of an image as the file gives them, and whether it has them upright (by its EXIF orientation),
    or as it is stored; None: both are the same.

    Raises:
        ValueError: If the picture has another size, or is none.
    """
    place = folder / image['file_name']
    stored, turned = picture_size(place)
    upright = stored[::-1] if turned else stored
    size = image.get('width') or upright[0], image.get('height') or upright[1]
    if size not in (upright, stored):
        raise ValueError(f'{where}: the file says {size[0]} x {size[1]} pixels, but {place} has {upright[0]} x '
                         f'{upright[1]}: expected the same, as boxes are in pixels')
    return size, None if upright == stored else size == upright


def _track_numbers(tracks: list, where: str) -> Dict[str, int]:
    """A number for each track: its own where all are whole numbers, else by the order of their texts."""
    texts = sorted(set(map(str, tracks)))
    if all(text.isascii() and text.isdecimal() for text in texts):
        return {text: person_id(text, where) for text in texts}
    return {text: number for number, text in enumerate(texts)}


def _in_order(images: List[dict], where: str) -> List[dict]:
    key = next((key for key in ('frame_index', 'frame_id') if all(key in image for image in images)), None)
    if key is None:
        return sorted(images, key=lambda image: [int(part) if part.isdecimal() else part
                                                 for part in re.split(r'(\d+)', image['file_name'])])
    images = sorted(images, key=lambda image: image[key])
    numbers = [image[key] for image in images]
    for before, after in zip(numbers, numbers[1:]):
        if after - before != numbers[1] - numbers[0] or after == before:
            raise ValueError(f'{where}: {key} goes from {before} to {after}, and from {numbers[0]} to {numbers[1]}: '
                             'expected equal steps: list the frames without people too')
    return images
