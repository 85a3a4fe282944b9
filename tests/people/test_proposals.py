import pickle

import cv2
import numpy as np
import pytest
from datasets.video_files import SIZE, Squares, write_squares

from stssa_mm.files.key_frames import KeyFrame
from stssa_mm.people.proposals import FramePeople, Selection, detect_people, make_proposals
from stssa_mm.video.reader import open_video


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """a.mp4 with a square, b.avi with two, none.mp4 with none; 20 frames each, 10 a second."""
    folder = tmp_path_factory.mktemp('videos')
    write_squares(folder / 'a.mp4', [4])
    write_squares(folder / 'b.avi', [0, 30])
    write_squares(folder / 'none.mp4', [])
    return folder


@pytest.fixture
def key_frames(tmp_path):
    """Three frames of a, two of b, one of none, as an annotation csv with two rows of one key frame."""
    file = tmp_path / 'train.csv'
    file.write_text('a,0001,0,0,1,1,1,0\na,0001,0,0,1,1,2,0\na,0005,0,0,1,1,1,0\na,0011,0,0,1,1,1,0\nb,0003\nb,0009\n'
                    'none,0002\n')
    return file


def test_boxes_of_each_key_frame(videos, key_frames, tmp_path):
    summary = make_proposals(key_frames, videos, Squares(), tmp_path / 'out.pkl', 'frames')
    assert summary == dict(key_frames=6, people=7, empty=['none,0002'])
    found = pickle.loads((tmp_path / 'out.pkl').read_bytes())
    assert list(found) == ['a,0001', 'a,0005', 'a,0011', 'b,0003', 'b,0009', 'none,0002']
    for key, lefts in (('a,0001', [4]), ('a,0011', [14]), ('b,0009', [8, 38])):
        expected = [[left / SIZE, 24 / SIZE, (left + 16) / SIZE, 40 / SIZE] for left in lefts]
        np.testing.assert_allclose(sorted(found[key][:, :4].tolist()), expected, atol=2 / SIZE)
    assert found['none,0002'].shape == (0, 5)
    assert not (tmp_path / 'out.pkl.part').exists()


def test_seconds_are_those_of_the_video(videos, tmp_path):
    (tmp_path / 'list.csv').write_text('a,0901\n')
    make_proposals(tmp_path / 'list.csv', videos, Squares(), tmp_path / 'out.pkl')
    box, = pickle.loads((tmp_path / 'out.pkl').read_bytes())['a,0901']
    assert box[0] * SIZE == pytest.approx(4 + 10, abs=1.5)


def test_fractions_of_a_second_and_videos_that_differ(videos, tmp_path):
    (tmp_path / 'list.csv').write_text('a,0.5\nb,100.5\nnone,20\n')
    (tmp_path / 'info.csv').write_text('video,start,fps\na,0,\nb,100,4\nnone,1,1\n')
    make_proposals(tmp_path / 'list.csv', videos, Squares(), tmp_path / 'out.pkl', video_info=tmp_path / 'info.csv')
    found = pickle.loads((tmp_path / 'out.pkl').read_bytes())
    assert found['a,0.5'][0, 0] * SIZE == pytest.approx(4 + 5, abs=1.5)  # 10 frames a second, as the video says
    assert found['b,100.5'][:, 0].min() * SIZE == pytest.approx(5, abs=1.5)  # so here, whatever fps says
    assert not len(found['none,0020'])  # with fps 1 its last frame


def test_folders_of_frames_are_videos_too(videos, tmp_path):
    frames = open_video(videos / 'a.mp4')
    for number in range(20):
        (tmp_path / 'frames' / 'a').mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / 'frames' / 'a' / f'img_{number + 1:05}.png'), frames.read([number])[0][..., ::-1])
    (tmp_path / 'list.csv').write_text('a,0900\na,0900.5\na,0901\n')
    with pytest.raises(ValueError, match='fps=0: expected a number above 0'):
        make_proposals(tmp_path / 'list.csv', tmp_path / 'frames', Squares(), tmp_path / 'x.pkl', fps=0)
    for folder, name in ((videos, 'video'), (tmp_path / 'frames', 'frames')):
        make_proposals(tmp_path / 'list.csv', folder, Squares(), tmp_path / f'{name}.pkl', fps=10)
    ours, expected = (pickle.loads((tmp_path / f'{name}.pkl').read_bytes()) for name in ('frames', 'video'))
    assert list(ours) == list(expected) == ['a,0900', 'a,900.5', 'a,0901']
    for key, boxes in expected.items():
        np.testing.assert_array_equal(ours[key], boxes)


def test_other_file_forms_hold_the_same(videos, key_frames, tmp_path):
    for suffix in ('pkl', 'npz', 'csv'):
        make_proposals(key_frames, videos, Squares(), tmp_path / f'out.{suffix}', 'frames')
    expected = pickle.loads((tmp_path / 'out.pkl').read_bytes())
    arrays = np.load(tmp_path / 'out.npz')
    assert set(arrays) == set(expected)
    for key, boxes in expected.items():
        np.testing.assert_array_equal(arrays[key], boxes)
    lines = (tmp_path / 'out.csv').read_text().splitlines()
    assert lines[-1] == 'none,0002' and len(lines) == 8
    np.testing.assert_allclose(np.array(lines[0].split(',')[2:], float), expected['a,0001'][0], atol=5e-5)


def test_killed_work_goes_on_where_it_was(videos, key_frames, tmp_path):
    class Killed(Squares):

        def __call__(self, frames):
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().__call__(frames)

    with pytest.raises(KeyboardInterrupt):
        make_proposals(key_frames, videos, Killed(), tmp_path / 'out.pkl', 'frames', batch_size=2)
    partial = tmp_path / 'out.pkl.part'
    assert len(partial.read_text().splitlines()) == 1 + 3
    with open(partial, 'a') as file:  # half a line of the batch in which the process died
        file.write('["b", 3, 2, [[0.0')
    detector = Squares()
    make_proposals(key_frames, videos, detector, tmp_path / 'out.pkl', 'frames', batch_size=2)
    assert detector.frames == 3
    make_proposals(key_frames, videos, Squares(), tmp_path / 'whole.pkl', 'frames')
    resumed, whole = (pickle.loads((tmp_path / f'{name}.pkl').read_bytes()) for name in ('out', 'whole'))
    assert list(resumed) == list(whole)
    for key, boxes in whole.items():
        np.testing.assert_array_equal(resumed[key], boxes)


@pytest.mark.parametrize(('text', 'message'), [
    ('{"detector": "other"}\n', "begun with {'detector': 'other'}"),
    ('something\n', 'not a file of unfinished work'),
])
def test_unfinished_work_of_another_kind_is_not_taken(videos, tmp_path, text, message):
    (tmp_path / 'x.part').write_text(text)
    with pytest.raises(ValueError, match=f'^{tmp_path}/x.part: {message}.*delete it to start again$'):
        detect_people([KeyFrame('a', 1, 0)], FramePeople({'a': videos / 'a.mp4'}, Squares()), tmp_path / 'x.part')
    assert (tmp_path / 'x.part').read_text() == text


def test_a_key_frame_outside_the_video(videos, tmp_path):
    (tmp_path / 'list.csv').write_text('a,0021\n')
    with pytest.raises(ValueError, match=r"a\.mp4: the annotated moment 21 is outside of the video, [^\n]* 0 to 19 "):
        make_proposals(tmp_path / 'list.csv', videos, Squares(), tmp_path / 'out.pkl', 'frames')


@pytest.mark.parametrize(('selection', 'message'), [
    (Selection(score_thr=1.0), 'score_thr=1.0: expected'), (Selection(nms_thr=-1), 'nms_thr=-1: expected'),
    (Selection(max_people=0), 'max_people=0: expected')])
def test_values_out_of_range(selection, message, videos, key_frames, tmp_path):
    with pytest.raises(ValueError, match=message):
        make_proposals(key_frames, videos, Squares(), tmp_path / 'out.pkl', 'frames', selection=selection)


def test_an_unknown_file_form_is_told_before_the_work(videos, key_frames, tmp_path):
    detector = Squares()
    with pytest.raises(ValueError, match=r'out\.json: expected a proposal file'):
        make_proposals(key_frames, videos, detector, tmp_path / 'out.json', 'frames')
    assert not detector.calls
