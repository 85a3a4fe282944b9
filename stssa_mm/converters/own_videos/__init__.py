"""A dataset from a user's own videos: labels are read by format, then everything is written in AVA's form."""
from pathlib import Path
from typing import Optional, Sequence

from .child_config import check_place
from .clips import read_csv, read_folders
from .coco import read_coco
from .cvat import read_cvat
from .dataset import write_dataset
from .labelled_video import check_rate, check_seconds

__all__ = ['convert_own_videos']

FORMATS = ('folders', 'csv', 'cvat', 'coco')


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
        if not inside:
            raise ValueError(f'{source}: the folder is empty: expected folders of clips, one for each class')
        if not exports:
            return 'folders'
        if not any(place.is_dir() for place in inside):
            return 'cvat'
        raise ValueError(f'{source}: folders and .xml files: say which they are with --format folders or cvat')
    by_suffix = {'.csv': 'csv', '.xml': 'cvat', '.json': 'coco'}
    if source.suffix.lower() not in by_suffix:
        raise ValueError(f'{source}: expected a folder, .csv, .xml (CVAT) or .json (COCO); or name it with --format')
    return by_suffix[source.suffix.lower()]


def convert_own_videos(source: Path,
                       out: Path,
                       base_config: Path,
                       form: Optional[str] = None,
                       videos: Optional[Path] = None,
                       every: float = 0.5,
                       box_unit: str = 'relative',
                       attributes: Sequence[str] = (),
                       fps: Optional[float] = None,
                       **kwargs) -> dict:
    """Write a dataset from a user's labels. Videos that cannot be read exactly are written anew into its ``videos/``.

    Args:
        source (Path): A folder of a folder of clips a class; a csv; a CVAT export or a folder of them; a COCO file.
        out (Path): The dataset's folder.
        base_config (Path): What its config inherits from.
        form (str, optional): One of ``FORMATS``. Defaults to None: guessed.
        videos (Path, optional): Where the videos (COCO: images) are that the labels name. Defaults to the labels'
            folder.
        every (float): Seconds between key frames. Defaults to 0.5.
        box_unit (str): Of a csv's boxes: ``'relative'`` or ``'pixels'``. Defaults to ``'relative'``.
        attributes (Sequence[str]): Attributes of a CVAT export that say the action. Defaults to none: the labels do.
        fps (float, optional): Images a second of a COCO file, which does not say it. Defaults to None.
        **kwargs: Of :func:`write_dataset`.

    Returns:
        dict: What :func:`write_dataset` gives.

    Raises:
        FileNotFoundError: If something is not there.
        ValueError: If something is not as it should be.
    """
    check_place(out)
    source = Path(source)
    form = form or guess_format(source)
    if not source.exists():
        raise FileNotFoundError(f'{source}: no such file or folder')
    folder = Path(videos) if videos else source if source.is_dir() else source.parent
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: no such folder of videos')
    check_seconds(every)
    if fps:
        check_rate(fps)
    mended = Path(out, 'videos')
    if form == 'folders':
        labelled = read_folders(source, mended)
    elif form == 'csv':
        labelled = read_csv(source, folder, box_unit, mended)
    elif form == 'cvat':
        exports = sorted(source.glob('*.xml')) if source.is_dir() else [source]
        if not exports:
            raise ValueError(f'{source}: no .xml in it: expected exports "CVAT for video 1.1"')
        labelled = read_cvat(exports, folder, every, attributes, mended)
    else:
        if not fps or fps <= 0:
            raise ValueError(f'{source}: COCO does not say how many images a second has: give it (--fps), more than 0')
        labelled = read_coco(source, folder, every, fps)
    return write_dataset(labelled, out, base_config, every=every, **kwargs)
