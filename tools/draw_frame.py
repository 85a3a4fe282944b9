"""Draw key frames of a config's data side by side: people with boxes and the names of their actions.

What is drawn are the annotations, or with --detections what `mim test` wrote, with scores.
"""
import argparse
import sys
from pathlib import Path

from mmengine.config import Config

from stssa_mm.visualization.key_frames import draw_key_frames


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path)
    parser.add_argument('keys', nargs='+', metavar='VIDEO,TIMESTAMP', help='key frames, such as a.mp4,0042')
    parser.add_argument('--out', type=Path, required=True, help='picture .png or .jpg')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='val', help='default: val')
    parser.add_argument('--detections', type=Path, help='detections.csv of a test (default: the annotations)')
    parser.add_argument('--score-thr', type=float, default=0.5, help='of the detections (default: 0.5)')
    parser.add_argument('--height', type=int, default=540, help='of the picture, in pixels (default: 540)')
    args = parser.parse_args()
    if not args.config.is_file():
        parser.error(f'{args.config}: no such file')
    try:
        draw_key_frames(Config.fromfile(args.config), args.split, args.keys, args.out, args.detections, args.score_thr,
                        args.height)
    except (OSError, ValueError) as error:
        sys.exit(f'draw_frame.py: {error}')
    print(f'written: {args.out}')


if __name__ == '__main__':
    main()
