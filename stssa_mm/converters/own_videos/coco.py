"""COCO annotations of images that are the frames of videos (https://cocodataset.org/#format-data)."""
import re
from collections import defaultdict
from pathlib import Path
from typing import Dict, List

from stssa_mm.files.text import plain, read_json, shown

from .labelled_video import LabelledVideo, Mark, check_label, check_names, person_id, relative_box, safe_name, thin_out


def read_coco(file: Path, folder: Path, every: float, fps: float) -> List[LabelledVideo]:
    """Boxes of people, whose categories are the actions; a video is made of the images.

    Images with the same ``video_id``, or else in the same folder, are a video. Their order is that of ``frame_index``
    or ``frame_id``, else that of the names. Annotations with the same box are one person; ``track_id`` or
    ``instance_id`` names people over time, where all annotations have it.

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
    images = {image['id']: image for image in data['images']}
    for entry in data['annotations']:
        where = f'{file}: annotation {entry["id"]}'
        if entry['image_id'] not in images:
            raise ValueError(f'{where}: image_id={entry["image_id"]!r} is not among the images')
        if entry['category_id'] not in categories:
            raise ValueError(f'{where}: category_id={entry["category_id"]!r} is not among the categories')
        if not isinstance(entry['bbox'], list) or len(entry['bbox']) != 4:
            raise ValueError(f'{where}: bbox={shown(entry["bbox"])}: expected x, y, width and height')
        x, y, width, height = entry['bbox']
        image = images[entry['image_id']]
        box = relative_box((x, y, x + width, y + height), image['width'], image['height'], where, slack=1)
        person = person_id(entry[track], where) if track else None
        found[entry['image_id']].append((categories[entry['category_id']], box, person))

    videos = []
    for name, members in groups.items():
        members = _in_order(members, f'{file}: video {name}')
        video = LabelledVideo(f'{safe_name(name)}.mp4', [folder / image['file_name'] for image in members], fps,
                              len(members))
        for index in thin_out((i for i, image in enumerate(members) if found[image['id']]), every * fps):
            video.marks += [Mark(index, index, *mark) for mark in found[members[index]['id']]]
        if not video.marks:
            raise ValueError(f'{file}: video {name}: no annotations: leave out its images')
        videos.append(video)
    check_names(videos)
    return videos


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
