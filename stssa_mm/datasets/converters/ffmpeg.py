"""Cutting videos and extracting their frames with ffmpeg."""
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple, Optional

import cv2

FPS = 30  # of cut videos and of frames


class VideoError(ValueError):
    """A video that cannot be used: its file and why."""


class Window(NamedTuple):
    """The stretch of a video that is cut out, in seconds; a cut may be shorter or longer by ``tolerance``."""
    start: float
    seconds: float
    tolerance: float


def find_ffmpeg() -> str:
    """The program: the system's, else that of the package imageio-ffmpeg.

    Raises:
        FileNotFoundError: If there is neither.
    """
    program = shutil.which('ffmpeg')
    if program:
        return program
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
        return get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise FileNotFoundError('ffmpeg is needed to cut videos and was not found: pip install imageio-ffmpeg, or '
                                'install ffmpeg with the package manager of your system') from None


def run_ffmpeg(video: Path, *options: str, before: tuple = ()) -> None:
    """Run ffmpeg on a video.

    Args:
        video (Path): The input.
        *options (str): Of the output, its path last. A file there is replaced.
        before (tuple[str]): Options of the input. Defaults to ().

    Raises:
        VideoError: If ffmpeg fails; with its last message.
    """
    command = [find_ffmpeg(), '-nostdin', '-v', 'error', '-y', *before, '-i', str(video), *options]
    result = subprocess.run(command, capture_output=True, text=True, errors='replace')
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f'exit status {result.returncode}']
        raise VideoError(f'{video}: ffmpeg: {lines[-1]}')


def scale_options(short_side: int) -> tuple:
    """Output options that scale a larger video down to ``short_side`` pixels, even sizes; 0 leaves it as it is."""
    if not short_side:
        return ()
    side = f'2*trunc(min({short_side},min(iw,ih))/2)'
    return '-vf', f"scale='if(gt(iw,ih),-2,{side})':'if(gt(iw,ih),{side},-2)'"


def ends_early(video: Path, second: float) -> Optional[str]:
    """Whether a video has no frame at a second: what is wrong with it, or None. Reads the header and that frame."""
    capture = cv2.VideoCapture(str(video))
    try:
        if not capture.isOpened():
            return 'cannot be decoded'
        capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * second)
        return None if capture.read()[0] else f'has no frame at second {second:g}'
    finally:
        capture.release()


def movie_fault(movie: Path, window: Window) -> Optional[str]:
    """Why the window cannot be cut from a movie, or None."""
    return ends_early(movie, window.start + window.seconds - window.tolerance)


def cut_fault(cut: Path, window: Window) -> Optional[str]:
    """Why a file is not the window's cut at 30 frames per second, or None."""
    capture = cv2.VideoCapture(str(cut))
    fps, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    if fps <= 0:
        return 'cannot be decoded'
    if abs(fps - FPS) > 0.1:
        return f'has {fps:g} frames per second, not {FPS}'
    if abs(frames / fps - window.seconds) > window.tolerance:
        return f'is {frames / fps:.1f} s long, not {window.seconds:g}'
    return ends_early(cut, window.seconds - window.tolerance)


def frames_fault(folder: Path, window: Window) -> Optional[str]:
    """Why a folder does not hold the window's frames, img_00001.jpg and so on, or None."""
    count = sum(name.startswith('img_') and name.endswith('.jpg') for name in os.listdir(folder))
    if abs(count - FPS * window.seconds) > FPS * window.tolerance:
        return f'holds {count} frames, not {FPS * window.seconds:g}'
    if not all((folder / f'img_{number:05d}.jpg').exists() for number in (1, count)):
        return f'does not count its frames from img_00001.jpg to img_{count:05d}.jpg'
    return None


def cut_video(movie: Path, cut: Path, window: Window, short_side: int = 0) -> None:
    """Cut the window out of a movie, at 30 frames per second.

    Args:
        movie (Path): The movie.
        cut (Path): The file to write; appears only once it is complete.
        window (Window): What to cut out.
        short_side (int): Pixels that a larger video is scaled down to; 0 keeps its size. Defaults to 0.

    Raises:
        VideoError: If the movie cannot be decoded or ends before the window does.
    """
    cut.parent.mkdir(parents=True, exist_ok=True)
    part = cut.with_suffix(f'.part{cut.suffix}')
    run_ffmpeg(movie, '-r', str(FPS), *scale_options(short_side), '-sn', '-strict', 'experimental', str(part),
               before=('-ss', str(window.start), '-t', str(window.seconds)))
    fault = cut_fault(part, window)
    if fault:
        part.unlink()
        raise VideoError(f'{movie}: its cut of {window.seconds:g} s from second {window.start:g} {fault}')
    os.replace(part, cut)


def extract_frames(cut: Path, folder: Path, window: Window, short_side: int = 0, quality: int = 1) -> None:
    """Write the frames of a cut, 30 per second, as img_00001.jpg and so on; frames already there are replaced.

    Args:
        cut (Path): The video.
        folder (Path): Where the frames go.
        window (Window): What was cut out.
        short_side (int): Pixels that larger frames are scaled down to; 0 keeps their size. Defaults to 0.
        quality (int): ffmpeg's ``-q:v``, 1 (best) to 31. Defaults to 1.

    Raises:
        VideoError: If the video cannot be decoded or ends early.
    """
    part = folder.with_name(f'{folder.name}.part')
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    run_ffmpeg(cut, '-r', str(FPS), *scale_options(short_side), '-q:v', str(quality), str(part / 'img_%05d.jpg'))
    fault = frames_fault(part, window)
    if fault:
        shutil.rmtree(part)
        raise VideoError(f'{cut}: its folder of frames {fault}')
    folder.mkdir(exist_ok=True)
    for image in folder.glob('img_*.jpg'):
        image.unlink()
    for image in part.iterdir():
        os.replace(image, folder / image.name)
    part.rmdir()
