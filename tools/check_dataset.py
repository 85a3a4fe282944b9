"""Check what a config would train and test on: the answer to "the loss falls and mAP is 0".

Reads the annotations, exclusions, label maps and proposals of a config's datasets and evaluators, and looks at a few
videos. The last line is the verdict. Exit status: 0, or 1 if training cannot work or mAP will be wrong.
"""
import argparse
import os
import sys
from pathlib import Path

from mmengine.config import Config, DictAction

from stssa_mm.checks import check_config, class_table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='changes to the config, key=value')
    parser.add_argument('--videos', type=int, default=3, metavar='N',
                        help='open so many videos of each split; -1: all (default: 3)')
    parser.add_argument('--contact-sheet', type=Path, metavar='FILE.png',
                        help='draw key frames with annotated boxes and proposals')
    args = parser.parse_args()
    if not os.path.isfile(args.config):
        parser.error(f'{args.config}: no such file')
    try:
        cfg = Config.fromfile(args.config)
    except OSError as error:
        sys.exit(f'error: {error}')
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    checked = check_config(cfg, args.videos)
    print(class_table(checked))
    for finding in checked.findings:
        print(f'{finding.level}: {finding.where}: {finding.name}: {finding.text}')
    if args.contact_sheet:
        from stssa_mm.visualization.contact_sheet import write_contact_sheet
        try:
            written = write_contact_sheet(checked.datasets, checked.classes, args.contact_sheet,
                                          by_video=checked.by_video)
            print(f'written: {written}')
        except (OSError, ValueError) as error:
            sys.exit(f'error: {error}')
    print(f'verdict: {checked.verdict}')
    sys.exit(any(finding.level == 'error' for finding in checked.findings))


if __name__ == '__main__':
    main()
