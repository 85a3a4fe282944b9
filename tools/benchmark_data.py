"""Compare the package's reading of data with MMAction2's, on the CPU, in one run.

Videos: a made mp4 (15 minutes, 340 x 256, 30 fps) is read by ``DecordInit``, ``SampleAVAFrames`` and ``DecordDecode``,
and by ``STSSAVideoInit``, ``STSSASampleFrames`` and ``STSSAVideoDecode``, with the transforms' own defaults. Both read
every clip (32 frames 2 apart), in turn, and the frames are checked to be equal. The last line printed is JSON:

- ``random_clip_ratio``: our time / MMAction2's, medians of clips around random seconds of the video;
- ``in_order_speedup``: MMAction2's time / ours, totals of clips around neighbouring seconds, as a test reads a video;
- ``open_s``: seconds that ours takes to open the video;
- ``ts_random_clip_ratio``, ``ts_in_order_speedup``, ``ts_open_s``: the same where ours reads these packets from an
  MPEG-TS, and MMAction2 still from the mp4: of an MPEG-TS it gives other frames than are asked for.

With ``--memory-seconds 3600`` our growth in memory over a pass of an hour is printed as well.

Annotations: a made csv of AVA v2.1 train's size, see ``benchmark_annotations.py``, which also runs alone:

- ``annotations_speedup``: MMAction2's time / ours, medians;
- ``annotations_memory_ratio``: our growth in memory to the peak / MMAction2's.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import decord
import numpy as np
import torch
from benchmark_annotations import benchmark_annotations
from mmaction.datasets.transforms import DecordDecode, DecordInit, SampleAVAFrames
from peak_memory import peak_memory
from tqdm import tqdm

from stssa_mm.datasets.transforms import STSSASampleFrames, STSSAVideoDecode, STSSAVideoInit
from stssa_mm.video.reader import open_video
from stssa_mm.video.writer import find_ffmpeg, run_ffmpeg

WIDTH, HEIGHT, FPS = 340, 256, 30
CLIP = dict(clip_len=32, frame_interval=2, test_mode=True)


def made_frames(count):
    """RGB frames of a textured scene under a moving camera, with a cut every five seconds."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (3, 3, 45, 56), dtype=np.uint8)  # three scenes
    scenes = np.clip(coarse.repeat(8, 2).repeat(8, 3) + rng.normal(0, 6, (3, 1, 360, 448)), 0, 255).astype(np.uint8)
    for index in range(count):
        scene = scenes[index // (5 * FPS) % 3]
        x, y = (round(40 + 35 * wave(index / 40)) for wave in (np.sin, np.cos))
        yield scene[:, y:y + HEIGHT, x:x + WIDTH].transpose(1, 2, 0)


def make_video(path, seconds):
    """Write the mp4, H.264 as AVA's cuts are."""
    count = seconds * FPS
    command = [find_ffmpeg(), '-y', '-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s',
               f'{WIDTH}x{HEIGHT}', '-r', str(FPS), '-i', '-', '-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt',
               'yuv420p', str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        for frame in tqdm(made_frames(count), desc='making the video', total=count, unit='frame', mininterval=1):
            process.stdin.write(frame.tobytes())
    if process.returncode:
        raise SystemExit(f'{" ".join(command)}: ffmpeg failed')


def readers():
    """The first transforms of both pipelines, new."""
    return {
        'mmaction': [DecordInit(), SampleAVAFrames(**CLIP), DecordDecode()],
        'ours': [STSSAVideoInit(), STSSASampleFrames(**CLIP), STSSAVideoDecode()],
    }


def clip_times(paths, moments, label):
    """Seconds that each reader takes for a clip around each of the moments (whole seconds), without the first."""
    pipelines, seconds = readers(), {'mmaction': [], 'ours': []}
    for moment in tqdm(moments, desc=label, unit='clip', mininterval=1):
        clips = {}
        for name, transforms in pipelines.items():
            results = dict(filename=str(paths[name]), timestamp=int(moment), timestamp_start=0, fps=FPS, start_index=0)
            start = time.perf_counter()
            for transform in transforms:
                results = transform(results)
            seconds[name].append(time.perf_counter() - start)
            clips[name] = results['imgs']
        if not np.array_equal(*clips.values()):
            raise SystemExit(f'{paths["ours"]}: the clips around second {moment} differ, expected the same frames')
    return {name: values[1:] for name, values in seconds.items()}  # with the first, ours opens the file


def repeat_video(path, out, seconds):
    """Write a video of so many seconds, which shows another one again and again."""
    command = [find_ffmpeg(), '-y', '-loglevel', 'error', '-stream_loop', '-1', '-i', str(path), '-c', 'copy', '-t',
               str(seconds), str(out)]
    subprocess.run(command, check=True)


def opening_time(path):
    """Seconds, the median of 5."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        video = open_video(path)
        seconds.append(time.perf_counter() - start)
        video.close()
    return statistics.median(seconds)


def memory_of_passes(path, seconds):
    """Print and return what a pass over the first minute of a video adds to the memory, and then one over all of it."""
    transforms, peaks = readers()['ours'], []
    for part in (range(min(60, seconds)), range(seconds)):
        growth = {}
        with peak_memory(growth):
            for moment in tqdm(part, desc='memory', unit='clip', mininterval=1):
                results = dict(filename=str(path), timestamp=moment, timestamp_start=0, fps=FPS, start_index=0)
                for transform in transforms:
                    results = transform(results)
        peaks.append(growth['peak_mb'])
    print(f'memory: {peaks[0]:.0f} MiB at the peak of a pass over a minute; one over {seconds} s adds {peaks[1]:.0f} '
          'MiB to what that leaves')
    return {'memory_minute_mb': round(peaks[0], 1), 'memory_long_mb': round(peaks[1], 1)}


def compare_readers(mp4, path, args):
    """Measure, print and return the figures of a video, which MMAction2 reads as mp4: clips and opening."""
    paths = {'mmaction': mp4, 'ours': path}
    shuffled = np.random.default_rng(0).integers(0, args.seconds, args.clips + 1)
    random = clip_times(paths, shuffled, f'{path.name}: random clips')
    in_order = min(args.in_order or args.seconds, args.seconds)
    first = (args.seconds - in_order) // 2
    ordered = clip_times(paths, range(first, first + in_order), f'{path.name}: seconds in order')
    random = {name: statistics.median(values) for name, values in random.items()}
    ordered = {name: statistics.mean(values) for name, values in ordered.items()}
    opening = opening_time(path)
    print(f'{path.name + ", time of a clip":30}{"MMAction2":>12}{"ours":>12}')
    for label, times in (('random, median', random), ('seconds in order, mean', ordered)):
        print(f'{label:30}{times["mmaction"] * 1e3:9.1f} ms{times["ours"] * 1e3:9.1f} ms   '
              f'{times["mmaction"] / times["ours"]:6.2f}x faster')
    print(f'{"opening":42}{opening * 1e3:9.1f} ms')
    return {
        'random_clip_ratio': round(random['ours'] / random['mmaction'], 3),
        'in_order_speedup': round(ordered['mmaction'] / ordered['ours'], 2),
        'open_s': round(opening, 3),
    }


def benchmark_video(args):
    """Measure, print and return the figures of a video as mp4 and as MPEG-TS."""
    with tempfile.TemporaryDirectory() as folder:
        path, stream = Path(folder) / 'video.mp4', Path(folder) / 'video.ts'
        make_video(path, args.seconds)
        run_ffmpeg(path, '-c', 'copy', str(stream))
        size = path.stat().st_size / 2**20
        print(f'video: {args.seconds} s of {WIDTH} x {HEIGHT} pixels, {FPS} fps, H.264, {size:.1f} MiB; {args.clips} '
              f'random clips, {args.in_order or args.seconds} seconds in order')
        found = compare_readers(path, path, args)
        found.update({f'ts_{key}': value for key, value in compare_readers(path, stream, args).items()})
        if args.memory_seconds:
            repeat_video(path, Path(folder) / 'long.mp4', args.memory_seconds)
            found.update(memory_of_passes(Path(folder) / 'long.mp4', args.memory_seconds))
    return found


def cpu_model():
    """The processor's name."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def parse_args():
    parser = argparse.ArgumentParser(description='Time of reading data, ours against MMAction2')
    parser.add_argument('--repeats', type=int, default=3, help='of reading annotations (default: %(default)s)')
    parser.add_argument('--scale', type=float, default=1,
                        help="of the annotations: 1 is AVA v2.1 train's size (default: %(default)s)")
    parser.add_argument('--seconds', type=int, default=900, help='length of the video (default: %(default)s)')
    parser.add_argument('--clips', type=int, default=20, help='random clips (default: %(default)s)')
    parser.add_argument('--in-order', type=int, default=0, metavar='SECONDS',
                        help='neighbouring seconds from the middle (default: 0, all of the video)')
    parser.add_argument('--memory-seconds', type=int, default=0, metavar='SECONDS',
                        help='also print the memory of a pass over a video of this length (default: none)')
    args = parser.parse_args()
    for name, least in (('repeats', 1), ('seconds', 2), ('clips', 1), ('in_order', 0), ('memory_seconds', 0)):
        if getattr(args, name) < least:
            parser.error(f'--{name.replace("_", "-")} {getattr(args, name)}: expected {least} or more')
    return args


def main():
    args = parse_args()
    print(f'{cpu_model()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, decord {decord.__version__}, numpy '
          f'{np.__version__}, torch {torch.__version__}', flush=True)
    print(json.dumps({**benchmark_annotations(args.repeats, args.scale), **benchmark_video(args)}))


if __name__ == '__main__':
    main()
