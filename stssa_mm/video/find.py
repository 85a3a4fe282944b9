"""Finding the files of videos by their ids, and opening them."""
from collections import defaultdict
from pathlib import Path
from typing import Dict, Iterable, List, Union

from .folder import FrameFolder
from .reader import Video, open_video

BESIDE_VIDEOS = ('.csv', '.json', '.part', '.srt', '.txt', '.xml')
VIDEOS = ('.3gp', '.avi', '.flv', '.gif', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.mts', '.ogv',
          '.ts', '.webm', '.wmv')


def has_extension(video: str) -> bool:
    """Whether a video's id carries the extension of its file."""
    return video.lower().endswith(VIDEOS)


def find_videos(folder: Path, videos: Iterable[str]) -> Dict[str, Union[Path, OSError, ValueError]]:
    """The files of videos by their ids, which may lack the extension. No folder is listed twice.

    Returns:
        dict[str, Path | Exception]: Of each id its file, or what :func:`find_video` raises.
    """
    listed: Dict[Path, Dict[str, List[Path]]] = {}
    found = {}
    for video in videos:
        place = Path(folder, video)
        if place.parent not in listed:
            stems = listed[place.parent] = defaultdict(list)
            for file in place.parent.iterdir() if place.parent.is_dir() else ():
                if file.suffix.lower() not in BESIDE_VIDEOS:
                    stems[file.stem].append(file)
        files = [place] if place.is_file() else sorted(filter(Path.is_file, listed[place.parent].get(place.name, ())))
        if len(files) == 1:
            found[video] = files[0]
        elif files:
            found[video] = ValueError(f'{place}: several files of this name: {", ".join(file.name for file in files)}: '
                                      'keep one')
        else:
            found[video] = FileNotFoundError(f'{place}: no video of this name, with or without an extension')
    return found


def find_video(folder: Path, video: str) -> Path:
    """The file of a video's id, which may lack the extension.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If there are several.
    """
    file = find_videos(folder, [video])[video]
    if isinstance(file, Exception):
        raise file
    return file


def open_frames(path: Path) -> Union[Video, FrameFolder]:
    """A video's frames, from its file or its folder of pictures. Raises BrokenVideoError if they cannot be read."""
    return FrameFolder(path) if Path(path).is_dir() else open_video(path)
