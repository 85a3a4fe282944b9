"""Small files that would take much time or memory: refused in a process that has little of it."""
import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from conftest import HANGS, REPO

from stssa_mm.files.array_archive import read_arrays

MEMORY = 2**30  # bytes, above what the imports take
READ = '''
import resource, sys, types
from importlib import import_module
from pathlib import Path
repo, module, name, file, memory = sys.argv[1:]
sys.modules['stssa_mm'] = package = types.ModuleType('stssa_mm')  # without torch, which takes seconds
package.__path__ = [f'{repo}/stssa_mm']
read = getattr(import_module(module), name)
with open('/proc/self/statm') as statm:
    taken = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + int(memory), ) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
try:
    read(Path(file))
except ValueError as error:
    print(error)
'''


def array_file(shape, dtype='<f8', megabytes=0, **header):
    """An archive of one array of zeros, whose header may say something else."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive, archive.open('v,0902.npy', 'w',
                                                                                   force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, dict(descr=dtype, fortran_order=False, shape=shape, **header))
        for _ in range(megabytes):
            member.write(bytes(2**20))
    return file.getvalue()


def many_members():
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        for index in range(100):
            archive.writestr(f'v,{index}.npy', bytes(2**24))
    return file.getvalue()


def packed_by(method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', method) as archive:
        archive.writestr('v,0902.npy', bytes(2**28))
    return file.getvalue()


COMMAS = b'v,0902' + b',' * 10**6 + b'\n'
ROW = b'v,0902,0.1,0.2,0.3,0.4,1,7\n'
ANNOTATIONS = ('annotations', 'read_annotations')
FILES = {
    'npz, 2 GiB of zeros': ('proposals', 'read_proposals', 'p.npz', array_file((2**28 // 5, 5), megabytes=2048)),
    'npz, a shape of 40 GB': ('proposals', 'read_proposals', 'p.npz', array_file((10**9, 5))),
    'npz, a shape of more than there is': ('proposals', 'read_proposals', 'p.npz', array_file((10**30, 5))),
    'npz, a shape below 0': ('proposals', 'read_proposals', 'p.npz', array_file((-1, 5))),
    'npz, a text of 2 GB': ('proposals', 'read_proposals', 'p.npz', array_file((1, 5), '<U500000000')),
    'npz, no bytes an entry': ('proposals', 'read_proposals', 'p.npz', array_file((10**12, ), '|V0')),
    'npz, objects': ('proposals', 'read_proposals', 'p.npz', array_file((1, 5), '|O')),
    'npz, many members': ('proposals', 'read_proposals', 'p.npz', many_members()),
    'npz, packed by bzip2': ('proposals', 'read_proposals', 'p.npz', packed_by(zipfile.ZIP_BZIP2)),
    'npz, packed by lzma': ('proposals', 'read_proposals', 'p.npz', packed_by(zipfile.ZIP_LZMA)),
    'a million commas in the first line': (*ANNOTATIONS, 'a.csv', COMMAS),
    'a million commas in the second line': (*ANNOTATIONS, 'a.csv', ROW + COMMAS),
    'a million commas in detections': ('annotations', 'read_detections', 'a.csv', COMMAS + ROW),
    'a million commas in a list of key frames': ('key_frames', 'read_key_frames', 'a.csv', COMMAS),
    'a million commas in exclusions': ('key_frames', 'read_exclusions', 'a.csv', COMMAS),
    'a million commas in a proposal csv': ('proposals', 'read_proposals', 'p.csv', COMMAS),
    'a million commas in video info': ('video_info', 'read_video_info', 'v.csv', b'video,fps\n' + COMMAS),
    'a million digits': (*ANNOTATIONS, 'a.csv', ROW.replace(b'7', b'7' * 10**6)),
    'a name of a million letters': (*ANNOTATIONS, 'a.csv', ROW.replace(b'v', b'v' * 10**6)),
    'a million quotes': (*ANNOTATIONS, 'a.csv', b'"' * 10**6 + ROW),
    'a label map of 200,000 word characters': ('label_map', 'read_label_map', 'l.pbtxt', b'a' * 200_000 + b'{'),
    'a label map of 200,000 words': ('label_map', 'read_label_map', 'l.pbtxt', b'item {' + b'a:b ' * 200_000),
    'a label map of 200,000 brackets': ('label_map', 'read_label_map', 'l.pbtxt', b'{' * 200_000),
    'a label map of 200,000 quotes': ('label_map', 'read_label_map', 'l.pbtxt', b'{' + b'"' * 200_001),
    'a label map of comments': ('label_map', 'read_label_map', 'l.pbtxt', b'#{\n' * 200_000),
    'a label id of 200,000 digits': ('label_map', 'read_label_map', 'l.pbtxt',
                                     b'item { name: "x" id: ' + b'1' * 200_000 + b' }'),
    'lists that nest deeply': ('video_info', 'read_video_info', 'v.json', b'[' * 10**6),
    'dicts that nest deeply': ('video_info', 'read_video_info', 'v.json', b'{"v":' * 500_000),
    'a json number of a million digits': ('video_info', 'read_video_info', 'v.json',
                                          b'{"v":{"fps":' + b'1' * 10**6 + b'}}'),
    'a json text of a million letters': ('video_info', 'read_video_info', 'v.json',
                                         b'{"v":{"fps":"' + b'1' * 10**6 + b'x"}}'),
}


SAYS = {
    'npz, 2 GiB of zeros': 'it unfolds to 2147483776 bytes',
    'npz, many members': 'it unfolds to 1677721600 bytes',
    'npz, packed by bzip2': 'packed in another way',
    'npz, packed by lzma': 'packed in another way',
}


@pytest.mark.parametrize('name', FILES)
def test_a_small_file_takes_little_memory_and_is_refused_in_one_line(name, tmp_path):
    module, function, file, content = FILES[name]
    (tmp_path / file).write_bytes(content)
    assert len(content) < 2**22
    command = [sys.executable, '-c', READ, REPO, f'stssa_mm.files.{module}', function, tmp_path / file, str(MEMORY)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=HANGS,
                         env=dict(os.environ, OMP_NUM_THREADS='1'))
    assert run.returncode == 0, run.stderr[-500:]
    line, = run.stdout.splitlines()
    assert line.startswith(f'{tmp_path / file}') and len(line) < 700
    assert SAYS.get(name, '') in line  # not that memory ran out


def test_archives_are_read_as_numpy_reads_them(tmp_path):
    arrays = {'a': np.arange(6.).reshape(2, 3), 'b': np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
              'c': np.array(['x', 'éé']), 'd': np.zeros((0, 5), np.float32), 'e': np.array(True), 'f': np.array([b'x'])}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / 'x.npz', **arrays)
        found = read_arrays(tmp_path / 'x.npz')
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype and found[name].flags.writeable
            np.testing.assert_array_equal(found[name], array)
