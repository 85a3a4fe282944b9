"""Every reader of a file, each with a small sound file that it reads."""
import io
import json
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np
from broken_inputs.cases import BOX, LABELS, ROW, mp4
from PIL import Image

from stssa_mm.converters.own_videos.clips import read_csv
from stssa_mm.converters.own_videos.coco import read_coco
from stssa_mm.converters.own_videos.cvat import read_cvat
from stssa_mm.evaluation.ava import evaluate_files
from stssa_mm.evaluation.result import EvaluationResult
from stssa_mm.files.annotations import read_annotations, read_detections
from stssa_mm.files.key_frames import read_exclusions, read_key_frames
from stssa_mm.files.label_map import read_label_map
from stssa_mm.files.proposals import read_proposals, write_proposals
from stssa_mm.files.video_info import read_video_info
from stssa_mm.people.proposals import _read_partial
from stssa_mm.runs.logs import read_scalars

ROWS = ''.join(ROW.replace('0902', f'{902 + index}') for index in range(4))
DETECTIONS = ROWS.replace(',7\n', ',0.9\n')
COCO = dict(
    images=[dict(id=index, file_name=f'a/{index}.jpg', width=64, height=64, frame_index=index) for index in range(4)],
    annotations=[dict(id=index, image_id=index, category_id=1, bbox=[1, 2, 30, 40], track_id=index)
                 for index in range(4)],
    categories=[dict(id=1, name='run')])
CVAT = '''<?xml version="1.0" encoding="utf-8"?>
<annotations><meta><task><source>v.mp4</source><original_size><width>64</width><height>64</height></original_size></task>
</meta><track id="0" label="run"><box frame="0" xtl="1" ytl="2" xbr="30" ybr="40" outside="0"/>
<box frame="20" xtl="1.5" ytl="2" xbr="30" ybr="40" outside="0"/></track>
<track id="1" label="walk"><box frame="5" xtl="1" ytl="2" xbr="30" ybr="40" outside="0"/></track></annotations>'''
HEADER = {'detector': 'd', 'score_thr': 0.3}


class Reader(NamedTuple):
    """A reader.

    Attributes:
        file (str): The file that is read, in a folder of :func:`write_sound`.
        read (Callable): Reads it, given its path.
    """
    file: str
    read: Callable


READERS = {
    'annotations': Reader('annotations.csv', read_annotations),
    'detections': Reader('detections.csv', read_detections),
    'key frames': Reader('annotations.csv', read_key_frames),
    'exclusions': Reader('excluded.csv', read_exclusions),
    'label map': Reader('labels.pbtxt', read_label_map),
    'proposals, npz': Reader('p.npz', read_proposals),
    'proposals, csv': Reader('p.csv', read_proposals),
    'proposals, pickle': Reader('p.pkl', read_proposals),
    'video info, csv': Reader('videos.csv', read_video_info),
    'video info, json': Reader('videos.json', read_video_info),
    'result': Reader('r.json', EvaluationResult.load),
    'matches of a result': Reader('r.matches.npz', lambda path: EvaluationResult.load(path.with_name('r.json'))),
    'own labels, csv': Reader('own.csv', lambda path: read_csv(path, path.parent)),
    'own labels, COCO': Reader('coco.json', lambda path: read_coco(path, path.parent, 0.1, 10)),
    'own labels, CVAT': Reader('cvat.xml', lambda path: read_cvat([path], path.parent, 0.1)),
    'unfinished detections': Reader('d.part', lambda path: _read_partial(path, HEADER)),
    'log': Reader('20260101_000000/vis_data/scalars.json', lambda path: read_scalars(path.parents[2])),
}


def write_sound(folder: Path) -> None:
    """Write every file that a reader reads."""
    proposals = {f'v,{902 + index:04d}': np.array([BOX, BOX]) for index in range(3)}
    for suffix in ('npz', 'csv', 'pkl'):
        write_proposals(folder / f'p.{suffix}', proposals)
    images = {}
    for index in range(4):
        picture = io.BytesIO()
        Image.fromarray(np.full((64, 64, 3), 50 * index, np.uint8)).save(picture, 'JPEG')
        images[f'a/{index}.jpg'] = picture.getvalue()
    partial = [HEADER, *(['v', index, index, [BOX]] for index in range(3))]
    scalars = [{'step': index, 'loss': 1.5, 'lr': 0.1} for index in range(4)]
    files = {
        **images,
        'v.mp4': mp4(),
        'annotations.csv': ROWS,
        'detections.csv': DETECTIONS,
        'excluded.csv': 'v,0902\nw,0903.5\n',
        'labels.pbtxt': LABELS,
        'videos.csv': 'video,start,frames,fps\nv,0,60,30\nw,900,10,25.5\n',
        'videos.json': '{"v": {"start": 0, "frames": 60, "fps": 30}, "w": {"fps": 25}}',
        'own.csv': 'video,start,end,label,x1,y1,x2,y2\nv.mp4,0,1,run,0.1,0.2,0.3,0.4\nv.mp4,1,2,sit,0.1,0.2,0.3,0.4\n',
        'coco.json': json.dumps(COCO),
        'cvat.xml': CVAT,
        'd.part': ''.join(f'{json.dumps(line)}\n' for line in partial),
        '20260101_000000/vis_data/scalars.json': ''.join(f'{json.dumps(line)}\n' for line in scalars),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    result, _ = evaluate_files(folder / 'annotations.csv', folder / 'detections.csv', folder / 'labels.pbtxt')
    result.save(folder / 'r.json')
