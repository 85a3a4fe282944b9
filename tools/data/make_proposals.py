"""Find the people on the key frames of AVA-form data and write them as proposals.

Killed and called again, it goes on where it was.
"""
import argparse
import sys
from pathlib import Path

from stssa_mm.files.whole_file import check_outputs
from stssa_mm.people.detectors import open_person_detector
from stssa_mm.people.proposals import SELECTION, Selection, make_proposals
from stssa_mm.people.region_proposals import make_region_proposals, proposes_regions

SHOWN = 10  # key frames that are named


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('key_frames', type=Path, help='annotation csv, or lines "video,timestamp"')
    parser.add_argument('videos', type=Path,
                        help='folder of the videos: <video id>.<any extension>, or <video id>/ with its frames as '
                        'pictures; what its config reads for an STSSAFasterRCNN')
    parser.add_argument('out', type=Path, help='proposal file: .pkl, .npz or .csv')
    parser.add_argument('--detector', type=Path, required=True,
                        help='ONNX file of YOLOX, a config of mmdet, or one of an STSSAFasterRCNN, whose region '
                        'proposals are taken')
    parser.add_argument('--checkpoint', help='of the config')
    parser.add_argument('--device', default='cpu', help='of the config: cpu, cuda:0 (default: cpu)')
    parser.add_argument('--class', dest='label', default='person', metavar='NAME',
                        help="the detector's class to look for: a name, or its number from 0 (default: person)")
    parser.add_argument('--timestamps', choices=('seconds', 'frames'),
                        help='default: seconds; those of an STSSAFasterRCNN are as its config says')
    parser.add_argument('--timestamp-start', type=float,
                        help="timestamp of a video's first frame (default: 900 for seconds, 1 for frames)")
    parser.add_argument('--video-info', type=Path, help='csv or json of the start and fps of each video')
    parser.add_argument('--fps', type=float, help='frames a second of folders of frames (default: 30)')
    parser.add_argument('--score-thr', type=float, default=SELECTION.score_thr, help=f'default: {SELECTION.score_thr}')
    parser.add_argument('--nms-thr', type=float, default=SELECTION.nms_thr, help=f'default: {SELECTION.nms_thr}')
    parser.add_argument('--max-people', type=int, default=SELECTION.max_people,
                        help=f'boxes a frame at most (default: {SELECTION.max_people})')
    parser.add_argument('--batch-size', type=int, default=8, help='frames at a time (default: 8)')
    args = parser.parse_args()
    selection = Selection(args.score_thr, args.nms_thr, args.max_people)
    try:
        check_outputs([args.out, args.out.with_name(f'{args.out.name}.part')],
                      [args.key_frames, args.detector, args.video_info, args.checkpoint])
        if args.detector.suffix == '.py' and args.checkpoint and proposes_regions(args.detector):
            if any(value is not None for value in (args.timestamps, args.timestamp_start, args.video_info, args.fps)):
                raise ValueError('--timestamps, --timestamp-start, --video-info and --fps: leave them out, the config '
                                 'says them (in its test_dataloader.dataset)')
            summary = make_region_proposals(args.detector, args.checkpoint, args.key_frames, args.videos, args.out,
                                            selection, args.batch_size, args.device)
        else:
            detector = open_person_detector(args.detector, args.checkpoint, args.device, args.label)
            summary = make_proposals(args.key_frames, args.videos, detector, args.out, args.timestamps or 'seconds',
                                     args.timestamp_start, args.video_info, 30 if args.fps is None else args.fps,
                                     selection, args.batch_size)
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f'make_proposals.py: {error}')
    print(f'{args.out}: {summary["people"]} people on {summary["key_frames"]} key frames')
    if summary['empty']:
        more = '; ...' if len(summary['empty']) > SHOWN else ''
        print(f'{len(summary["empty"])} key frames without anybody: {"; ".join(summary["empty"][:SHOWN])}{more}')
    print(f'In the config: proposal_file={str(args.out)!r}, person_det_score_thr={args.score_thr}')


if __name__ == '__main__':
    main()
