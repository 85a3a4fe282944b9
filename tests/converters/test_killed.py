"""Killed or out of space at any moment, a final name holds a whole file or none, and the next call completes."""
import os
import pickle
import random
import resource
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from converters.own_videos.test_own_videos import clips  # noqa: F401
from converters.test_jhmdb import release  # noqa: F401
from datasets.video_files import Squares
from PIL import Image
from tqdm import tqdm

from stssa_mm.converters.jhmdb import convert_jhmdb
from stssa_mm.converters.own_videos import convert_own_videos
from stssa_mm.converters.toy import make_toy
from stssa_mm.video.reader import open_video
from stssa_mm.video.writer import Window, extract_frames, frames_fault, write_video

KILLS = 10
WINDOW = Window(start=0, seconds=2, tolerance=1.9)


@pytest.fixture(autouse=True)
def lock_of_progress_bars():
    """One of this process alone: a child that is killed would keep that of all."""
    before = tqdm.get_lock()
    tqdm.set_lock(threading.RLock())
    yield
    tqdm.set_lock(before)


@pytest.fixture
def tools(request, repo, tmp_path):
    """Functions that write a folder, by their names."""
    movie = tmp_path / 'movie.mp4'
    write_video(movie, np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), np.uint8), 30)
    return dict(
        toy=lambda out: make_toy(out, train_videos=3, val_videos=1),
        jhmdb=lambda out: convert_jhmdb(request.getfixturevalue('release'), out),
        from_videos=lambda out: convert_own_videos(
            request.getfixturevalue('clips'), out, repo / 'configs' / '_base_' / 'person_crops.py',
            detector=Squares(), copy=True),
        frames=lambda out: extract_frames(movie, out, WINDOW))


def in_child(work, before=lambda: None):
    """The id of a process that does something."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            before()
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}


def check(folder, whole):
    """Each final name holds what it should."""
    for name in names(folder) & names(whole):
        file = folder / name
        if file.suffix in ('.mp4', '.avi', '.mkv'):
            assert len(open_video(file)) == len(open_video(whole / name)), name
        elif file.suffix != '.jsonl':
            assert file.read_bytes() == (whole / name).read_bytes(), name


def same(folder, whole):
    """All is there, beside what a killed process may leave under names of its own."""
    check(folder, whole)
    assert {name for name in names(folder) if '.part' not in name} == names(whole)


@pytest.mark.parametrize('tool', ['toy', 'jhmdb', 'from_videos', 'frames'])
def test_killed_at_any_moment(tool, tools, tmp_path):
    work, out = tools[tool], tmp_path / 'a' / 'set'
    begin = time.monotonic()
    work(tmp_path / 'b' / 'set')
    seconds = time.monotonic() - begin
    chance = random.Random(0)
    for _ in range(KILLS):
        pid = in_child(lambda: work(out))
        time.sleep(chance.uniform(0, seconds))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if tool != 'frames':
            check(out, tmp_path / 'b' / 'set')
        elif out.exists() and frames_fault(out, WINDOW) is None:
            same(out, tmp_path / 'b' / 'set')
    work(out)
    same(out, tmp_path / 'b' / 'set')


@pytest.mark.parametrize('number', range(0, 60, 6))
def test_frames_stopped_while_they_take_their_names(tools, tmp_path, monkeypatch, number):
    """With a tolerance that any number of frames meets, holes alone tell."""
    out, replace, unlink, done = tmp_path / 'frames', os.replace, Path.unlink, []

    def stopping(function):
        def run(*args, **kwargs):
            if len(done) == number:
                raise KeyboardInterrupt
            done.append(args)
            return function(*args, **kwargs)
        return run

    with monkeypatch.context() as stopped:
        stopped.setattr(os, 'replace', stopping(replace))
        with pytest.raises(KeyboardInterrupt):
            tools['frames'](out)
    assert frames_fault(out, WINDOW) is not None
    tools['frames'](out)
    assert frames_fault(out, WINDOW) is None
    done.clear()
    with monkeypatch.context() as stopped:
        stopped.setattr(Path, 'unlink', stopping(unlink))  # of the older frames
        if number:
            with pytest.raises(KeyboardInterrupt):
                tools['frames'](out)
            assert frames_fault(out, WINDOW) is not None


@pytest.mark.parametrize('limit', [0, 100, 1000, 3000])
@pytest.mark.parametrize('tool', ['toy', 'jhmdb', 'from_videos', 'frames'])
def test_no_space(tool, limit, tools, tmp_path):
    """A process may write files of ``limit`` bytes, as if the disk were full then."""
    work, out = tools[tool], tmp_path / 'a' / 'set'
    work(tmp_path / 'b' / 'set')

    def no_space():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    def one_line():
        try:
            work(out)
        except (OSError, ValueError) as error:
            assert '\n' not in str(error)
        else:
            raise AssertionError('nothing is said')

    _, status = os.waitpid(in_child(one_line, no_space), 0)
    assert status == 0
    if tool != 'frames':
        check(out, tmp_path / 'b' / 'set')
    assert not any('.part' in name for name in names(tmp_path / 'a') - {'set/annotations/detections.part'})
    work(out)
    same(out, tmp_path / 'b' / 'set')


def test_rgb_frames_that_come_later_replace_silhouettes(release, tmp_path):  # noqa: F811
    def colour(clip):
        return open_video(tmp_path / 'out' / 'videos' / f'{clip}.mp4').read([0])[0][24, 40].tolist()

    assert convert_jhmdb(release, tmp_path / 'out')['texture'] == 'silhouettes'
    clips = ('clap/a', 'clap/b', 'run/a', 'run/b')  # noqa: F811
    for folder in clips:
        (release / 'Rename_Images' / folder).mkdir(parents=True)
        for frame in range(20):
            Image.new('RGB', (64, 48), 'red').save(release / 'Rename_Images' / folder / f'{frame + 1:05d}.png')
    convert_jhmdb(release, tmp_path / 'out')
    assert all(colour(clip)[0] > 200 for clip in clips)
    before = {clip: (tmp_path / 'out' / 'videos' / f'{clip}.mp4').stat().st_mtime_ns for clip in clips}
    Image.new('RGB', (64, 48), 'blue').save(release / 'Rename_Images' / 'run' / 'b' / '00001.png')
    convert_jhmdb(release, tmp_path / 'out')
    assert colour('run/b')[2] > 200
    after = {clip: (tmp_path / 'out' / 'videos' / f'{clip}.mp4').stat().st_mtime_ns for clip in clips}
    assert [clip for clip in clips if before[clip] != after[clip]] == ['run/b']  # the others are kept


def test_half_a_clip_of_an_earlier_version_is_not_kept(release, tmp_path):  # noqa: F811
    convert_jhmdb(release, tmp_path / 'out')
    clip = tmp_path / 'out' / 'videos' / 'run' / 'a.mp4'
    whole = clip.read_bytes()
    clip.write_bytes(whole[:300])  # without moov
    with pytest.raises(ValueError, match=rf'^{clip}: it is there, and jhmdb did not write it, or it was changed since'):
        convert_jhmdb(release, tmp_path / 'out')
    clip.unlink()
    convert_jhmdb(release, tmp_path / 'out')
    assert clip.read_bytes() == whole


def test_what_an_earlier_version_made_is_taken_over(release, tmp_path):  # noqa: F811
    """It has no record, and is the same."""
    convert_jhmdb(release, tmp_path / 'out')
    (tmp_path / 'out' / 'written_by_jhmdb.jsonl').unlink()
    convert_jhmdb(release, tmp_path / 'out')
    assert pickle.loads((tmp_path / 'out' / 'annotations' / 'test_split1_proposals.pkl').read_bytes())


@pytest.mark.parametrize('tool', ['toy', 'jhmdb'])
@pytest.mark.parametrize('name', ['annotations/action_list.pbtxt', 'annotations/train.csv', 'videos/train_0000.mp4',
                                  'annotations/train_split1.csv', 'videos/run/a.mp4'])
def test_files_of_somebody_else_stay(tool, name, tools, tmp_path):
    file = tmp_path / 'set' / name
    file.parent.mkdir(parents=True)
    file.write_text('mine')
    if ('split1' in name or 'run' in name) == (tool == 'toy') and 'action_list' not in name:
        tools[tool](tmp_path / 'set')  # not a file of this tool
    else:
        with pytest.raises(ValueError, match=f'^{file}: it is there'):
            tools[tool](tmp_path / 'set')
    assert file.read_text() == 'mine'
