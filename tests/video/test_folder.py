import os

import cv2
import numpy as np
import pytest

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.video.folder import FrameFolder, count_frames
from stssa_mm.video.probe import BrokenVideoError


def write(folder, *names):
    """Pictures whose blue is the number in their names."""
    for name in names:
        number = int(''.join(filter(str.isdigit, name)))
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name), np.full((4, 6, 3), (number, 0, 200), np.uint8))
    return folder


@pytest.mark.parametrize(('names', 'template'), [
    (['8.png', '9.png', '10.png'], '{:01}.png'), (['img_00001.jpg', 'img_00002.jpg'], 'img_{:05}.jpg'),
    (['-a_b_000001.jpeg', '-a_b_000002.jpeg'], '-a_b_{:06}.jpeg'), (['x{1}_07.png', 'x{1}_08.png'], 'x{{1}}_{:02}.png'),
    (['img_00001.jpg', 'flow_x_00001.jpg', 'img_00002.jpg'], 'img_{:05}.jpg'), (['99.png', '100.png'], '{:02}.png')])
def test_frames_of_any_name(tmp_path, names, template):
    write(tmp_path, *names)
    (tmp_path / 'notes.txt').touch()
    folder = FrameFolder(tmp_path)
    assert folder.template == template and len(folder) == sum('flow' not in name for name in names)
    assert folder.times is None and all(image.shape == (4, 6, 3) for image in folder.read(range(len(folder))))


def test_pictures_are_in_the_order_of_their_numbers_in_rgb(tmp_path):
    folder = FrameFolder(write(tmp_path, '8.png', '9.png', '10.png', '11.png'))
    assert [image[0, 0].tolist() for image in folder.read([2, 0, 3])] == [[200, 0, 10], [200, 0, 8], [200, 0, 11]]


def test_the_template_that_is_given_wins(tmp_path):
    write(tmp_path, 'img_00001.png', 'x_1.png', 'x_2.png')
    assert len(FrameFolder(tmp_path, 'x_{}.png', 1)) == 2
    with pytest.raises(BrokenVideoError, match=rf"^{tmp_path}: filename_tmpl='img_\{{:05\}}\.jpg': no such frame, but "
                       r'there is img_00001\.png\. [^\n]*$'):
        FrameFolder(tmp_path, 'img_{:05}.jpg')


@pytest.mark.parametrize(('names', 'message'), [
    ([], 'no pictures'), (['1.png', '3.png'], r'/2\.png: no such frame\. '),
    (['img_1.png', 'x_1.png'], r'pictures of several kinds \(img_\{:01\}\.png, x_\{:01\}\.png\)')])
def test_a_folder_that_does_not_hold_the_frames_is_named(tmp_path, names, message):
    write(tmp_path, *names)
    with pytest.raises(BrokenVideoError, match=rf'^{tmp_path}[^\n]*{message}[^\n]*$'):
        FrameFolder(tmp_path)
    with pytest.raises(BrokenVideoError, match='no such folder of frames'):
        FrameFolder(tmp_path / 'nowhere')


@pytest.mark.parametrize(('first', 'start_index'), [(0, 1), (1, 0), (27001, 1)])
def test_a_first_number_other_than_start_index_is_named(tmp_path, first, start_index):
    write(tmp_path, f'img_{first:05}.jpg', f'img_{first + 1:05}.jpg')
    assert len(FrameFolder(tmp_path, 'img_{:05}.jpg', first)) == 2
    with pytest.raises(BrokenVideoError, match=rf'its first frame is img_{first:05}\.jpg, and '
                       rf'start_index={start_index} says img_{start_index:05}\.jpg'):
        FrameFolder(tmp_path, 'img_{:05}.jpg', start_index)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda data: b'', 'the file is empty'), (lambda data: b'x', 'it is no picture'),
    (lambda data: data[:-200], 'the file is cut off')])
def test_a_broken_picture_is_named(tmp_path, change, message):
    file = tmp_path / '1.jpg'
    cv2.imwrite(str(file), np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8))
    folder = FrameFolder(tmp_path)
    folder.check([0])
    assert folder.read([0])[0].shape == (32, 32, 3)
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(BrokenVideoError, match=rf'1\.jpg: {message}'):
        folder.read([0])
    with pytest.raises(BrokenVideoError, match=rf'1\.jpg: {message}'):
        folder.check([0])


@pytest.mark.parametrize('template', [
    'img_%05d.jpg', 'img.jpg', 'img_{:05}_{:05}.jpg', '{name}.jpg', 'img_{.jpg', 'img_}.jpg', 'img_{:q}.jpg',
    '{:x}.jpg', 'img_{1:05}.jpg', '{:,}.jpg', '{:5}.jpg', '{0.real}.jpg', '{:{}}.jpg'])
def test_a_template_without_one_number_is_a_fault_of_the_config(tmp_path, template):
    write(tmp_path, 'img_00001.jpg')
    with pytest.raises(ValueError) as error:
        FrameFolder(tmp_path, template)
    assert not isinstance(error.value, BrokenVideoError)  # which may be skipped
    assert str(error.value) == (f"filename_tmpl={template!r}: expected one field for the frame's number, such as "
                                "'img_{:05}.jpg' for img_00001.jpg")
    (tmp_path / 'a.csv').write_text('v,0,.1,.5,.3,.9,1,0\n')
    with pytest.raises(ValueError, match='^filename_tmpl='):
        STSSAAVADataset(str(tmp_path / 'a.csv'), use_frames=True, filename_tmpl=template)


@pytest.mark.parametrize('template', ['x{{1}}_{:05}.png', 'x{{1}}_{0:05d}.png', '{:05}{{}}.png'])
def test_braces_in_names_are_doubled(tmp_path, template):
    write(tmp_path, template.format(1), template.format(2))
    assert len(FrameFolder(tmp_path, template)) == 2


def test_a_folder_is_listed_once_and_again_after_a_change(tmp_path, monkeypatch):
    listed, listdir = [], os.listdir
    monkeypatch.setattr(os, 'listdir', lambda place: (listed.append(place), listdir(place))[1])
    write(tmp_path, '1.png', '2.png')
    template = FrameFolder(tmp_path).template
    sample = dict(frame_dir=str(tmp_path), filename_tmpl=template, start_index=1)
    for _ in range(3):
        assert count_frames(sample) == len(FrameFolder(tmp_path, template, 1)) == len(FrameFolder(tmp_path)) == 2
    assert len(listed) == 1
    write(tmp_path, '3.png')
    os.utime(tmp_path, ns=(1, 1))
    assert count_frames(sample) == 3 and len(listed) == 2
    (tmp_path / '2.png').unlink()
    os.utime(tmp_path, ns=(2, 2))
    for _ in range(3):
        with pytest.raises(BrokenVideoError, match=r'2\.png: no such frame'):
            FrameFolder(tmp_path)
    assert len(listed) == 3 and count_frames(sample) is None


@pytest.mark.parametrize('sample', [dict(filename='v.mp4'), dict(frame_dir='/nowhere', filename_tmpl='img_{:05}.jpg'),
                                    dict(frame_dir='.', filename_tmpl='flow_{}_{:05}.jpg', modality='Flow')])
def test_what_does_not_tell_where_it_ends(sample):
    assert count_frames(sample) is None


def test_without_the_right_to_read_a_folder_is_refused_in_one_line(tmp_path):
    write(tmp_path / 'v', '1.png')
    user = os.geteuid()
    (tmp_path / 'v').chmod(0)
    try:
        if user == 0:
            os.seteuid(65534)  # root may read everything
        with pytest.raises(BrokenVideoError, match=rf'^{tmp_path}/v: the folder of frames cannot be read \(Permission '
                           r'denied\)\. [^\n]*$'):
            FrameFolder(tmp_path / 'v')
    finally:
        os.seteuid(user)
        (tmp_path / 'v').chmod(0o755)
