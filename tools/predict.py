"""Who does what, where and when in videos, by a trained network.

Writes DIR/detections.csv (people and their actions on each key frame), DIR/events.csv (who did what from when to when)
and DIR/video.mp4 (the same, drawn); of several videos into a folder each. Ctrl-C ends it with all files whole so far.

    python tools/predict.py clip.mp4 configs/stssa_toy.py epoch_12.pth --detector yolox_nano.onnx --out seen
    python tools/predict.py clips/ data/fights/stssa_fights.py epoch_10.pth --detector yolox_nano.onnx --no-video
"""
import argparse
import sys
import warnings
from pathlib import Path

from stssa_mm.apis.events import LOW, MIN_LENGTH
from stssa_mm.apis.inferencer import SCORE_THR, STSSAInferencer
from stssa_mm.apis.predict import NAMES, Files, predict_videos
from stssa_mm.people.proposals import SELECTION, Selection

SHOWN = 8  # events that are printed


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('videos', nargs='+', metavar='VIDEO',
                        help='files, folders of videos or of frames as pictures, or patterns')
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint')
    parser.add_argument('--out', type=Path, default=Path('predictions'), metavar='DIR', help='default: %(default)s')
    people = parser.add_argument_group('people', 'default: those that the network, an STSSAFasterRCNN, finds itself')
    people.add_argument('--detector', type=Path, metavar='F.onnx', help='ONNX file of YOLOX, or a config of mmdet')
    people.add_argument('--detector-checkpoint', help='of the config of mmdet')
    people.add_argument('--boxes', type=Path, metavar='P.csv',
                        help='proposal file (.csv, .pkl, .npz) to take in place of a detector: names of videos without '
                        'extension, seconds after the first frame; these are the key frames then')
    people.add_argument('--timestamp-start', type=float, default=0, metavar='SECONDS',
                        help="what --boxes and detections_ava.csv call a video's first frame (default: 0; AVA: 900)")
    people.add_argument('--detect-every', type=float, metavar='SECONDS',
                        help='between the frames that the detector looks at (default: the key frames)')
    people.add_argument('--det-score-thr', type=float, default=SELECTION.score_thr,
                        help='of a person (default: %(default)s)')
    people.add_argument('--max-people', type=int, default=SELECTION.max_people, help='default: %(default)s')
    actions = parser.add_argument_group('actions')
    actions.add_argument('--every', type=float, default=0.5, metavar='SECONDS',
                         help='between key frames (default: %(default)s)')
    actions.add_argument('--score-thr', type=float,
                         help=f'least score of an action, 0 to 1 (default: {SCORE_THR})')
    actions.add_argument('--thresholds', type=Path, metavar='T.json',
                         help='a least score for each class: what tools/evaluate.py --thresholds writes')
    actions.add_argument('--low', type=float, default=LOW, metavar='SHARE',
                         help='of its least score; an event lasts until the score is lower (default: %(default)s)')
    actions.add_argument('--min-length', type=float, default=MIN_LENGTH, metavar='SECONDS',
                         help='of an event (default: %(default)s)')
    actions.add_argument('--label-map', type=Path,
                         help="pbtxt (default: the names in the checkpoint, else the config's label map)")
    parser.add_argument('--forms', nargs='+', choices=tuple(NAMES), default=['csv'],
                        help=f'of the detections: {", ".join(NAMES.values())}; jsonl also writes events.json '
                        '(default: csv)')
    parser.add_argument('--no-video', action='store_true', help='draw no video')
    parser.add_argument('--ids', action='store_true', help="write the people's ids into the video")
    parser.add_argument('--fps', type=float, help='frames a second of folders of pictures (default: 30)')
    parser.add_argument('--batch-size', type=int, default=4, help='clips at a time (default: %(default)s)')
    parser.add_argument('--device', help='cpu, cuda:0 (default: a GPU where there is one)')
    args = parser.parse_args()
    if args.score_thr is not None and args.thresholds:
        parser.error('--score-thr and --thresholds: give one of them')
    if args.detector and args.boxes:
        parser.error('--detector and --boxes: give one of them')
    return args


def main():
    args = parse()
    warnings.filterwarnings('ignore')
    thresholds = args.thresholds or (SCORE_THR if args.score_thr is None else args.score_thr)
    faults = 0
    try:
        inferencer = STSSAInferencer(
            args.config, args.checkpoint, args.detector, detector_checkpoint=args.detector_checkpoint,
            selection=Selection(args.det_score_thr, max_people=args.max_people), thresholds=thresholds,
            label_map=args.label_map, batch_size=args.batch_size, device=args.device)
        for done in predict_videos(
                inferencer, args.videos, args.out, every=args.every, boxes=args.boxes,
                timestamp_start=args.timestamp_start, fps=args.fps, low=args.low, min_length=args.min_length,
                detect_every=args.detect_every,
                files=Files(args.forms, not args.no_video, args.ids, args.timestamp_start)):
            report(done)
            faults += bool(done.fault)
    except KeyboardInterrupt:
        sys.exit('predict.py: stopped; what was written is whole up to there')
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f'predict.py: {error}')
    if faults:
        sys.exit(f'predict.py: {faults} of the videos could not be read to their ends')


def report(done):
    """Print what was seen in a video."""
    if done.fault:
        print(f'predict.py: {done.fault}', file=sys.stderr)
    if not done.key_frames:
        return
    print(f'{done.video}: {done.people} people on {done.key_frames} key frames, {len(done.events)} events')
    for event in done.events[:SHOWN]:
        print(f'  {event.start:7.1f} s to {event.end:7.1f} s  person {event.person}: {event.action} {event.score:.2f}')
    if len(done.events) > SHOWN:
        print(f'  ... and {len(done.events) - SHOWN} more')
    print(f'written: {done.folder}: {", ".join(done.files)}')


if __name__ == '__main__':
    main()
