import builtins
import math
import os

import numpy as np
import pytest
import torch
from mmcv.ops import nms
from mmdet.apis import inference_detector, init_detector
from mmengine.config import Config

from stssa_mm.people.detectors import (
    YOLOXPersonDetector,
    decode_yolox,
    open_person_detector,
    select_people,
)
from stssa_mm.video.reader import open_video


def test_boxes_are_suppressed_as_mmcv_does():
    rng = np.random.default_rng(0)
    for count in (1, 30, 200):
        low = rng.random((count, 2)) / 2
        boxes = np.column_stack([low, low + 0.2 + rng.random((count, 2)) / 4, rng.permutation(count) / count]).round(4)
        theirs, _ = nms(boxes[:, :4].astype(np.float32), boxes[:, 4].astype(np.float32), 0.4, score_threshold=0.1)
        np.testing.assert_array_equal(select_people(boxes, 0.1, 0.4, count), theirs.astype(float).round(4))
        found = select_people(boxes.astype(np.float32), 0.1, 0.4, 5)
        np.testing.assert_array_equal(found, theirs[:5].astype(float).round(4))


def decode_slowly(output, height, width):
    """The same with loops over images and cells."""
    images = []
    for image in output:
        boxes, row = [], 0
        for stride in (8, 16, 32):
            for y in range(height // stride):
                for x in range(width // stride):
                    dx, dy, w, h, objectness, person = image[row, :6]
                    cx, cy = (x + dx) * stride, (y + dy) * stride
                    w, h = math.exp(w) * stride, math.exp(h) * stride
                    boxes.append([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, objectness * person])
                    row += 1
        images.append(boxes)
    return np.array(images)


def test_decoding_agrees_with_loops():
    height, width = 64, 96
    cells = sum((height // s) * (width // s) for s in (8, 16, 32))
    output = np.random.default_rng(0).normal(0, 1, (2, cells, 7))
    np.testing.assert_allclose(decode_yolox(output, height, width), decode_slowly(output, height, width), atol=1e-9)


def test_an_output_that_is_not_of_yolox_is_an_error():
    with pytest.raises(ValueError, match=r'shape \(1, 100, 85\): expected \(N, 126, 5 \+ classes\)'):
        decode_yolox(np.zeros((1, 100, 85)), 64, 96)


def test_selection():
    candidates = np.array([
        [.1, .1, .3, .5, .6],
        [.1, .1, .3, .49, .9],  # the same person
        [-.2, .5, .2, 1.1, .5],  # over the edge
        [.5, .5, .6, .6, .3],  # not above the threshold
        [1.1, .5, 1.2, .6, .8],  # outside
    ])
    kept = select_people(candidates, .3, .45, 9)
    np.testing.assert_allclose(kept, [[.1, .1, .3, .49, .9], [0, .5, .2, 1, .5]], atol=1e-7)
    assert len(select_people(candidates, .3, .45, 1)) == 1
    assert len(select_people(candidates, .3, .99, 9)) == 3
    assert select_people(candidates, .95, .45, 9).shape == select_people(candidates[:0], 0, .45, 9).shape == (0, 5)


@pytest.mark.parametrize(('name', 'checkpoint', 'message'), [
    ('x.pt', None, r'x\.pt: expected an ONNX file'),
    ('x.onnx', None, r'x\.onnx: onnxruntime cannot load it'),
    ('x.onnx', 'y.pth', 'leave out the checkpoint y.pth'),
    ('x.py', None, 'needs a checkpoint'),
])
def test_files_that_are_no_detectors(tmp_path, name, checkpoint, message):
    (tmp_path / name).write_text('something')
    with pytest.raises(ValueError, match=message):
        open_person_detector(tmp_path / name, checkpoint)


def test_a_detector_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'x\.onnx: no such file'):
        open_person_detector(tmp_path / 'x.onnx')


def test_without_onnxruntime_the_remedy_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == 'onnxruntime':
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match='pip install onnxruntime'):
        YOLOXPersonDetector(tmp_path / 'x.onnx')


@pytest.fixture(scope='module')
def yolox(shared_data):
    return open_person_detector(shared_data / 'detectors' / 'yolox_nano.onnx')


@pytest.fixture(scope='module')
def street(shared_data):
    """A frame of a surveillance camera, RGB; one person stands left of its middle, from 0.3 of the height to 0.9."""
    return open_video(shared_data / 'fight_clips' / 'noFight' / 'nofi121.mp4').read([7])[0]


def people(detector, *frames):
    return [select_people(boxes, .3, .45, 50) for boxes in detector(frames)]


def test_real_file_reads_its_input_size(yolox):
    assert (yolox.height, yolox.width, yolox.batch) == (416, 416, 1)


def test_letterbox_keeps_proportions_order_and_range(yolox):
    frame = np.zeros((100, 200, 3), np.uint8)
    frame[..., 0] = 250  # red
    image, size = yolox.letterbox(frame)
    assert image.shape == (3, 416, 416) and size == (416, 208)
    assert (image[2, :208] == 250).all() and (image[:2, :208] == 0).all()  # BGR, not scaled to 1
    assert (image[:, 208:] == 114).all()


def test_real_people_are_found_wherever_the_frame_is_wide_or_high(yolox, street):
    box, = people(yolox, street)[0]
    np.testing.assert_allclose(box[:4], [.35, .30, .47, .89], atol=.02)
    assert box[4] > .8
    wide = np.concatenate([street, np.full_like(street, 114)], axis=1)
    high = np.concatenate([street, np.full_like(street, 114)], axis=0)
    in_wide, in_high = people(yolox, wide, high)
    np.testing.assert_allclose(in_wide[0][:4] * (2, 1, 2, 1), box[:4], atol=.03)
    np.testing.assert_allclose(in_high[0][:4] * (1, 2, 1, 2), box[:4], atol=.03)


@pytest.fixture(scope='module')
def mmdet_files(tmp_path_factory):
    """A small config of mmdet with a checkpoint of random weights."""
    folder = tmp_path_factory.mktemp('mmdet')
    config = folder / 'detector.py'
    config.write_text("_base_ = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'\n"
                      'model = dict(test_cfg=dict(score_thr=0.0, nms=dict(iou_threshold=0.9)))\n'
                      "test_pipeline = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(96, 96),"
                      " keep_ratio=True), dict(type='Pad', size=(96, 96)), dict(type='PackDetInputs', meta_keys="
                      "('ori_shape', 'img_shape', 'scale_factor'))]\n"
                      'test_dataloader = dict(dataset=dict(pipeline=test_pipeline))\n')
    torch.manual_seed(0)
    model = init_detector(Config.fromfile(config), None, device='cpu')
    for layer in model.bbox_head.multi_level_conv_cls:
        layer.bias.data[:2] = 3  # nearly all boxes are of persons and bicycles
    torch.save(dict(state_dict=model.state_dict(), meta=dict(dataset_meta=model.dataset_meta)), folder / 'nano.pth')
    return config, folder / 'nano.pth'


def test_mmdet_gives_the_boxes_of_its_class_person(mmdet_files):
    config, checkpoint = mmdet_files
    detector = open_person_detector(config, str(checkpoint))
    frame = np.random.default_rng(0).integers(0, 256, (60, 120, 3), dtype=np.uint8)
    found, again = detector([frame, frame])
    expected = inference_detector(detector.model, np.ascontiguousarray(frame[..., ::-1])).pred_instances
    persons = expected.labels == 0
    assert persons.any() and not persons.all()
    expected = expected[persons]
    np.testing.assert_allclose(found[:, :4] * (120, 60, 120, 60), expected.bboxes.numpy(), rtol=1e-5)
    np.testing.assert_allclose(found[:, 4], expected.scores.numpy())
    np.testing.assert_array_equal(found, again)


def test_mmdet_without_a_class_person(mmdet_files, tmp_path):
    config, checkpoint = mmdet_files
    content = torch.load(checkpoint, weights_only=True)
    content['meta']['dataset_meta'] = dict(classes=['cat', 'dog'])
    torch.save(content, tmp_path / 'cats.pth')
    with pytest.raises(ValueError, match='no class "person" among its classes cat, dog'):
        open_person_detector(config, str(tmp_path / 'cats.pth'))


def test_a_hostile_checkpoint_runs_nothing(mmdet_files, tmp_path):
    class Hostile:

        def __reduce__(self):
            return os.system, (f'touch {tmp_path / "ran"}', )

    torch.save(dict(state_dict={}, meta=Hostile()), tmp_path / 'hostile.pth')
    with pytest.raises(ValueError, match='cannot be loaded as weights'):
        open_person_detector(mmdet_files[0], str(tmp_path / 'hostile.pth'))
    assert not (tmp_path / 'ran').exists()


def test_other_classes_by_name_or_number(shared_data, street):
    """The scores of a class are its column of the network's output."""
    file = shared_data / 'detectors' / 'yolox_nano.onnx'
    by_name, by_number = (open_person_detector(file, label=label) for label in ('Car', '2'))
    assert by_name.label == by_number.label == 2 and open_person_detector(file, label='bird').label == 14
    car, again = by_name([street])[0], by_number([street])[0]
    person = open_person_detector(file)([street])[0]
    np.testing.assert_array_equal(car, again)
    np.testing.assert_array_equal(car[:, :4], person[:, :4])
    assert person[:, 4].max() > .8 > .3 > car[person[:, 4].argmax(), 4]
    assert by_name.name != by_number.name != 'yolox_nano.onnx' == open_person_detector(file).name
    with pytest.raises(ValueError, match='COCO: no class "ghost" among its classes person, bicycle, car'):
        open_person_detector(file, label='ghost')
    with pytest.raises(ValueError, match=r'it has 80 classes, and class 80 \(from 0\) is asked for'):
        open_person_detector(file, label='80')([street])


def test_other_classes_of_mmdet(mmdet_files):
    config, checkpoint = mmdet_files
    frame = np.random.default_rng(0).integers(0, 256, (60, 120, 3), dtype=np.uint8)
    detector = open_person_detector(config, str(checkpoint), label='bicycle')
    expected = inference_detector(detector.model, np.ascontiguousarray(frame[..., ::-1])).pred_instances
    expected = expected[expected.labels == 1]
    assert len(expected)
    np.testing.assert_allclose(detector([frame])[0][:, 4], expected.scores.numpy())
    with pytest.raises(ValueError, match='no class "80" among'):
        open_person_detector(config, str(checkpoint), label='80')
