"""Frames that are broken are named; sound ones are MMAction2's."""
import cv2
import numpy as np
import pytest
from mmaction.datasets.transforms import RawFrameDecode

from stssa_mm.datasets.transforms import STSSARawFrameDecode
from stssa_mm.video.probe import BrokenVideoError


@pytest.fixture
def sample(tmp_path):
    """Four frames of noise as JPEG, and what a dataset says of them."""
    noise = np.random.default_rng(0)
    for number in range(1, 5):
        cv2.imwrite(str(tmp_path / f'img_{number:05}.jpg'), noise.integers(0, 255, (48, 64, 3), np.uint8))
    return dict(frame_dir=str(tmp_path), filename_tmpl='img_{:05}.jpg', modality='RGB',
                frame_inds=np.array([1, 2, 2, 3, 4]), gt_bboxes=np.array([[0, 0, 0.5, 1]]))


def test_sound_frames_are_mmaction2s(sample):
    ours, theirs = (decode(dict(sample)) for decode in (STSSARawFrameDecode(), RawFrameDecode()))
    assert ours.keys() == theirs.keys()
    np.testing.assert_array_equal(ours['imgs'], theirs['imgs'])
    np.testing.assert_array_equal(ours['gt_bboxes'], theirs['gt_bboxes'])


@pytest.mark.parametrize(('change', 'message'), [
    (lambda file: file.unlink(), 'no such frame'),
    (lambda file: file.write_bytes(b''), 'the file is empty'),
    (lambda file: file.write_bytes(file.read_bytes()[:-300]), 'the file is cut off'),
    (lambda file: file.write_bytes(b'no picture'), 'it is no picture'),
])
def test_a_broken_frame_is_one_line_that_names_it(sample, tmp_path, change, message):
    change(tmp_path / 'img_00003.jpg')
    decode = STSSARawFrameDecode()
    for _ in range(2):  # the second time from the same client
        with pytest.raises(BrokenVideoError, match=rf'^{tmp_path}/img_00003\.jpg: {message}[^\n]*\. [^\n]*$'):
            decode(dict(sample))


def test_other_decoders_name_it_too(sample, tmp_path):
    (tmp_path / 'img_00003.jpg').write_bytes(b'no picture')
    with pytest.raises(BrokenVideoError, match='img_00003.jpg: it is no picture'):
        STSSARawFrameDecode(decoding_backend='pillow')(dict(sample))


def test_a_fault_of_the_sample_is_not_taken_for_a_broken_frame(sample):
    with pytest.raises(ValueError, match='broadcast'):
        STSSARawFrameDecode(on_broken='skip')({**sample, 'gt_bboxes': np.zeros((2, 3))})


def test_samples_may_be_left_out_and_are_counted(sample, tmp_path):
    (tmp_path / 'img_00003.jpg').unlink()
    decode = STSSARawFrameDecode(on_broken='skip')
    assert decode(dict(sample)) is None and decode(dict(sample)) is None
    assert decode.take_skipped() == 2 and decode.take_skipped() == 0
    with pytest.raises(ValueError, match="on_broken='no': expected 'stop' or 'skip'"):
        STSSARawFrameDecode(on_broken='no')
