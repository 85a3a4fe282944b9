"""Draw a config's network with the shapes at each step. Nothing is trained and no data is read.

The picture in README:
    python tools/draw_network.py configs/stssa_ava_faster-rcnn.py --out docs/network.png
"""
import argparse
import sys
from pathlib import Path

from stssa_mm.visualization.network import draw_network


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, metavar='CONFIG', help="one of this package's configs, or a child of one")
    parser.add_argument('--out', type=Path, required=True, metavar='FILE', help='file to write to, .png, .svg or .pdf')
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'),
                        help='of a clip in pixels (default: that of the training pipeline, or 256 where it sets none)')
    args = parser.parse_args()
    if args.out.suffix not in ('.png', '.svg', '.pdf'):
        parser.error(f'--out {args.out}: expected a name that ends in .png, .svg or .pdf')
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        draw_network(args.config, args.out, args.size)
    except (OSError, ValueError) as error:
        sys.exit(f'draw_network.py: {error}')
    print(f'written  {args.out}')


if __name__ == '__main__':
    main()
