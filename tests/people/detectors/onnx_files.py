"""ONNX files whose output is a constant, written without the package onnx (https://onnx.ai/onnx/intro/concepts.html)."""
import numpy as np

TYPES = {'float32': 1, 'int64': 7, 'bool': 9, 'float16': 10, 'float64': 11}


def _varint(number):
    data = bytearray()
    number &= 2**64 - 1
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def _field(number, value):
    """A field of a protobuf message: a number, a text, or another message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _value_info(name, shape, kind):
    sides = b''.join(_field(1, _field(2, side) if isinstance(side, str) else _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, sides)))


def onnx_file(outputs, shape=(1, 3, 32, 32), inputs=1, input_type=1):
    """The bytes of a model that ignores its inputs and gives the arrays ``outputs``."""
    graph = b''
    for index, array in enumerate(outputs):
        array = np.ascontiguousarray(array)
        tensor = b''.join(_field(1, side) for side in array.shape) + _field(2, TYPES[array.dtype.name]) + _field(
            8, f'c{index}') + _field(9, array.tobytes())
        graph += _field(5, tensor) + _field(1, _field(1, f'c{index}') + _field(2, f'o{index}') + _field(4, 'Identity'))
        graph += _field(12, _value_info(f'o{index}', array.shape, TYPES[array.dtype.name]))
    for index in range(inputs):
        graph += _field(11, _value_info(f'i{index}', shape, input_type))
    graph += _field(2, 'constant')
    return _field(1, 8) + _field(8, _field(1, '') + _field(2, 13)) + _field(7, graph)
