"""Turn a JHMDB release into AVA form, as configs/stssa_jhmdb.py expects it.

The release's folder has puppet_mask/, splits/ and, for RGB clips, Rename_Images/; without it the clips show the
silhouettes.
"""
import argparse
import sys
from pathlib import Path

from stssa_mm.converters.jhmdb import convert_jhmdb


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('release', type=Path, help='folder of the JHMDB release')
    parser.add_argument('--out', type=Path, default=Path('data/jhmdb'), help='default: data/jhmdb')
    parser.add_argument('--split', type=int, choices=(1, 2, 3), default=1, help='default: 1')
    parser.add_argument('--train-stride', type=int, default=8, help='frames between training key frames (default: 8)')
    parser.add_argument('--test-stride', type=int, default=1, help='frames between test key frames (default: 1)')
    args = parser.parse_args()
    try:
        summary = convert_jhmdb(args.release, args.out, args.split, args.train_stride, args.test_stride)
    except (OSError, ValueError) as error:
        sys.exit(f'jhmdb.py: {error}')
    print(f'{args.out}: ' + ', '.join(f'{key} {value}' for key, value in summary.items()))


if __name__ == '__main__':
    main()
