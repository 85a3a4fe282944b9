"""A dataset from a user's own videos: labels are read by format, then everything is written in AVA's form."""
import json
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from stssa_mm.files.text import lines_of, split_line, without_blanks
from stssa_mm.video.find import VIDEOS

from .child_config import check_place
from .clips import read_csv, read_folders, read_part
from .coco import read_coco
from .cvat import find_exports, read_cvat
from .dataset import write_dataset
from .labelled_video import LabelledVideo, check_rate, check_seconds, safe_name
from .tubes import read_tubes
from .via import is_via, read_via

__all__ = ['convert_own_videos']

FORMATS = ('folders', 'csv', 'cvat', 'coco', 'via', 'tubes')
READ = ('folders of clips, a csv, CVAT for video 1.1 (.xml), COCO or VIA 3 (.json), and tubes as UCF101-24 and '
        'MultiSports publish them (.pkl)')


def guess_format(source: Path) -> str:
    """The format of a user's labels, from the file's suffix or what a folder holds.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If it may be several, or none.
    """
    if not source.exists():
        raise FileNotFoundError(f'{source}: no such file or folder')
    if source.is_dir():
        inside = [place for place in source.iterdir() if not place.name.startswith('.')]
        exports = [place for place in inside if place.suffix.lower() == '.xml']
        folders = [place for place in inside if place.is_dir()]
        if not inside:
            raise ValueError(f'{source}: the folder is empty: expected folders of clips, one for each class')
        if not exports:
            unzipped = [place for place in folders if any(place.rglob('*.xml'))]
            return 'cvat' if unzipped and not _clips_in(folders) else 'folders'
        if not folders or not _clips_in(folders):
            return 'cvat'
        raise ValueError(f'{source}: folders of clips and .xml files: say which they are with --format folders or cvat')
    by_suffix = {'.csv': 'csv', '.xml': 'cvat', '.pkl': 'tubes', '.pickle': 'tubes'}
    if source.suffix.lower() == '.json':
        return _json_format(source)
    if source.suffix.lower() not in by_suffix:
        raise ValueError(f'{source}: cannot be read as labels: expected one of {READ}')
    return by_suffix[source.suffix.lower()]


def _clips_in(folders: Sequence[Path]) -> bool:
    return any(file.suffix.lower() in VIDEOS for folder in folders for file in folder.iterdir())


def _json_format(source: Path) -> str:
    """COCO or VIA, by the keys."""
    try:
        data = json.loads(source.read_text(encoding='utf-8-sig'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{source}: not JSON ({error})') from None
    if is_via(data):
        return 'via'
    if isinstance(data, dict) and 'images' in data:
        return 'coco'
    if isinstance(data, dict) and ('_via_img_metadata' in data or any(
            isinstance(value, dict) and 'regions' in value for value in data.values())):
        raise ValueError(f'{source}: a project of VIA 2, whose boxes are on single images: export it as COCO')
    found = ', '.join(list(data)[:6]) if isinstance(data, dict) else type(data).__name__
    raise ValueError(f'{source}: found {found or "nothing"}: neither COCO (images, annotations, categories) nor VIA 3 '
                     f'({", ".join(("project", "attribute", "file", "metadata", "view"))}). What is read: {READ}')


def read_split(file: Path, videos: Sequence[LabelledVideo]) -> Dict[str, str]:
    """The user's own split: lines "video,train" and "video,val"; a header "video,split" is allowed.

    Args:
        file (Path): The csv.
        videos (Sequence[LabelledVideo]): The videos, named by their path in the folder of videos or by their file's
            name, with or without the extension, where that is the name of one only.

    Returns:
        dict[str, str]: A video's id to its part.

    Raises:
        ValueError: If a line is malformed, names no video or several, or a video is in no line or in two parts.
    """
    named: Dict[str, set] = {}
    for video in videos:
        path = Path(video.name)
        stems = {path.with_suffix(''), path.with_suffix('').with_suffix('')} if path.suffix else {path}
        for name in {path, *stems}:
            for text in (name.as_posix(), name.name):
                named.setdefault(text, set()).add(video.name)
    parts: Dict[str, str] = {}
    for number, line in lines_of(file):
        fields = [without_blanks(field) for field in split_line(line)]
        where = f'{file}:{number}'
        if number == 1 and fields == ['video', 'split']:
            continue
        if len(fields) != 2:
            raise ValueError(f'{where}: {line.strip()!r}: expected video,train or video,val')
        part = read_part(fields[1], where)
        found = named.get(safe_name(Path(fields[0])), ())
        if len(found) != 1:
            several = f'the name of {len(found)} videos: {", ".join(sorted(found))}'
            raise ValueError(f'{where}: {fields[0]!r}: {several if found else "no labelled video of this name"}')
        name, = found
        if parts.setdefault(name, part) != part:
            raise ValueError(f'{where}: {fields[0]!r} is in both parts')
    without = [video.name for video in videos if video.name not in parts]
    if without:
        raise ValueError(f'{file}: {len(without)} labelled videos are not in it, such as {", ".join(without[:3])}')
    return parts


def convert_own_videos(source: Path,
                       out: Path,
                       base_config: Path,
                       form: Optional[str] = None,
                       videos: Optional[Path] = None,
                       every: float = 0.5,
                       box_unit: str = 'relative',
                       attributes: Sequence[str] = (),
                       fps: Optional[float] = None,
                       split: Optional[Path] = None,
                       **kwargs) -> dict:
    """Write a dataset from a user's labels. Videos that cannot be read exactly are written anew into its ``videos/``.

    Args:
        source (Path): A folder of a folder of clips a class; a csv; a CVAT export, a folder of them, or of the folders
            that they are unzipped in; a COCO or VIA 3 file; a pickle of tubes.
        out (Path): The dataset's folder.
        base_config (Path): What its config inherits from.
        form (str, optional): One of ``FORMATS``. Defaults to None: guessed.
        videos (Path, optional): Where the videos (COCO: images) are that the labels name. Defaults to the labels'
            folder.
        every (float): Seconds between key frames. Defaults to 0.5.
        box_unit (str): Of a csv's boxes: ``'relative'`` or ``'pixels'``. Defaults to ``'relative'``.
        attributes (Sequence[str]): Attributes of a CVAT or VIA file that say the action. Defaults to none: the labels
            of CVAT do, and all attributes of VIA.
        fps (float, optional): Images a second of a COCO file and of folders of frames, which do not say it. Defaults
            to None.
        split (Path, optional): A csv of the user's own split, see :func:`read_split`. Defaults to None.
        **kwargs: Of :func:`write_dataset`.

    Returns:
        dict: What :func:`write_dataset` gives, and ``notes`` (list[str]): what the reader left out or changed.

    Raises:
        FileNotFoundError: If something is not there.
        ValueError: If something is not as it should be.
    """
    check_place(out)
    check_seconds(every)
    if fps:
        check_rate(fps)
    source = Path(source)
    form = form or guess_format(source)
    if not source.exists():
        raise FileNotFoundError(f'{source}: no such file or folder')
    folder = Path(videos) if videos else source if source.is_dir() else source.parent
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: no such folder of videos')
    mended = Path(out, 'videos')
    notes: List[str] = []
    if form == 'folders':
        labelled = read_folders(source, mended, fps, notes)
    elif form == 'csv':
        labelled = read_csv(source, folder, box_unit, mended, fps)
    elif form == 'cvat':
        exports = find_exports(source)
        if not exports:
            raise ValueError(f'{source}: no .xml in it or in its folders: expected exports "CVAT for video 1.1"')
        labelled = read_cvat(exports, folder, every, attributes, mended, fps, notes)
    elif form == 'via':
        labelled = read_via(source, folder, attributes, mended, fps, notes)
    elif form == 'tubes':
        labelled = read_tubes(source, folder, every, mended, fps, notes)
    else:
        if not fps or fps <= 0:
            raise ValueError(f'{source}: COCO does not say how many images a second has: give it (--fps), more than 0')
        labelled = read_coco(source, folder, every, fps)
    if split:
        parts = read_split(split, labelled)
        for video in labelled:
            video.part = parts[video.name]
    return {**write_dataset(labelled, out, base_config, every=every, **kwargs), 'notes': notes}
