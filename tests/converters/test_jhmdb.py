import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from stssa_mm.converters.jhmdb import convert_jhmdb, mask_box, read_masks, read_split
from stssa_mm.video.reader import open_video


@pytest.fixture
def release(tmp_path):
    """A release of two actions with one training and one test clip each; a square of 8 pixels walks to the right."""
    folder = tmp_path / 'JHMDB'
    (folder / 'splits').mkdir(parents=True)
    for action in ('clap', 'run'):
        (folder / 'splits' / f'{action}_test_split1.txt').write_text('a.avi 1\nb.avi 2\nc.avi 0\n')
        for clip in ('a', 'b'):
            masks = np.zeros((48, 64, 20), np.uint8)
            for frame in range(20):
                masks[16:24, 2 * frame:2 * frame + 8, frame] = 1
            masks[..., 5] = 0  # nobody
            (folder / 'puppet_mask' / action / clip).mkdir(parents=True)
            savemat(folder / 'puppet_mask' / action / clip / 'puppet_mask.mat', {'part_mask': masks})
    return folder


def rows(file):
    return [line.split(',') for line in file.read_text().splitlines()]


def test_boxes_labels_and_frames(release, tmp_path):
    summary = convert_jhmdb(release, tmp_path / 'out')
    assert summary == dict(texture='silhouettes', train_clips=2, train_key_frames=38, test_clips=2, test_key_frames=38)
    table = rows(tmp_path / 'out' / 'annotations' / 'test_split1.csv')
    assert {row[0] for row in table} == {'clap/b', 'run/b'}
    assert {(row[0], row[6]) for row in table} == {('clap/b', '1'), ('run/b', '2')}
    assert '0006' not in {row[1] for row in table}  # the frame with nobody
    assert list(map(float, table[0][2:6])) == pytest.approx([0, 16 / 48, 8 / 64, 24 / 48], abs=1e-4)
    proposals = np.load(tmp_path / 'out' / 'annotations' / 'test_split1_proposals.pkl', allow_pickle=True)
    np.testing.assert_allclose(proposals['run/b,0003'], [[4 / 64, 16 / 48, 12 / 64, 24 / 48, 1]], atol=1e-4)


def test_videos_show_the_silhouettes(release, tmp_path):
    convert_jhmdb(release, tmp_path / 'out')
    video = open_video(tmp_path / 'out' / 'videos' / 'run' / 'a.mp4')
    frame = video.read([3])[0]
    assert len(video) == 20 and frame.shape == (48, 64, 3)
    assert frame[18:22, 8:12].min() > 200 and frame[:12].max() < 60


def test_strides_thin_out_key_frames_but_not_videos(release, tmp_path):
    convert_jhmdb(release, tmp_path / 'out', train_stride=8)
    table = rows(tmp_path / 'out' / 'annotations' / 'train_split1.csv')
    assert [row[1] for row in table if row[0] == 'run/a'] == ['0005', '0013']
    assert len(open_video(tmp_path / 'out' / 'videos' / 'run' / 'a.mp4')) == 20


def test_rgb_frames_are_taken_where_they_are(release, tmp_path):
    for action in ('clap', 'run'):
        for clip in ('a', 'b'):
            folder = release / 'Rename_Images' / action / clip
            folder.mkdir(parents=True)
            for frame in range(20):
                Image.new('RGB', (64, 48), 'red').save(folder / f'{frame + 1:05d}.png')
    assert convert_jhmdb(release, tmp_path / 'out')['texture'] == 'RGB'
    red, green, blue = open_video(tmp_path / 'out' / 'videos' / 'run' / 'a.mp4').read([0])[0][24, 32]
    assert red > 200 and green < 60 and blue < 60


def test_rgb_frames_after_the_last_mask_are_in_the_video_and_no_key_frames(release, tmp_path):
    for clip in ('clap/a', 'clap/b', 'run/a', 'run/b'):
        (release / 'Rename_Images' / clip).mkdir(parents=True)
        for frame in range(23):
            Image.new('RGB', (64, 48), 'red').save(release / 'Rename_Images' / clip / f'{frame + 1:05d}.png')
    assert convert_jhmdb(release, tmp_path / 'out')['test_key_frames'] == 38
    assert len(open_video(tmp_path / 'out' / 'videos' / 'run' / 'b.mp4')) == 23


def test_missing_rgb_frames_are_an_error(release, tmp_path):
    (release / 'Rename_Images').mkdir()
    with pytest.raises(ValueError, match='0 png files for 20 masks'):
        convert_jhmdb(release, tmp_path / 'out')


@pytest.mark.parametrize('line', ['a 1', 'a.avi', 'a.avi 3'])
def test_a_malformed_split_names_file_and_line(release, line):
    file = release / 'splits' / 'run_test_split1.txt'
    file.write_text(f'a.avi 1\n{line}\n')
    with pytest.raises(ValueError, match=rf'run_test_split1\.txt:2: .*{line}'):
        read_split(release / 'splits', 1)


def test_a_folder_that_is_no_release(tmp_path):
    with pytest.raises(FileNotFoundError, match='give the folder of a JHMDB release'):
        convert_jhmdb(tmp_path, tmp_path / 'out')


def test_a_file_without_masks(tmp_path):
    savemat(tmp_path / 'x.mat', {'something': np.zeros(3)})
    with pytest.raises(ValueError, match='x.mat: expected a variable part_mask'):
        read_masks(tmp_path / 'x.mat')


def test_box_of_one_pixel_and_of_nobody():
    mask = np.zeros((4, 8))
    assert mask_box(mask) is None
    mask[1, 2] = 1
    assert mask_box(mask) == (2 / 8, 1 / 4, 3 / 8, 2 / 4)


def test_real_masks_have_the_boxes_of_the_release_tubes(shared_data):
    folder = shared_data / 'jhmdb'
    subsets = read_split(folder / 'splits', 1)
    assert [list(subsets.values()).count(name) for name in ('train', 'test')] == [660, 268]
    tubes = json.loads((folder / 'tubes.json').read_text())['tubes_frame_x1_y1_x2_y2']
    for clip in sorted(subsets)[::100]:
        masks = read_masks(folder / 'puppet_mask' / clip / 'puppet_mask.mat')
        height, width = masks.shape[1:]
        for frame, *box in tubes[clip]:
            x1, y1, x2, y2 = mask_box(masks[int(frame) - 1])
            ours = [x1 * width, y1 * height, x2 * width, y2 * height]
            np.testing.assert_allclose(ours, box, atol=2.01)


def test_number_of_key_frames_and_frames_of_the_release(shared_data):
    folder = shared_data / 'jhmdb'
    frames = json.loads((folder / 'tubes.json').read_text())['nframes']
    clips = [clip for clip, subset in read_split(folder / 'splits', 1).items() if subset == 'test']
    masks = {clip: read_masks(folder / 'puppet_mask' / clip / 'puppet_mask.mat') for clip in clips}
    assert sum(frames[clip] for clip in clips) == 9139
    assert sum(int(clip_masks.any((1, 2)).sum()) for clip_masks in masks.values()) == 9126
    short = {clip: frames[clip] - len(masks[clip]) for clip in clips if frames[clip] != len(masks[clip])}
    assert short == {'clap/The_Slow_Clap_clap_u_cm_np1_fr_med_4': 6, 'clap/The_Slow_Clap_clap_u_nm_np1_fr_bad_20': 7}
