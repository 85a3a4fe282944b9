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

Annotations: a csv of AVA v2.1 train's size is made (839,071 rows on 184,475 key frames of 235 videos) and read by
``STSSAAVADataset`` and MMAction2's ``AVADataset``, each in a process of its own, in turn; seconds leave out the
imports, memory is the growth (PSS) from before to after reading, which is what stays during training, and to the peak:

- ``annotations_speedup``: MMAction2's time / ours, medians;
- ``annotations_memory_ratio``: our growth in memory to the peak / MMAction2's.
"""
import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from harness import at_least, finish, in_a_process, in_turn, machine, measured, measured_memory, medians, peak_memory
from tqdm import tqdm

from stssa_mm.datasets import STSSAAVADataset  # before mmaction, which it makes importable
from stssa_mm.datasets.transforms import STSSASampleFrames, STSSAVideoDecode, STSSAVideoInit
from stssa_mm.video.reader import open_video
from stssa_mm.video.writer import find_ffmpeg, run_ffmpeg

from mmaction.datasets import AVADataset  # isort: skip
from mmaction.datasets.transforms import DecordDecode, DecordInit, SampleAVAFrames  # isort: skip

WIDTH, HEIGHT, FPS = 340, 256, 30
CLIP = dict(clip_len=32, frame_interval=2, test_mode=True)
SIDES = dict(ours=STSSAAVADataset, mmaction2=AVADataset)
ROWS, KEY_FRAMES, VIDEOS = 839_071, 184_475, 235


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
    """Seconds that opening a video takes."""
    start = time.perf_counter()
    open_video(path).close()
    return time.perf_counter() - start


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
    return {'memory_minute_mb': peaks[0], 'memory_long_mb': peaks[1]}


def compare_readers(mp4, path, args):
    """Measure, print and return the figures of a video, which MMAction2 reads as mp4: clips and opening."""
    paths = {'mmaction': mp4, 'ours': path}
    shuffled = np.random.default_rng(0).integers(0, args.seconds, args.clips + 1)
    random = clip_times(paths, shuffled, f'{path.name}: random clips')
    in_order = min(args.in_order or args.seconds, args.seconds)
    first = (args.seconds - in_order) // 2
    ordered = clip_times(paths, range(first, first + in_order), f'{path.name}: seconds in order')
    random, ordered = medians(random), {name: float(np.mean(values)) for name, values in ordered.items()}
    opening = medians(in_turn([path], 5, opening_time))[path]
    print(f'{path.name + ", time of a clip":30}{"MMAction2":>12}{"ours":>12}')
    for label, times in (('random, median', random), ('seconds in order, mean', ordered)):
        print(f'{label:30}{times["mmaction"] * 1e3:9.1f} ms{times["ours"] * 1e3:9.1f} ms   '
              f'{times["mmaction"] / times["ours"]:6.2f}x faster')
    print(f'{"opening":42}{opening * 1e3:9.1f} ms')
    return {
        'random_clip_ratio': random['ours'] / random['mmaction'],
        'in_order_speedup': ordered['mmaction'] / ordered['ours'],
        'open_s': opening,
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


def make_annotations(path, rows, key_frames, videos, seed=0):
    """Write an annotation csv: the rows spread over people (2.5 labels each) and key frames at random."""
    rng = np.random.default_rng(seed)
    per_video = -(-key_frames // videos)
    people = max(rows * 2 // 5, key_frames)
    frame = np.sort(np.concatenate([np.arange(key_frames), rng.integers(0, key_frames, people - key_frames)]))
    low = rng.uniform(0, 0.6, (people, 2))
    box = np.round(np.hstack([low, low + rng.uniform(0.1, 0.4, (people, 2))]), 3)
    of_row = np.sort(np.concatenate([np.arange(people), rng.integers(0, people, rows - people)]))
    names = np.array([f'video_{number:05}' for number in range(videos)])
    columns = [names[frame // per_video], 902 + frame % per_video, *box.T]
    table = pd.DataFrame({number: column[of_row] for number, column in enumerate(columns)})
    table[1] = table[1].map('{:04d}'.format)
    table['label'], table['person'] = rng.integers(1, 81, len(table)), of_row
    table.to_csv(path, header=False, index=False)


def read_annotations(side, path):
    """The dataset of one side."""
    return SIDES[side](ann_file=str(path), pipeline=[])


def benchmark_annotations(repeats, scale):
    """Measure, print and return what reading annotations takes."""
    with tempfile.TemporaryDirectory() as folder:
        path, rows, key_frames = Path(folder, 'annotations.csv'), int(ROWS * scale), int(KEY_FRAMES * scale)
        make_annotations(path, rows, key_frames, VIDEOS)
        print(f'annotations: {rows:,} made rows on {key_frames:,} key frames; {repeats} runs of each side in turn',
              flush=True)
        found = in_turn(SIDES, repeats, lambda side: in_a_process(measured, read_annotations, side, path))
        memory = {side: in_a_process(measured_memory, read_annotations, side, path) for side in SIDES}
    figures = {}
    for side in SIDES:
        report = {**memory[side], **{key: medians(found, key)[side] for key in ('s', 'cpu_s')}}
        print(f'{side:10}' + '{s:8.2f} s, processor {cpu_s:8.2f} s, {mb:8.0f} MiB, at the peak {peak_mb:8.0f} MiB, '
              '{value:,} key frames'.format(**report), flush=True)
        figures.update({f'annotations_{side}_{key}': report[key] for key in ('s', 'cpu_s', 'mb', 'peak_mb')})
    return {
        'annotations_speedup': figures['annotations_mmaction2_s'] / figures['annotations_ours_s'],
        'annotations_memory_ratio': figures['annotations_ours_peak_mb'] / figures['annotations_mmaction2_peak_mb'],
        'annotations_cpu_speedup': figures['annotations_mmaction2_cpu_s'] / figures['annotations_ours_cpu_s'],
        **figures,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--repeats', type=at_least(1), default=3, help='of reading annotations (default: 3)')
    parser.add_argument('--scale', type=float, default=1, help='of the annotations: 0.1 is a tenth (default: 1)')
    parser.add_argument('--seconds', type=at_least(2), default=900, help='length of the video (default: 900)')
    parser.add_argument('--clips', type=at_least(1), default=20, help='random clips (default: 20)')
    parser.add_argument('--in-order', type=at_least(0), default=0, metavar='SECONDS',
                        help='neighbouring seconds from the middle (default: 0, all of the video)')
    parser.add_argument('--memory-seconds', type=at_least(0), default=0, metavar='SECONDS',
                        help='also print the memory of a pass over a video of this length (default: none)')
    args = parser.parse_args()
    print(machine('decord', 'numpy', 'pandas', 'torch'), flush=True)
    finish({**benchmark_annotations(args.repeats, args.scale), **benchmark_video(args)})


if __name__ == '__main__':
    main()
