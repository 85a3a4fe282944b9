"""AVA (https://research.google.com/ava) in the layout of MMAction2's guide, which the AVA configs expect.

Addresses, file names and ffmpeg's options are those of MMAction2's ``tools/data/ava/*.sh``, so that a folder made by
them is complete here as well.
"""
import re
import shutil
import zlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence
from zipfile import BadZipFile, ZipFile

from tqdm import tqdm

from stssa_mm.files.whole_file import whole_file, write_whole
from stssa_mm.video.find import find_video
from stssa_mm.video.writer import (
    Window,
    cut_fault,
    cut_video,
    extract_frames,
    find_ffmpeg,
    frames_fault,
    movie_fault,
)

from .download import DownloadError, download

STEPS = ('annotations', 'proposals', 'videos', 'cut', 'frames')
SUBSETS = {'train': 'trainval', 'val': 'trainval', 'test': 'test'}  # subset to folder and list of the movies' server
LABEL_MAPS = {'2.1': 'ava_action_list_v2.1_for_activitynet_2018.pbtxt',
              '2.2': 'ava_action_list_v2.2_for_activitynet_2019.pbtxt'}
NOT_THERE = 'is not there'
MAX_UNPACKED = 1 << 30  # bytes of an annotation file; AVA's have 50 MB
CONTAINERS = ('.mp4', '.mkv', '.webm', '.avi', '.mov', '.m4v')
# MMAction2 cuts 901 s. The datasets read 900, and a movie may end there.
AVA_WINDOW = Window(start=900, seconds=901, tolerance=1.5)


class Sources(NamedTuple):
    """Base addresses of the annotation archive, of FAIR's person proposals and of the movies with their lists."""
    annotations: str = 'https://research.google.com/ava/download'
    proposals: str = 'https://download.openmmlab.com/mmaction/dataset/ava'
    movies: str = 'https://s3.amazonaws.com/ava-dataset'


class Copy(NamedTuple):
    """A copy of AVA, complete or not: where its files are and what is wrong with them."""
    out: Path
    movies: Path
    window: Window

    @property
    def annotations(self) -> Path:
        """Folder of the annotations, the proposals and the lists of movies."""
        return self.out / 'annotations'

    @property
    def cuts(self) -> Path:
        """Folder of the cut movies."""
        return self.out / 'videos_15min'

    def frames(self, video: str) -> Path:
        """Folder of a video's frames."""
        return self.out / 'rawframes' / video

    def fault(self, step: str, video: str) -> Optional[str]:
        """Why the result of 'videos', 'cut' or 'frames' is not there or cannot be used, or None."""
        if step == 'frames':
            path, check = self.frames(video), frames_fault
        else:
            folder, check = (self.movies, movie_fault) if step == 'videos' else (self.cuts, cut_fault)
            try:
                path = find_video(folder, video)
            except FileNotFoundError:
                path = folder / f'{video}.*'
            except ValueError as error:
                return str(error)
        try:
            fault = check(path, self.window) if path.exists() else NOT_THERE
        except OSError as error:
            fault = f'cannot be read ({error.strerror})'
        return fault and f'{path} {fault}'

    def first_fault(self, steps: Sequence[str], video: str) -> Optional[str]:
        """The fault of the first of some steps, or None if the result of any of them is sound."""
        fault = None
        for step in reversed(steps):
            fault = self.fault(step, video)
            if fault is None:
                return None
        return fault


def annotation_files(version: str, subsets: Sequence[str]) -> List[str]:
    """Names of the annotation files that configs need."""
    labelled = [subset for subset in subsets if subset != 'test']
    return [LABEL_MAPS[version], *(f'ava_{subset}_v{version}.csv' for subset in labelled),
            *(f'ava_{subset}_excluded_timestamps_v{version}.csv' for subset in labelled)]


def unpack_annotations(archive: Path, folder: Path) -> None:
    """Unpack the files ava_* of a zip into a folder, whatever folders they have inside; existing files stay.

    Raises:
        ValueError: If it is not a zip or damaged.
    """
    try:
        with ZipFile(archive) as file:
            for member in file.infolist():
                name = PurePosixPath(member.filename).name
                target = folder / name
                if member.is_dir() or not re.fullmatch(r'ava_[\w.]+', name) or target.exists():
                    continue
                if member.file_size > MAX_UNPACKED:
                    raise ValueError(f'{archive}: {name} unpacks to {member.file_size} bytes, more than '
                                     f'{MAX_UNPACKED}: is it the archive of AVA?')
                with whole_file(target) as part, file.open(member) as packed, open(part, 'wb') as unpacked:
                    shutil.copyfileobj(packed, unpacked)
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:  # RuntimeError: a password
        raise ValueError(f'{archive}: {error}: delete it and run again') from None


def fetch_annotations(folder: Path, version: str, subsets: Sequence[str], url: str, offline: bool = False) -> None:
    """Download and unpack the annotation archive if files are missing; an archive in the folder is used.

    Args:
        folder (Path): Of the annotations.
        version (str): '2.1' or '2.2'.
        subsets (Sequence[str]): Of 'train', 'val' and 'test'.
        url (str): Base address.
        offline (bool): Use no network. Defaults to False.

    Raises:
        DownloadError: If the archive cannot be had.
        FileNotFoundError: If files are missing, offline, or from the archive.
        ValueError: If the archive is damaged.
    """

    def missing():
        return [str(folder / name) for name in annotation_files(version, subsets) if not (folder / name).exists()]

    if not missing():
        return
    archive = folder / f'ava_v{version}.zip'
    if not archive.exists():
        if offline:
            raise FileNotFoundError(f'offline, and these are not there: {", ".join(missing())} ({archive} would do)')
        download(f'{url}/{archive.name}', archive)
    unpack_annotations(archive, folder)
    if missing():
        raise FileNotFoundError(f'{archive} does not hold {", ".join(Path(name).name for name in missing())}')
    archive.unlink()


def fetch_list(folder: Path, subset: str, url: str, offline: bool = False) -> Dict[str, str]:
    """The names of a subset's movies on their server, downloaded once.

    Returns:
        dict[str, str]: Video id to file name.

    Raises:
        DownloadError: If the list cannot be had.
        FileNotFoundError: If it is not there, offline.
        ValueError: If a line is no file name.
    """
    file = folder / f'ava_file_names_{SUBSETS[subset]}_v2.1.txt'  # AVA v2.2 has the movies of v2.1
    if not file.exists():
        if offline:
            raise FileNotFoundError(f'{file}: not there, and offline: put it there or run without --offline')
        download(f'{url}/annotations/{file.name}', file)
    names = {}
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not line.strip():
            continue
        match = re.fullmatch(r'([\w-]+)(\.\w+)', line.strip())
        if not match or match[2] not in CONTAINERS:
            raise ValueError(f'{file}:{number}: {line!r}: expected a file name like 053oq2xB3oU.mkv')
        names[match[1]] = match[0]
    return names


def annotated_videos(file: Path) -> List[str]:
    """Ids of the videos in an annotation csv, in its order.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If a line does not begin with a video id.
    """
    if not file.exists():
        raise FileNotFoundError(f'{file}: not there: run the step annotations first')
    videos = {}
    with open(file) as lines:
        for number, line in enumerate(lines, 1):
            video = line.split(',', 1)[0].strip()
            if video not in videos and not re.fullmatch(r'[\w-]+', video):
                raise ValueError(f'{file}:{number}: {line.strip()!r}: expected a row that begins with a video id')
            videos[video] = None
    return list(videos)


def choose_videos(copy: Copy, version: str, subsets: Sequence[str], videos: Optional[Sequence[str]],
                  limit: Optional[int], url: str, offline: bool = False) -> Dict[str, str]:
    """The videos to prepare: those of the subsets, of these the given ones, of these the first of each subset.

    Returns:
        dict[str, str]: Video id to subset.

    Raises:
        DownloadError, FileNotFoundError, ValueError: As :func:`annotated_videos` and :func:`fetch_list`.
        ValueError: If a given video is in none of the subsets.
    """
    chosen, unknown = {}, set(videos or ())
    for subset in subsets:
        known = (fetch_list(copy.annotations, subset, url, offline) if subset == 'test' else
                 annotated_videos(copy.annotations / f'ava_{subset}_v{version}.csv'))
        wanted = [video for video in known if videos is None or video in videos]
        chosen.update(dict.fromkeys(wanted[:limit], subset))
        unknown -= set(known)
    if unknown:
        raise ValueError(f'video {min(unknown)!r}: not in {", ".join(subsets)} of AVA v{version}')
    return chosen


def fetch_proposals(folder: Path, subsets: Sequence[str], url: str, offline: bool = False) -> Dict[str, str]:
    """Download FAIR's person proposals where they are not there.

    Returns:
        dict[str, str]: File name to reason, for those that cannot be had.
    """
    missing = {}
    for subset in subsets:
        file = folder / f'ava_dense_proposals_{subset}.FAIR.recall_93.9.pkl'
        if file.exists():
            continue
        try:
            if offline:
                raise DownloadError(f'{file} is not there, and offline')
            download(f'{url}/{file.name}', file)
        except DownloadError as error:
            missing[file.name] = str(error)
    return missing


def for_each(faults: Dict[str, str], work: Callable[[str, str], None], jobs: int, title: str) -> Dict[str, str]:
    """Call ``work`` with each video and its fault, ``jobs`` at a time.

    Returns:
        dict[str, str]: Video id to reason, for those that cannot be had or used.
    """
    failed = {}
    if not faults:
        return failed
    pool = ThreadPoolExecutor(jobs)
    try:
        futures = {pool.submit(work, *item): item[0] for item in faults.items()}
        for future in tqdm(as_completed(futures), desc=title, total=len(futures), unit='video', mininterval=1):
            try:
                future.result()
            except (OSError, ValueError) as error:  # a DownloadError, a BrokenVideoError, or of this video's files
                failed[futures[future]] = str(error)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # on Ctrl-C nothing more is started
    return failed


def write_missing(file: Path, missing: Dict[str, str]) -> None:
    """A line 'name: reason' for each; no file where nothing is missing."""
    if missing:
        write_whole(file, ''.join(f'{name}: {reason}\n' for name, reason in sorted(missing.items())))
    else:
        file.unlink(missing_ok=True)


def prepare_ava(out: Path,
                version: str = '2.1',
                subsets: Sequence[str] = ('train', 'val'),
                steps: Sequence[str] = STEPS,
                videos: Optional[Sequence[str]] = None,
                limit: Optional[int] = None,
                movies: Optional[Path] = None,
                short_side: int = 320,
                quality: int = 1,
                jobs: int = 4,
                offline: bool = False,
                sources: Sources = Sources(),  # noqa: B008  (immutable)
                window: Window = AVA_WINDOW) -> dict:
    """Make a copy of AVA, or complete one.

    Whatever is there and sound is kept, and needs none of the files that earlier steps make: movies may be deleted
    once they are cut, cuts once their frames are extracted. Videos that cannot be had or used stop none of the others;
    they are returned and written to ``missing.txt``, and the next call tries them again.

    Args:
        out (Path): Folder, e.g. ``data/ava``.
        version (str): '2.1' or '2.2'. Defaults to '2.1'.
        subsets (Sequence[str]): Of 'train', 'val' and 'test'. Defaults to train and val.
        steps (Sequence[str]): Of :data:`STEPS`. Defaults to all.
        videos (Sequence[str], optional): Ids of the only videos to prepare. Defaults to None, all.
        limit (int, optional): Videos of each subset, the first ones. Defaults to None, all.
        movies (Path, optional): Folder of the movies, whole, in any container. Defaults to ``<out>/videos``.
        short_side (int): Pixels that larger videos and frames are scaled down to; 0 keeps their size. Files already
            there keep theirs. Defaults to 320, the most that the training pipelines use.
        quality (int): JPEG quality of frames, ffmpeg's ``-q:v``, 1 (best) to 31. Defaults to 1.
        jobs (int): Downloads, and ffmpeg processes, at a time. Defaults to 4.
        offline (bool): Use no network. Defaults to False.
        sources (Sources): Where to download from.
        window (Window): The seconds of each movie that are cut out.

    Returns:
        dict: ``videos`` (int): how many were asked for; ``missing`` (dict[str, str]): name to reason.

    Raises:
        DownloadError: If the annotations or a list of movies cannot be had.
        FileNotFoundError: If they are not there, offline; or if there is no ffmpeg.
        ValueError: If an argument or a file is wrong.
    """
    for what, given, known in (('step', steps, STEPS), ('subset', subsets, SUBSETS), ('version', [version],
                                                                                      LABEL_MAPS)):
        for value in given:
            if value not in known:
                raise ValueError(f'{what} {value!r}: expected one of {", ".join(known)}')
    for what, number, least in (('limit', limit, 1), ('jobs', jobs, 1), ('short_side', short_side, 0),
                                ('quality', quality, 1)):
        if number is not None and number < least:
            raise ValueError(f'{what} {number}: expected at least {least}')
    if 'cut' in steps or 'frames' in steps:
        find_ffmpeg()  # fails here rather than after hours of downloading
    out = Path(out)
    copy = Copy(out, Path(movies or out / 'videos'), window)
    if 'annotations' in steps:
        fetch_annotations(copy.annotations, version, subsets, sources.annotations, offline)
    missing = {}
    if 'proposals' in steps:
        missing.update(fetch_proposals(copy.annotations, subsets, sources.proposals, offline))
    video_steps = [step for step in STEPS[2:] if step in steps]
    chosen, names = {}, {}
    if video_steps:
        chosen = choose_videos(copy, version, subsets, videos, limit, sources.movies, offline)

    def fetch_movie(video, fault):
        if offline:
            raise DownloadError(f'{fault}, and offline')
        if video not in names:
            raise DownloadError(f'{fault}, and the list of movies does not name it')
        with suppress(FileNotFoundError):
            present = find_video(copy.movies, video)
            if present.name != names[video]:
                raise ValueError(f'{fault}: delete it, and {names[video]} is downloaded')
        download(f'{sources.movies}/{SUBSETS[chosen[video]]}/{names[video]}', copy.movies / names[video])

    def source_of(folder, video, fault, step):
        try:
            return find_video(folder, video)
        except FileNotFoundError:
            raise FileNotFoundError(f'{fault}, and neither is {folder / video}.*: run the step {step} first') from None

    def cut_movie(video, fault):
        movie = source_of(copy.movies, video, fault, 'videos')
        cut_video(movie, copy.cuts / movie.name, window, short_side)

    def write_frames(video, fault):
        cut = source_of(copy.cuts, video, fault, 'cut')
        extract_frames(cut, copy.frames(video), window, short_side, quality)

    works = {'videos': fetch_movie, 'cut': cut_movie, 'frames': write_frames}
    for index, step in enumerate(video_steps):
        faults = {}
        for video in tqdm(chosen, desc=f'{step}: look', unit='video', mininterval=1):
            fault = None if video in missing else copy.first_fault(video_steps[index:], video)
            if fault:
                faults[video] = fault
                if not fault.endswith(NOT_THERE):
                    tqdm.write(f'{fault}: step {step} again')
        if step == 'videos' and not offline:
            for subset in sorted({chosen[video] for video in faults}):
                names.update(fetch_list(copy.annotations, subset, sources.movies))
        missing.update(for_each(faults, works[step], jobs, step))
    write_missing(out / 'missing.txt', missing)
    return {'videos': len(chosen), 'missing': missing}
