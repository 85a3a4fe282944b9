"""Broken inputs: a sound dataset of one key frame, and for each kind of fault the files or arguments that differ."""
import contextlib
import io
import os
import pickle
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.datasets.transforms import STSSAVideoDecode, STSSAVideoInit
from stssa_mm.evaluation.ava_metric import STSSAAVAMetric
from stssa_mm.files.key_frames import read_exclusions
from stssa_mm.files.label_map import read_label_map
from stssa_mm.video.find import find_video
from stssa_mm.video.writer import write_video

from mmaction.datasets import AVADataset  # isort: skip
from mmaction.datasets.transforms import DecordDecode, DecordInit  # isort: skip
from mmaction.evaluation import AVAMetric, read_labelmap  # isort: skip

ROW = 'v,0902,0.1,0.2,0.3,0.4,1,7\n'
LABELS = 'item {\n  name: "stand"\n  id: 1\n}\nitem {\n  name: "run"\n  id: 2\n}\n'
BOX = [0.1, 0.2, 0.3, 0.4, 0.99]


class Case(NamedTuple):
    """One kind of fault.

    Attributes:
        file (str): The file that is broken: of ``SOUND``, another, or '' for an argument.
        fault (str): What is wrong.
        content (str | bytes | object): What the file holds; None: there is no file. Objects are pickled.
        says (str): A part of our error, '@' the file's path.
        arguments (dict): Of the dataset, beside those of the sound one.
        evaluator (dict): Of the evaluator, likewise.
    """
    file: str
    fault: str
    content: object
    says: str
    arguments: dict = {}
    evaluator: dict = {}


class Call:
    """Pickled, it calls a function when it is read."""

    def __reduce__(self):
        return os.getcwd, ()


@lru_cache
def mp4() -> bytes:
    """A video of 60 frames."""
    with tempfile.TemporaryDirectory() as folder:
        noise = np.random.default_rng(0)
        write_video(Path(folder, 'v.mp4'), (noise.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(60)), 30)
        return Path(folder, 'v.mp4').read_bytes()


def boxes(*rows, key='v,0902'):
    return {key: np.array(rows, float)}


def header(kind, shape):
    """The header of an array in numpy's format."""
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + '\n'
    return b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text.encode()


def npz_of(member, method=zipfile.ZIP_STORED):
    """An archive of one member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', method) as archive:
        archive.writestr('v,0902', member)
    return file.getvalue()


def npz(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


A, L, E, P = 'annotations.csv', 'labels.pbtxt', 'excluded.csv', 'proposals.pkl'
INFO = dict(video_info='videos.csv')
SOUND = {A: ROW, L: LABELS, E: '', P: boxes(BOX)}
CASES = [
    Case(A, 'missing', None, "dataset.ann_file='@': no such file"),
    Case(A, 'empty', '', '@: the file is empty'),
    Case(A, 'blank lines only', '\n\n', '@: the file holds blank lines only'),
    Case(A, 'three columns', ROW + 'v,0903,0.1\n', '@:2: 3 columns: expected'),
    Case(A, 'six columns', ROW + 'v,0903,0.1,0.2,0.3,0.4\n', '@:2: 6 columns: expected'),
    Case(A, 'nine columns', ROW + 'v,0903,0.1,0.2,0.3,0.4,1,7,1\n', '@:2: 9 columns: expected'),
    Case(A, 'cut off within a row', ROW + 'v,0903,0.1,0.2,0.', '@:2: 5 columns: expected'),
    Case(A, 'tabs', ROW.replace(',', '\t'), 'it has tabs where commas are due'),
    Case(A, 'semicolons', ROW.replace(',', ';'), '@:1: 1 column: expected'),
    Case(A, 'decimal commas', ROW + 'v,0903,0,1,0,2,0,3,0,4,1,7\n', '@:2: 12 columns: expected'),
    Case(A, 'a header', 'video,timestamp,x1,y1,x2,y2,label,person\n' + ROW, "@:1: timestamp='timestamp': expected a "
         'number'),
    Case(A, 'a box that is text', ROW + 'v,0903,left,0.2,0.3,0.4,1,7\n', "@:2: x1='left': expected a number"),
    Case(A, 'a box that is nan', ROW + 'v,0903,nan,0.2,0.3,0.4,1,7\n', "@:2: x1='nan': expected a number"),
    Case(A, 'a box that is infinite', ROW + 'v,0903,0.1,0.2,inf,0.4,1,7\n', '@:2: '),
    Case(A, 'a box without a number', ROW + 'v,0903,0.1,,0.3,0.4,1,7\n', "@:2: y1='': expected a number"),
    Case(A, 'boxes in pixels', ROW + 'v,0903,10,20,30,40,1,7\n', '@:2: [10.0, 20.0, 30.0, 40.0]: expected a box'),
    Case(A, 'x1 after x2', ROW + 'v,0903,0.3,0.2,0.1,0.4,1,7\n', 'expected x1 < x2 and y1 < y2'),
    Case(A, 'a box without width', ROW + 'v,0903,0.3,0.2,0.3,0.4,1,7\n', 'expected x1 < x2 and y1 < y2'),
    Case(A, 'x, y, width and height', ROW + 'v,0903,0.6,0.2,0.3,0.4,1,7\n', 'expected x1 < x2 and y1 < y2'),
    Case(A, 'a box beyond the frame', ROW + 'v,0903,0.1,0.2,0.3,1.2,1,7\n', '@:2: [0.1, 0.2, 0.3, 1.2]: expected a '
         'box x1,y1,x2,y2 within the frame'),
    Case(A, 'a negative box', ROW + 'v,0903,-0.1,0.2,0.3,0.4,1,7\n', '@:2: [-0.1, 0.2, 0.3, 0.4]: expected a box'),
    Case(A, 'class id 0', ROW + 'v,0903,0.1,0.2,0.3,0.4,0,7\n', '@:2: 0.0: expected a class id, a whole number from 1'),
    Case(A, 'a negative class id', ROW + 'v,0903,0.1,0.2,0.3,0.4,-1,7\n', '@:2: -1.0: expected a class id'),
    Case(A, 'class id 1.5', ROW + 'v,0903,0.1,0.2,0.3,0.4,1.5,7\n', '@:2: 1.5: expected a class id'),
    Case(A, 'a class by name', ROW + 'v,0903,0.1,0.2,0.3,0.4,run,7\n', "@:2: label='run': expected a number"),
    Case(A, 'a class id above num_classes', ROW + 'v,0903,0.1,0.2,0.3,0.4,3,7\n', '@: key frame v,0903: class id 3'),
    Case(A, 'no name of the video', ROW + ',0903,0.1,0.2,0.3,0.4,1,7\n', '@:2: 903.0: the name of the video'),
    Case(A, 'a comma in the name of a video', ROW + '"a,b",0903,0.1,0.2,0.3,0.4,1,7\n', "@: video 'a,b': expected a "
         'name without commas'),
    Case(A, 'a time of day', ROW + 'v,15:03,0.1,0.2,0.3,0.4,1,7\n', "@:2: timestamp='15:03': expected a number"),
    Case(A, 'no timestamp', ROW + 'v,,0.1,0.2,0.3,0.4,1,7\n', "@:2: timestamp='': expected a number"),
    Case(A, 'a person by name', ROW + 'v,0903,0.1,0.2,0.3,0.4,1,Ann\n', "@:2: person id or score='Ann': expected a "
         'number'),
    Case(A, 'detections', ROW + 'v,0903,0.1,0.2,0.3,0.4,1,0.98\n', '@:2: 0.98: expected a person id, a whole number'),
    Case(A, 'a person id in some rows', ROW + 'v,0903,0.1,0.2,0.3,0.4,1\n', '@:2: v: expected 8 columns'),
    Case(A, 'a quote that is not closed', ROW + '"v,0903,0.1,0.2,0.3,0.4,1,7\n', '@:2: 1 column: expected'),
    Case(A, 'a zero byte', ROW + 'v\0,0903,0.1,0.2,0.3,0.4,1,7\n', '@: no text (a zero byte at byte 28)'),
    Case(A, 'UTF-16', ROW.encode('utf-16'), '@: no text (a zero byte'),
    Case(A, 'Latin-1', ROW.replace('v', 'café').encode('latin-1'), '@: no UTF-8 text'),
    *(Case(A, f'{what} of {name}', ROW + ','.join([*(value if column == index else field for index, field in enumerate(
        ROW.strip().split(',')))]) + '\n', '@:2: ')
      for column, what in ((1, 'a timestamp'), (2, 'a side'), (6, 'a class id'), (7, 'a person id'))
      for name, value in (('1e300', '1e300'), ('1e999', '1e999'), ('infinity', '-Infinity'), ('400 digits', '9' * 400),
                          ('64 bits', str(2**64)))),
    Case(A, 'a line of a million commas', ROW + 'v,0903' + ',' * 10**6 + '\n', '@:2: a line of 1000006 characters'),
    Case(A, 'no line ends', ROW.strip() * 100, '@:1: a line of '),
    Case(L, 'missing', None, "dataset.label_file='@': no such file"),
    Case(L, 'empty', '', '@: no class in it'),
    Case(L, 'names, one a line', 'stand\nrun\n', '@: no class in it'),
    Case(L, 'json', '{"stand": 1, "run": 2}', '@:1: {"stand":: expected item { name: "..." id: N }'),
    Case(L, 'a block without id', LABELS + 'item {\n  name: "sit"\n}\n', '@:9: item { name: "sit" }: expected item'),
    Case(L, 'a block without name', LABELS + 'item {\n  id: 3\n}\n', '@:9: item { id: 3 }: expected item'),
    Case(L, 'id 0', LABELS + 'item {\n  name: "sit"\n  id: 0\n}\n', '@:9: item { name: "sit" id: 0 }: expected item'),
    Case(L, 'an id that is text', LABELS + 'item {\n  name: "sit"\n  id: three\n}\n', '@:9: item'),
    Case(L, 'an id twice', LABELS + 'item {\n  name: "sit"\n  id: 2\n}\n', "@:9: id 2: expected another, 'run' has it"),
    Case(L, 'not text', b'\xff\xfe\x00\x81', '@: no UTF-8 text'),
    Case(L, 'not the custom classes', LABELS, 'dataset.custom_classes=[1, 5]: expected different ids of @, which does '
         'not have [5]', dict(custom_classes=[1, 5], num_classes=3)),
    Case(L, 'comments only', '# {\n', '@: no class in it'),
    Case(L, 'an id of 400 digits', LABELS.replace('2', '2' * 400), '@:5: item { name: "run" id: 2222'),
    Case(L, 'an id in other digits', LABELS.replace('id: 2', 'id: ٢'), '@:5: item { name: "run" id: ٢ }: expected'),
    Case(L, 'an escape sequence', LABELS + '\x1b[2J\n', '@:9: '),
    Case(L, '200,000 word characters', LABELS + 'a' * 200_000, '@:9: aaaa'),
    Case(E, 'missing', None, "dataset.exclude_file='@': no such file"),
    Case(E, 'no comma', 'v 0902\n', "@:1: 'v 0902': expected video,timestamp"),
    Case(E, 'a timestamp that is text', 'w,0902\nv,first\n', "@:2: 'v,first': expected video,timestamp"),
    Case(E, 'no name of the video', ',0902\n', "@:1: ',0902': expected video,timestamp"),
    Case(E, 'three columns', 'v,0902,1\n', "@:1: 'v,0902,1': expected video,timestamp"),
    Case(E, 'not text', b'\xff\xfe\x00\x81', '@: no UTF-8 text'),
    Case(E, 'a timestamp of infinity', 'v,inf\n', "@:1: 'v,inf': expected video,timestamp"),
    Case(E, 'a timestamp of 400 digits', f'v,{"9" * 400}\n', "@:1: 'v,9999"),
    Case(E, 'a line of a million commas', 'v,0902' + ',' * 10**6, '@:1: a line of 1000006 characters'),
    Case(E, 'everything is excluded', 'v,0902\n', 'no key frame remains of 1; left out: 1 excluded'),
    Case(P, 'missing', None, "dataset.proposal_file='@': no such file"),
    Case(P, 'empty', b'', '@: cannot be read as a pickle'),
    Case(P, 'cut off', pickle.dumps(boxes(BOX))[:-20], '@: cannot be read as a pickle'),
    Case(P, 'text', 'v,0902,0.1,0.2,0.3,0.4,0.99\n', '@: cannot be read as a pickle'),
    Case(P, 'calls a function', {'v,0902': Call()}, 'it wants to call posix.getcwd'),
    Case(P, 'a list', [BOX], '@: found a list: expected a dict'),
    Case(P, 'a key without a timestamp', boxes(BOX, key='v'), "@: key 'v': expected 'video,timestamp'"),
    Case(P, 'a key that is no text', boxes(BOX, key=('v', 902)),
         '@: cannot be read as a pickle of a dict of numpy arrays (a key of a dict is of the type tuple, not a text)'),
    Case(P, 'a line end in the name of a video, without labels', boxes(BOX, key='a\nb,0902'),
         r"@: video 'a\nb': expected a name without", dict(ann_file=None, test_mode=True)),
    Case(P, 'a key twice', {**boxes(BOX), **boxes(BOX, key='v,902')}, "@: key 'v,902': occurs twice"),
    Case(P, 'a dict of boxes', {'v,0902': {'box': BOX}}, "@: key 'v,0902': found dict: expected an array"),
    Case(P, 'one box without its own row', {'v,0902': np.array(BOX)}, "@: key 'v,0902': found float64 (5,): expected"),
    Case(P, 'six columns', boxes([*BOX, 1]), "@: key 'v,0902': found float64 (1, 6): expected"),
    Case(P, 'a word in the boxes', {'v,0902': np.array([['high'] * 5])}, "@: key 'v,0902': found <U4 (1, 5): expected"),
    Case(P, 'nan', boxes([0.1, 0.2, np.nan, 0.4, 0.99]), "@: key 'v,0902': box [0.1, 0.2, nan, 0.4]: expected finite"),
    Case(P, 'a score that is nan', boxes([0.1, 0.2, 0.3, 0.4, np.nan]), 'expected finite numbers, also as the score'),
    Case(P, 'x1 after x2', boxes([0.3, 0.2, 0.1, 0.4, 0.99]), "@: key 'v,0902': box [0.3, 0.2, 0.1, 0.4]: expected x1"),
    Case(P, 'pixels', boxes([10, 20, 30, 40, 0.99]), "@: key 'v,0902': box [10.0, 20.0, 30.0, 40.0]: expected a box"),
    Case(P, 'a negative box', boxes([-0.1, 0.2, 0.3, 0.4, 0.99]), "@: key 'v,0902': box [-0.1, 0.2, 0.3, 0.4]: exp"),
    Case(P, 'a key frame is not in it', boxes(BOX, key='v,0903'), '1 of 1 key frames of'),
    Case(P, 'names of videos with extension', boxes(BOX, key='v.mp4,0902'), 'such as v,0902: add them'),
    Case('proposals.json', 'a suffix that is not known', '{}', '@: expected a proposal file',
         dict(proposal_file='proposals.json')),
    Case('proposals.npz', 'not npz', 'text', '@: cannot be read as npz', dict(proposal_file='proposals.npz')),
    *(Case('proposals.npz', fault, content, f'@: cannot be read as npz ({says}', dict(proposal_file='proposals.npz'))
      for fault, content, says in (
          ('empty', b'', 'File is not a zip file'),
          ('cut off', npz(boxes(BOX))[:-30], 'File is not a zip file'),
          ('a bit has changed', npz(boxes(BOX)).replace(b'\x9a\x99', b'\x9a\x98'), 'Bad CRC-32'),
          ('a member that is no array', npz_of(b'no array at all'), 'the magic string is not correct'),
          ('a member of another version', npz_of(b'\x93NUMPY\x09\x00'), 'v,0902: npy version (9, 0)'),
          ('a header that is no dict', npz_of(b'\x93NUMPY\x01\x00\x04\x00[1]\n'), 'Header is not a dictionary'),
          ('a header cut off', npz_of(b'\x93NUMPY\x01\x00\xff\x00{'), 'EOF: reading array header'),
          ('objects', npz_of(header("'|O'", '(1, 5)')), 'v,0902: type object: expected numbers or texts'),
          ('a shape of 40 GB', npz_of(header("'<f8'", '(1000000000, 5)')), 'v,0902: its 128 bytes do not fit'),
          ('a shape below 0', npz_of(header("'<f8'", '(-1, 5)')), 'v,0902: its 128 bytes do not fit the shape'),
          ('longer than its shape', npz_of(header("'<f8'", '(0, 5)') + bytes(40)), 'v,0902: it is longer than'),
          ('packed by bzip2', npz_of(header("'<f8'", '(0, 5)'), zipfile.ZIP_BZIP2), 'v,0902: packed in another way'))),
    Case('proposals.csv', 'Latin-1', 'é,0902\n'.encode('latin-1'), '@: no UTF-8 text',
         dict(proposal_file='proposals.csv')),
    Case('proposals.csv', 'a timestamp of infinity', 'v,inf\n', "@:1: 'v,inf': expected",
         dict(proposal_file='proposals.csv')),
    Case('proposals.csv', 'too few columns', 'v,0902,0.1,0.2\n', "@:1: 'v,0902,0.1,0.2': expected",
         dict(proposal_file='proposals.csv')),
    Case('videos.csv', 'missing', None, "dataset.video_info='@': no such file", INFO),
    Case('videos.csv', 'no header', 'v,900,100,25\n', '@:1: expected a header with "video"', INFO),
    Case('videos.csv', 'no such video', 'video,fps\nw,25\n', '1 of 1 videos of', INFO),
    Case('videos.csv', 'fps 0', 'video,fps\nv,0\n', "@:2: fps='0': expected a number above 0", INFO),
    Case('videos.csv', 'half a frame', 'video,frames\nv,1.5\n', "@:2: frames='1.5': expected a whole number", INFO),
    *(Case('videos.csv', f'{field} {value[:12]}', f'video,{field}\nv,{value}\n', f"@:2: {field}='{value[:50]}", INFO)
      for field in ('start', 'frames', 'fps') for value in ('inf', 'nan', '1e999', '9' * 400)),
    Case('videos.csv', 'Latin-1', 'video,fps\né,25\n'.encode('latin-1'), '@: no UTF-8 text', INFO),
    Case('videos.csv', 'a field of a million letters', f'video,fps\nv,"{"9" * 10**6}"\n', '@: no csv (field larger',
         INFO),
    *(Case('videos.json', fault, content, f'@{says}', dict(video_info='videos.json')) for fault, content, says in (
        ('empty', '', ': no json'),
        ('Latin-1', '{"é": {}}'.encode('latin-1'), ': no UTF-8 text'),
        ('lists that nest deeply', '[' * 200_000, ': no json that can be read (it nests too deeply)'),
        ('dicts that nest deeply', '{"v":' * 200_000, ': no json that can be read (it nests too deeply)'),
        ('a number of 5,000 digits', '{"v": {"fps": ' + '9' * 5000 + '}}', ': no json (Exceeds the limit'),
        ('a number of 400 digits', '{"v": {"fps": ' + '9' * 400 + '}}', ': v: fps=9999'),
        ('infinity', '{"v": {"fps": Infinity}}', ': v: fps=inf: expected a number above 0'),
        ('nan', '{"v": {"start": NaN}}', ': v: start=nan: expected a number'),
        ('a list for a number', '{"v": {"frames": [9]}}', ': v: frames=[9]: expected a whole number above 0'),
        ('a list for a video', '{"v": [25]}', ': expected {"a_video"'))),
    Case('v.mp4', 'missing', None, 'no video of this name'),
    Case('v.mp4', 'empty', b'', '@: the file is empty. Fetch it again'),
    Case('v.mp4', 'text', 'video', '@: it cannot be opened'),
    Case('v.mp4', 'a list of other videos', 'ffconcat version 1.0\nfile other.mp4\n', '@: it is a playlist'),
    Case('v.mp4', 'a playlist', '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n', '@: it cannot be opened'),
    Case('v.mp4', 'its second half is lost', mp4()[:len(mp4()) // 2], '@: it announces '),
    Case('v.mp4', 'zeros in its middle', mp4()[:len(mp4()) // 3] + bytes(len(mp4()) // 3) + mp4()[2 * len(mp4()) // 3:],
         '@: frames 0 to 56 cannot be decoded'),
    Case('', 'num_classes is not the custom classes + 1', None, 'dataset.num_classes=3: expected 2, the custom_classes '
         '+ 1', dict(custom_classes=[1])),
    Case('', 'a custom class twice', None, 'dataset.custom_classes=[1, 1]: expected different ids',
         dict(custom_classes=[1, 1])),
    Case('', 'several labels with multilabel=False', None, 'key frame v,0902: the person 7 has several labels',
         dict(multilabel=False, ann_file='two.csv')),
    Case('', 'no annotations in training', None, 'dataset.ann_file=None: expected a file', dict(ann_file=None)),
    Case('', 'missing_proposals is neither', None, "dataset.missing_proposals='skip': expected 'error' or 'empty'",
         dict(missing_proposals='skip')),
    Case('', 'ann_file of the evaluator is missing', None, "evaluator.ann_file='nowhere.csv': no such file", {},
         dict(ann_file='nowhere.csv')),
    Case('', 'label_file of the evaluator is missing', None, "evaluator.label_file='nowhere.pbtxt': no such file", {},
         dict(label_file='nowhere.pbtxt')),
    Case('', 'exclude_file of the evaluator is missing', None, "evaluator.exclude_file='nowhere.csv': no such file", {},
         dict(exclude_file='nowhere.csv')),
    Case('', 'num_classes of the evaluator is that of another set', None, 'evaluator.num_classes=2, but', {},
         dict(num_classes=2)),
    Case('', 'custom_classes of the evaluator are not in the label map', None, 'evaluator.custom_classes: [5] not in',
         {}, dict(custom_classes=[1, 5])),
    Case('', 'rule of the evaluator is none', None, "rule='coco': expected one of", {}, dict(rule='coco')),
    Case('', 'iou of the evaluator is a percentage', None, 'iou=(50.0,): expected', {}, dict(iou=(50, ))),
]


def write(case: Case, folder: Path) -> dict:
    """Write the files of a case; gives the arguments of its dataset."""
    files = {**SOUND, 'two.csv': ROW + ROW.replace(',1,7', ',2,7')}
    if case.file:
        files[case.file] = case.content
    for name, content in files.items():
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            (folder / name).write_bytes(data if isinstance(data, bytes) else pickle.dumps(data))
    arguments = dict(ann_file=A, label_file=L, exclude_file=E, proposal_file=P, num_classes=3)
    arguments.update(case.arguments)
    return {key: str(folder / value) if isinstance(value, str) and key.endswith(('_file', '_info')) else value
            for key, value in arguments.items()}


def evaluator(case: Case, arguments: dict) -> dict:
    """The arguments of the evaluator of a case."""
    return {**{key: arguments[key] for key in ('ann_file', 'exclude_file', 'label_file', 'num_classes')},
            **case.evaluator}


def ours(case: Case, folder: Path) -> None:
    """Read a case by this package."""
    arguments = write(case, folder)
    if case.file == 'v.mp4':
        read_clip(STSSAVideoInit(), STSSAVideoDecode(), find_video(folder, 'v'))
    dataset = STSSAAVADataset(pipeline=[], **arguments)
    read_label_map(arguments['label_file'])
    read_exclusions(arguments['exclude_file'])
    for index in range(len(dataset)):
        dataset.get_data_info(index)
    if case.evaluator:
        evaluate(STSSAAVAMetric(**evaluator(case, arguments)))


def theirs(case: Case, folder: Path) -> None:
    """Read a case by MMAction2."""
    arguments = write(case, folder)
    if case.file == 'v.mp4':
        read_clip(DecordInit(), DecordDecode(), folder / 'v.mp4')
    arguments.pop('video_info', None)
    dataset = AVADataset(pipeline=[], **arguments)
    with open(arguments['label_file']) as file:
        read_labelmap(file)
    for index in range(len(dataset)):
        dataset.get_data_info(index)
    if case.evaluator:
        with contextlib.chdir(folder):  # it writes into the working directory
            evaluate(AVAMetric(**evaluator(case, arguments)))


def read_clip(init, decode, file: Path) -> None:
    """Open a video and decode eight frames over its 60."""
    decode(init(dict(filename=str(file), frame_inds=np.arange(0, 60, 8))))


def evaluate(metric) -> None:
    """One person with a score for each of the classes."""
    people = dict(bboxes=torch.tensor([BOX[:4]]), scores=torch.tensor([[0, 0.9, 0.1]]))
    metric.process(None, [dict(video_id='v', timestamp=902, pred_instances=people)])
    metric.compute_metrics(metric.results)
