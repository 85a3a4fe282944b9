"""Keep the maps of a frozen per-frame trunk, each frame once, and write a config whose heads train on them.

Stopped and called again, it goes on where it was. The checkpoint of a training on the maps is that of the whole
network: test it with the config itself, or on the maps.
"""
import argparse
import os
import shlex
import sys
from pathlib import Path

from stssa_mm.apis.feature_cache import cache_features


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='with an STSSAFrameTrunk on whole frames, such as '
                        'configs/stssa_lite0_jhmdb.py')
    parser.add_argument('--out', type=Path, help='folder (default: work_dirs/maps/<name of the config>)')
    parser.add_argument('--checkpoint', help='weights of the whole model (default: those that training begins with)')
    parser.add_argument('--mirror', action='store_true',
                        help='keep the mirror images of training frames, too: twice the time, and training flips')
    parser.add_argument('--jobs', type=int, default=os.cpu_count(), help='processes (default: one for each core)')
    parser.add_argument('--device', default='cpu', help='cpu, cuda:0 (default: cpu)')
    args = parser.parse_args()
    out = args.out or Path('work_dirs/maps') / args.config.stem
    jobs = args.jobs if args.device == 'cpu' else 1
    try:
        config = cache_features(args.config, out, args.checkpoint, args.mirror, jobs, args.device)
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f'cache_features.py: {error}')
    work_dir = shlex.quote(f'work_dirs/{args.config.stem}')
    print('\nNext:\n'
          f'    mim train mmaction {shlex.quote(str(config))} --work-dir {work_dir} --seed 0\n'
          f'    mim test mmaction {shlex.quote(str(config))} --checkpoint $(cat {work_dir}/last_checkpoint) '
          f'--work-dir {work_dir}/test')


if __name__ == '__main__':
    main()
