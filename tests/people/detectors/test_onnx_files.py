"""ONNX files that are no YOLOX: each is refused in one line that names the file."""
import numpy as np
import pytest
from people.detectors.onnx_files import onnx_file

from stssa_mm.people.detectors import open_person_detector

CELLS = 4 * 4 + 2 * 2 + 1  # of 32 x 32 pixels
FRAME = np.zeros((20, 30, 3), np.uint8)


def head(**values):
    """An output of the head of YOLOX, with one cell that differs."""
    output = np.zeros((1, CELLS, 6), np.float32)
    for column, value in values.items():
        output[0, 3, int(column[1:])] = value
    return output


FILES = {
    'text': b'something',
    'empty': b'',
    'cut off': onnx_file([head()])[:-40],
    'zeros in it': bytes(30) + onnx_file([head()])[30:],
    'two outputs': onnx_file([head(), head()]),
    'no output': onnx_file([]),
    'two inputs': onnx_file([head()], inputs=2),
    'no input': onnx_file([head()], inputs=0),
    'height and width are open': onnx_file([head()], shape=(1, 3, 'h', 'w')),
    'a grey input': onnx_file([head()], shape=(1, 1, 32, 32)),
    'channels last': onnx_file([head()], shape=(1, 32, 32, 3)),
    'three sides': onnx_file([head()], shape=(3, 32, 32)),
    'smaller than its cells': onnx_file([head()], shape=(1, 3, 16, 16)),
    'a billion pixels wide': onnx_file([head()], shape=(1, 3, 32, 10**9)),
    'a billion images at a time': onnx_file([head()], shape=(10**9, 3, 32, 32)),
    'input of bytes': onnx_file([head()], input_type=2),
    'input of halves': onnx_file([head()], input_type=10),
    'input of texts': onnx_file([head()], input_type=8),
    'output of doubles': onnx_file([head().astype(np.float64)]),
    'output of halves': onnx_file([head().astype(np.float16)]),
    'output of whole numbers': onnx_file([head().astype(np.int64)]),
    'output of bools': onnx_file([head().astype(bool)]),
    'fewer cells': onnx_file([head()[:, 1:]]),
    'no classes': onnx_file([head()[..., :5]]),
    'one side less': onnx_file([head()[0]]),
    'one side more': onnx_file([head()[None]]),
    'output of two images': onnx_file([np.repeat(head(), 2, 0)]),
    'output of no image': onnx_file([head()[:0]]),
    'a score that is infinite': onnx_file([head(_4=np.inf, _5=1)]),
    'a score that is nan': onnx_file([head(_4=np.nan)]),
    'a score of infinity times 0': onnx_file([head(_5=np.inf)]),
    'a box of infinite width': onnx_file([head(_2=1000)]),
    'a box at minus infinity': onnx_file([head(_0=-np.inf)]),
}


def test_the_sound_file_is_read(tmp_path):
    (tmp_path / 'x.onnx').write_bytes(onnx_file([head(_4=1, _5=0.5)]))
    found, = open_person_detector(tmp_path / 'x.onnx')([FRAME])
    assert found.shape == (CELLS, 5) and found[3, 4] == 0.5


@pytest.mark.parametrize('name', FILES)
def test_another_file_is_one_line_that_names_it(name, tmp_path):
    file = tmp_path / 'x.onnx'
    file.write_bytes(FILES[name])
    with pytest.raises(ValueError) as error:
        open_person_detector(file)([FRAME])
    assert str(error.value).startswith(f'{file}: ') and '\n' not in str(error.value) and len(str(error.value)) < 700
