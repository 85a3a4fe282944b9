"""Find and track the people of videos, so that labelling is choosing the actions.

Writes an export "CVAT for video 1.1" a video, which CVAT imports into a task, and one csv for a spreadsheet. Both are
read back by from_videos.py; people without an action are left out there.

Killed and called again, it goes on where it was.
"""
import argparse
import shlex
import sys
from pathlib import Path

from stssa_mm.converters.own_videos.pre_annotation import ATTRIBUTE, pre_annotate
from stssa_mm.people.detectors import open_person_detector
from stssa_mm.people.proposals import SELECTION, Selection


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('videos', type=Path, help='a video, or a folder of them')
    parser.add_argument('--out', type=Path, required=True, help='folder to write into')
    parser.add_argument('--detector', type=Path, required=True, help='ONNX file of YOLOX, or a config of mmdet')
    parser.add_argument('--checkpoint', help='of the mmdet config')
    parser.add_argument('--device', default='cpu', help='of the mmdet detector: cpu, cuda:0 (default: cpu)')
    parser.add_argument('--class', dest='label', default='person', metavar='NAME',
                        help="the detector's class to look for: a name, or its number from 0 (default: person)")
    parser.add_argument('--action', action='append', default=[], metavar='NAME',
                        help='what can be chosen in CVAT; may be repeated (default: a text is typed)')
    parser.add_argument('--every', type=float, default=0.2,
                        help='seconds between the frames that are looked at (default: 0.2)')
    parser.add_argument('--score-thr', type=float, default=SELECTION.score_thr, help=f'default: {SELECTION.score_thr}')
    parser.add_argument('--nms-thr', type=float, default=SELECTION.nms_thr, help=f'default: {SELECTION.nms_thr}')
    parser.add_argument('--max-people', type=int, default=SELECTION.max_people,
                        help=f'boxes a frame at most (default: {SELECTION.max_people})')
    parser.add_argument('--batch-size', type=int, default=8, help='frames at a time (default: 8)')
    args = parser.parse_args()
    try:
        detector = open_person_detector(args.detector, args.checkpoint, args.device, args.label)
        summary = pre_annotate(args.videos, args.out, detector, args.action, args.every,
                               Selection(args.score_thr, args.nms_thr, args.max_people), args.batch_size,
                               label=args.label)
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f'pre_annotate.py: {error}')
    print(f'{summary["tracks"]} tracks with {summary["boxes"]} boxes in {len(summary["exports"])} videos')
    if summary['empty']:
        print(f'{len(summary["empty"])} videos without anybody: {", ".join(summary["empty"])}')
    folder = args.videos if args.videos.is_dir() else args.videos.parent
    out, videos = shlex.quote(str(args.out)), shlex.quote(str(folder))
    print(f'\nIn CVAT: make a task a video with the labels of {summary["labels"]} ("Raw"), upload its .xml as '
          f'"CVAT 1.1", choose each {ATTRIBUTE}, and export "CVAT for video 1.1" into one folder. Then, also with the '
          'files as they are written here and edited otherwise:\n'
          f'    python tools/data/from_videos.py {out} --format cvat --videos {videos} --attribute {ATTRIBUTE} '
          '--out data/NAME\n'
          f'Or fill in the column label of {summary["csv"]}:\n'
          f'    python tools/data/from_videos.py {shlex.quote(str(summary["csv"]))} --videos {videos} --out data/NAME')


if __name__ == '__main__':
    main()
