"""Draw the toy data set, in AVA's form, as configs/stssa_toy.py expects it."""
import argparse
import sys
from pathlib import Path

from stssa_mm.converters.toy import make_toy


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, default=Path('data/toy'), help='default: data/toy')
    parser.add_argument('--seed', type=int, default=0, help='default: 0')
    parser.add_argument('--train-videos', type=int, default=100, help='each with two key frames (default: 100)')
    parser.add_argument('--val-videos', type=int, default=30, help='each with two key frames (default: 30)')
    args = parser.parse_args()
    try:
        summary = make_toy(args.out, args.seed, args.train_videos, args.val_videos)
    except (OSError, ValueError) as error:
        sys.exit(f'make_toy.py: {error}')
    print(f'{args.out}: ' + ', '.join(f'{key} {value}' for key, value in summary.items()))


if __name__ == '__main__':
    main()
