"""Make data/ava as configs/stssa_ava.py and configs/stssa_ava22.py expect it, or complete a copy.

Steps: annotations and proposals; videos (whole movies, 157 GB for train and val); cut (seconds 900 to 1801 of each, at
30 frames per second); frames. What is there is kept, so the command may be stopped and run again at any time.

Terms: Google releases AVA's annotations under CC BY 4.0. The movies are videos of YouTube; their rights remain with
their owners. The Common Visual Data Foundation (CVDF) hosts copies. Whether you may download and use them is for you to
make sure: see https://research.google.com/ava.
"""
import argparse
import os
import sys
from pathlib import Path

from stssa_mm.converters.ava import LABEL_MAPS, STEPS, SUBSETS, Sources, prepare_ava


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=Path('data/ava'), help='default: data/ava')
    parser.add_argument('--version', choices=LABEL_MAPS, default='2.1', help='of the annotations (default: 2.1)')
    parser.add_argument('--subset', nargs='+', choices=SUBSETS, default=('train', 'val'), help='default: train val')
    parser.add_argument('--steps', nargs='+', choices=STEPS, default=STEPS, help='default: all')
    parser.add_argument('--videos', nargs='+', metavar='ID', help='only these; write --videos=ID for one that begins '
                                                                  'with -')
    parser.add_argument('--limit', type=int, metavar='N', help='only the first N videos of each subset')
    parser.add_argument('--movies', type=Path, metavar='FOLDER', help='where whole movies are or go, named <id>.mp4, '
                                                                      '.mkv or .webm (default: <out>/videos)')
    parser.add_argument('--short-side', type=int, default=320, metavar='PIXELS',
                        help='scale larger videos and frames down to this; 0 keeps their size (default: 320, the most '
                             'that training uses)')
    parser.add_argument('--quality', type=int, default=1, help="of frames, ffmpeg's -q:v, 1 (best) to 31 (default: 1)")
    parser.add_argument('--jobs', type=int, default=4, help='downloads, and ffmpeg processes, at a time (default: 4)')
    parser.add_argument('--offline', action='store_true', help='use no network; say what is missing')
    for name, url in Sources()._asdict().items():
        parser.add_argument(f'--{name}-url', default=url, metavar='URL', help=f'mirror (default: {url})')
    args = parser.parse_args()
    sources = Sources(args.annotations_url, args.proposals_url, args.movies_url)
    try:
        summary = prepare_ava(args.out, args.version, args.subset, args.steps, args.videos, args.limit, args.movies,
                              args.short_side, args.quality, args.jobs, args.offline, sources)
    except (OSError, ValueError) as error:
        sys.exit(f'{parser.prog}: {error}')
    except KeyboardInterrupt:
        print('\nstopped; run the same command to go on', file=sys.stderr, flush=True)
        os._exit(130)  # without waiting for the downloads under way: what they have is continued
    missing = summary['missing']
    for name, reason in sorted(missing.items()):
        print(f'missing: {name}: {reason}', file=sys.stderr)
    print(f'{args.out}: videos {summary["videos"]}, missing {len(missing)}' +
          (f' (see {args.out / "missing.txt"}; the next run tries them again)' if missing else ''))
    sys.exit(bool(missing))


if __name__ == '__main__':
    main()
