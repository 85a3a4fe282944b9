"""Writing videos and frames. What is written is looked at, and stands under its name only when it is whole."""
import glob
import os
import re
import shutil
import subprocess
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Iterable, NamedTuple, Optional, Sequence, Tuple, Union

import av
import cv2
import numpy as np

from stssa_mm.files.whole_file import whole_file

from .probe import ONE_FILE, BrokenVideoError, open_container, reason_of
from .reader import open_video

FPS = 30  # of cut videos and of frames
AGAIN = 'Fetch it again'
FRAME = re.compile(r'img_\d+\.jpg')


class Window(NamedTuple):
    """The stretch of a video that is cut out, in seconds; a cut may be shorter or longer by ``tolerance``."""
    start: float
    seconds: float
    tolerance: float


def find_ffmpeg(package_first: bool = False) -> str:
    """The program: the system's, else that of the package imageio-ffmpeg.

    Args:
        package_first (bool): The package's, whose version is known, else the system's. Defaults to False.

    Raises:
        FileNotFoundError: If there is neither.
    """
    program = shutil.which('ffmpeg')
    if program and not package_first:
        return program
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
        return get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        if program:
            return program
        raise FileNotFoundError('ffmpeg is needed to cut videos and was not found: pip install imageio-ffmpeg, or '
                                'install ffmpeg with the package manager of your system') from None


def run_ffmpeg(video: Path, *options: str, before: tuple = (), package_first: bool = False,
               cwd: Optional[Path] = None) -> None:
    """Run ffmpeg on a video.

    Args:
        video (Path): The input. Its name is a file's, never a protocol, a pattern or an option.
        *options (str): Of the output, its path last, absolute for the same reason. A file there is replaced.
        before (tuple[str]): Options of the input. Defaults to ().
        package_first (bool): See :func:`find_ffmpeg`. Defaults to False.
        cwd (Path, optional): Where ffmpeg runs. Defaults to None: here.

    Raises:
        BrokenVideoError: If ffmpeg fails; with its last messages.
    """
    one_file = [part for name, value in ONE_FILE.items() for part in (f'-{name}', value)]
    command = [find_ffmpeg(package_first), '-nostdin', '-v', 'error', '-y', *before, *one_file, '-i',
               os.path.abspath(video), *options]
    result = subprocess.run(command, capture_output=True, text=True, errors='replace', cwd=cwd)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f'exit status {result.returncode}']
        raise BrokenVideoError(video, f'ffmpeg: {"; ".join(dict.fromkeys(lines[-3:]))}', AGAIN)


def scale_options(short_side: int) -> tuple:
    """Output options that scale a larger video down to ``short_side`` pixels, even sizes; 0 leaves it as it is."""
    if not short_side:
        return ()
    side = f'2*trunc(min({short_side},min(iw,ih))/2)'
    return '-vf', f"scale='if(gt(iw,ih),-2,{side})':'if(gt(iw,ih),{side},-2)'"


def movie_fault(movie: Path, window: Window) -> Optional[str]:
    """Why the window cannot be cut from a movie, or None. Of a whole movie no more is read than its end there."""
    second = window.start + window.seconds - window.tolerance
    try:
        with open_container(str(movie), str(movie)) as container:
            stream = container.streams.best('video')
            start = stream.start_time or 0
            container.seek(start + int(second / stream.time_base), stream=stream)
            there = any(frame.pts is not None and (frame.pts - start) * stream.time_base >= second
                        for frame in container.decode(stream))
    except (BrokenVideoError, av.error.FFmpegError, OSError, ValueError, TypeError, LookupError, OverflowError):
        return 'cannot be decoded'  # LookupError: of PyAV, where a stream begins late
    return None if there else f'has no frame at second {second:g}'


def cut_fault(cut: Path, window: Window) -> Optional[str]:
    """Why a file is not the window's cut at 30 frames per second, or None."""
    try:
        with closing(open_video(cut)) as video:
            rate, count = video.get_avg_fps(), len(video)
    except BrokenVideoError as error:
        return f'cannot be decoded: {error.found}'
    if abs(rate - FPS) > 0.1:
        return f'has {rate:g} frames per second, not {FPS}'
    if abs(count / FPS - window.seconds) > window.tolerance:
        return f'is {count / FPS:.1f} s long, not {window.seconds:g}'
    return None


def frames_fault(folder: Path, window: Window) -> Optional[str]:
    """Why a folder does not hold the window's frames, img_00001.jpg and so on, or None."""
    names = set(filter(FRAME.fullmatch, os.listdir(folder)))
    count = len(names)
    if abs(count - FPS * window.seconds) > FPS * window.tolerance:
        return f'holds {count} frames, not {FPS * window.seconds:g}'
    if names != {f'img_{number:05d}.jpg' for number in range(1, count + 1)}:
        return f'does not count its frames from img_00001.jpg to img_{count:05d}.jpg'
    return None


CODECS = {'mpeg4': 'mpeg4', 'h264': 'libx264'}


class _Encoder:
    """What :class:`cv2.VideoWriter` is for MPEG-4 of even sizes; it leaves out the last row or column of others."""

    def __init__(self, path: Path, size: Tuple[int, int], fps: float, codec: str) -> None:
        self._container = av.open(os.path.abspath(path), 'w', format='mp4', options={'movflags': '+faststart'})
        self._stream = self._container.add_stream(CODECS[codec], rate=Fraction(fps).limit_denominator(1001))
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = 'yuv420p'
        if codec == 'h264':
            self._stream.options = {'crf': '21', 'preset': 'superfast'}
        else:
            self._stream.bit_rate = round(4 * size[0] * size[1] * fps)

    def write(self, frame: np.ndarray) -> None:
        """Write a frame (H, W, 3), BGR."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(frame, 'bgr24')))

    def release(self) -> None:
        """Write what is left, and close the file."""
        try:
            self._container.mux(self._stream.encode())
        finally:
            self._container.close()


def _writer(path: Path, size: Tuple[int, int], fps: float, codec: str) -> Union[cv2.VideoWriter, _Encoder, None]:
    """What writes frames of a size, or None if the file cannot be written."""
    if codec == 'h264' or size[0] % 2 or size[1] % 2:
        return _Encoder(path, size, fps, codec)
    # By FFmpeg alone: OpenCV's other writers take % for a pattern of pictures.
    writer = cv2.VideoWriter(os.path.abspath(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*'mp4v'), fps, size)
    return writer if writer.isOpened() else None


def _write_frames(path: Path, part: Path, frames: Iterable[np.ndarray], fps: float, codec: str) -> int:
    """Write frames to a file that will be ``path``. Returns how many there were."""
    writer, count = None, 0
    try:
        for frame in frames:
            if writer is None:
                size = frame.shape[1::-1]
                if codec == 'h264' and (size[0] % 2 or size[1] % 2):
                    raise ValueError(f'{path}: {size[0]} x {size[1]} pixels: expected even sizes for H.264')
                writer = _writer(part, size, fps, codec)
                if writer is None:
                    raise OSError(f'{path}: cannot write a video of {size[0]} x {size[1]} pixels: is the disk '
                                  'writable?')
            if frame.shape[1::-1] != size:
                raise ValueError(f'{path}: frame {count} has {frame.shape[1]} x {frame.shape[0]} pixels, those '
                                 f'before it {size[0]} x {size[1]}: the frames of a video have one size')
            writer.write(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGR))
            count += 1
    finally:
        if writer is not None:
            writer.release()
    return count


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float, codec: str = 'mpeg4') -> None:
    """An mp4 of RGB frames (H, W, 3).

    Args:
        path (Path): The file.
        frames (Iterable[np.ndarray]): The frames, uint8.
        fps (float): Frames a second.
        codec (str): ``'mpeg4'``, or ``'h264'``, which browsers play, for frames of even sizes. Defaults to ``'mpeg4'``.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If there are no frames, or they differ in size, or the codec cannot have their size.
    """
    if codec not in CODECS:
        raise ValueError(f'codec={codec!r}: expected one of {tuple(CODECS)}')
    path = Path(path)
    with whole_file(path) as part:
        try:
            count = _write_frames(path, part, frames, fps, codec)
        except av.error.FFmpegError as error:
            raise OSError(f'{path}: the video cannot be written ({reason_of(error)}): is the disk full?') from None
        if not count:
            raise ValueError(f'{path}: a video needs at least one frame')
        try:
            with closing(open_video(part)) as video:
                written = len(video)
        except BrokenVideoError as error:
            raise OSError(f'{path}: what was written cannot be read ({error.found}): is the disk full?') from None
        if written != count:
            raise OSError(f'{path}: {written} of {count} frames were written: is the disk full?')


def mend_video(video: Path, out: Path) -> None:
    """Write what can be decoded of a video anew: H.264, mp4, upright, of the same size, each frame with its time.

    Args:
        video (Path): A video that cannot be read exactly.
        out (Path): The file to write.

    Raises:
        BrokenVideoError: If nothing can be decoded.
    """
    try:
        with open_container(str(video), str(video)) as container:
            stream = container.streams.best('video')
            index, odd = stream.index, stream.width % 2 or stream.height % 2
    except BrokenVideoError as error:
        raise BrokenVideoError(video, error.found, 'It cannot be mended') from None
    with whole_file(Path(out)) as part:
        # Colours at half the resolution need even sizes. The options are those of ffmpeg 6.1 and later.
        run_ffmpeg(video, '-map', f'0:{index}', '-c:v', 'libx264', '-crf', '18', '-pix_fmt',
                   'yuv444p' if odd else 'yuv420p', '-fps_mode', 'vfr', '-enc_time_base', 'demux', '-f', 'mp4',
                   os.path.abspath(part), package_first=True)
        try:
            with closing(open_video(part)) as mended:
                mended.check()
        except BrokenVideoError as error:
            raise BrokenVideoError(video, error.found, 'It cannot be mended') from None


def cut_video(movie: Path, cut: Path, window: Window, short_side: int = 0) -> None:
    """Cut the window out of a movie, at 30 frames per second.

    Args:
        movie (Path): The movie.
        cut (Path): The file to write.
        window (Window): What to cut out.
        short_side (int): Pixels that a larger video is scaled down to; 0 keeps its size. Defaults to 0.

    Raises:
        BrokenVideoError: If the movie cannot be decoded or ends before the window does.
    """
    with whole_file(cut) as part:
        run_ffmpeg(movie, '-r', str(FPS), *scale_options(short_side), '-sn', '-strict', 'experimental',
                   os.path.abspath(part), before=('-ss', str(window.start), '-t', str(window.seconds)))
        fault = cut_fault(part, window)
        if fault:
            raise BrokenVideoError(
                movie, f'its cut of {window.seconds:g} s from second {window.start:g} {fault}', AGAIN)


def extract_frames(cut: Path, folder: Path, window: Window, short_side: int = 0, quality: int = 1) -> None:
    """Write the frames of a cut, 30 per second, as img_00001.jpg and so on; frames already there are replaced.

    Args:
        cut (Path): The video.
        folder (Path): Where the frames go.
        window (Window): What was cut out.
        short_side (int): Pixels that larger frames are scaled down to; 0 keeps their size. Defaults to 0.
        quality (int): ffmpeg's ``-q:v``, 1 (best) to 31. Defaults to 1.

    Raises:
        BrokenVideoError: If the video cannot be decoded or ends early.
    """
    # An ffmpeg whose caller was killed may still be writing into the part of that.
    part = folder.with_name(f'{folder.name}.{os.getpid()}.part')
    for old in folder.parent.glob(f'{glob.escape(folder.name)}*.part'):
        if re.fullmatch(r'(\.\d+)?\.part', old.name[len(folder.name):]) and not _runs(old.suffixes[-2:-1]):
            shutil.rmtree(old, ignore_errors=True)
    part.mkdir(parents=True, exist_ok=True)
    try:
        run_ffmpeg(cut, '-r', str(FPS), *scale_options(short_side), '-q:v', str(quality), 'img_%05d.jpg',
                   cwd=part)  # the folder's name may have a % too
        fault = frames_fault(part, window)
        if fault:
            raise BrokenVideoError(cut, f'its folder of frames {fault}', 'Cut it again')
        _put_in_place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _runs(number: Sequence[str]) -> bool:
    """Whether the process of this number, as the last part of a name, is another that runs."""
    try:
        pid = int(number[0][1:])
        os.kill(pid, 0)
    except (IndexError, ValueError, OSError):
        return False
    return pid != os.getpid()


def _put_in_place(part: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    # The first frame goes first and comes last: where this is stopped, the folder does not look whole.
    for name in sorted(filter(FRAME.fullmatch, os.listdir(folder))):
        (folder / name).unlink()
    for name in sorted(os.listdir(part), reverse=True):
        os.replace(part / name, folder / name)
