"""Make a dataset in AVA's form, and a config for it, from your own videos.

The labels are one of:
  folders  DIR/<class>/<clip>: the label is that of everybody in the clip
  csv      video,start,end,label[,x1,y1,x2,y2] with this header; seconds
  cvat     an export "CVAT for video 1.1", or a folder of them, one for each video
  coco     a COCO file whose images are frames of videos
  via      a project of VIA 3 (json)
  tubes    the annotation pickle of UCF101-24 or MultiSports

Killed and called again, it goes on where it was with finding people.
"""
import argparse
import logging
import shlex
import sys
from pathlib import Path

from mmengine.config import Config

from stssa_mm.checks import check_config
from stssa_mm.converters.own_videos import FORMATS, convert_own_videos
from stssa_mm.people.detectors import open_person_detector
from stssa_mm.people.proposals import SELECTION, Selection
from stssa_mm.runs.training_time import estimate_training_time
from stssa_mm.visualization.contact_sheet import write_contact_sheet

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('labels', type=Path, help='folder or file')
    parser.add_argument('--out', type=Path, required=True, help='folder of the dataset')
    parser.add_argument('--format', choices=FORMATS, help='default: guessed')
    parser.add_argument('--videos', type=Path, help='where the videos or images are (default: where the labels are)')
    parser.add_argument('--detector', type=Path,
                        help='ONNX file of YOLOX, or a config of mmdet (default: the boxes of the labels)')
    parser.add_argument('--checkpoint', help='of the mmdet config')
    parser.add_argument('--device', default='cpu', help='of the mmdet detector: cpu, cuda:0 (default: cpu)')
    parser.add_argument('--class', dest='label', default='person', metavar='NAME',
                        help="the detector's class to look for: a name, or its number from 0 (default: person)")
    parser.add_argument('--every', type=float, default=0.5, help='seconds between key frames (default: 0.5)')
    parser.add_argument('--box-unit', choices=('relative', 'pixels'), default='relative',
                        help='of the boxes of a csv (default: relative)')
    parser.add_argument('--attribute', action='append', default=[],
                        help='attribute of CVAT or VIA that says the action; may be repeated (default: the label says '
                        'it)')
    parser.add_argument('--fps', type=float, help='images a second of a COCO file, or of folders of frames')
    parser.add_argument('--val-share', type=float, default=0.25,
                        help="part of each class's videos; 0: everything trains (default: 0.25)")
    parser.add_argument('--split', type=Path, metavar='CSV',
                        help='your own split: lines "video,train" or "video,val" (default: one is made)')
    parser.add_argument('--seed', type=int, default=0, help='of the split (default: 0)')
    parser.add_argument('--copy', action='store_true', help='copy the videos (default: link them)')
    parser.add_argument('--base-config', type=Path, default=CONFIGS / '_base_' / 'person_crops.py',
                        help='what the config inherits from (default: configs/_base_/person_crops.py)')
    parser.add_argument('--score-thr', type=float, default=SELECTION.score_thr, help=f'default: {SELECTION.score_thr}')
    parser.add_argument('--nms-thr', type=float, default=SELECTION.nms_thr, help=f'default: {SELECTION.nms_thr}')
    parser.add_argument('--max-people', type=int, default=SELECTION.max_people,
                        help=f'boxes a frame at most (default: {SELECTION.max_people})')
    parser.add_argument('--batch-size', type=int, default=8, help='frames at a time (default: 8)')
    args = parser.parse_args()
    try:
        detector = (open_person_detector(args.detector, args.checkpoint, args.device, args.label)
                    if args.detector else None)
        summary = convert_own_videos(
            args.labels, args.out, args.base_config, args.format, args.videos, args.every, args.box_unit,
            args.attribute, args.fps, args.split, detector=detector, batch_size=args.batch_size,
            val_share=args.val_share, seed=args.seed, copy=args.copy,
            selection=Selection(args.score_thr, args.nms_thr, args.max_people))
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f'from_videos.py: {error}')
    report(summary)
    look(summary['config'])
    say_next(summary)


def report(summary):
    """Print what is in the dataset and what is not."""
    print(f'{len(summary["classes"])} classes; a person has '
          + ('one or several of them (multi-label)' if summary['multilabel'] else 'one of them (softmax)'))
    for split in ('train', 'val'):
        print(f'{split}: {summary["videos"][split]} videos, {summary["key_frames"][split]} key frames, '
              f'{summary["people"][split]} people on them')
    for name, count in summary['key_frames_of'].items():
        print(f'  {name}: {count} key frames')
    if summary['empty_key_frames']:
        print(f'The detector finds nobody on {len(summary["empty_key_frames"])} key frames, see '
              f'{summary["config"].parent}/annotations/key_frames_without_people.csv; without given boxes they '
              'are left out')
    if summary['empty_videos']:
        print(f'{len(summary["empty_videos"])} videos without anybody are left out: '
              f'{", ".join(summary["empty_videos"])}')
    if summary['mended']:
        print(f'{len(summary["mended"])} videos cannot be read exactly and were written anew into '
              f'{summary["config"].parent}/videos:')
        for found in summary['mended']:
            print(f'  {found}')
    if summary['unlabelled']:
        print(f'{summary["unlabelled"]} boxes without an action are left out')
    if summary['clipped']:
        print(f'{summary["clipped"]} boxes reach over the frame by a pixel or two and are clipped')
    for note in summary['notes']:
        print(note)
    for warning in summary['warnings']:
        print(f'warning: {warning}')


def look(config):
    """Check the config that was written, draw its contact sheet, and say chance and the time that training takes."""
    logging.disable(logging.INFO)
    cfg = Config.fromfile(config)
    checked = check_config(cfg, 0)
    for finding in checked.findings:
        if finding.level != 'note' or finding.name == 'upper bound':
            print(f'{finding.level}: {finding.where}: {finding.name}: {finding.text}')
    sheet = config.parent / 'contact_sheet.png'
    try:
        write_contact_sheet({split: dataset for split, dataset in checked.datasets.items() if split != 'test'},
                            checked.classes, sheet, by_video=checked.by_video)
        print(f'Contact sheet, to look at before training: {sheet}')
    except (OSError, ValueError) as error:
        print(f'warning: no contact sheet: {error}')
    try:
        print(f'Training takes {estimate_training_time(cfg)}')
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f'warning: the time of training is not known: {error}')


def say_next(summary):
    """Print the commands that follow."""
    config = summary['config']
    run = f'work_dirs/{config.stem.replace("stssa_", "", 1)}'
    config = shlex.quote(str(config))
    print(f'\nNext:\n    mim train mmaction {config} --work-dir {run} --seed 0')
    if summary['key_frames']['val']:
        print(f'    mim test mmaction {config} --checkpoint "$(cat {run}/last_checkpoint)" --work-dir {run}/test\n'
              f'    python tools/plot_run.py {run}')
    else:
        print('Everything trains, so there is nothing to validate or to test on')


if __name__ == '__main__':
    main()
