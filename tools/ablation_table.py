"""Print the paper's Table 2 for your own runs: mean and deviation of mAP over seeds, and the cost of each config.

Every config as in the paper, run or not:
    python tools/ablation_table.py work_dirs/* --configs configs/ablation/*.py configs/stssa_ava.py --out TABLE.md
"""
import argparse
import sys
from pathlib import Path

from stssa_mm.files.whole_file import whole_file
from stssa_mm.runs.ablation import ablation_table, to_csv, to_markdown
from stssa_mm.runs.test_metrics import note_on_tests

WRITERS = {'.md': to_markdown, '.csv': to_csv}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dirs', nargs='*', type=Path, metavar='WORK_DIR',
                        help='work folder of mim train, with mim test in it or below it; those of one config, with '
                        'other seeds, are one row')
    parser.add_argument('--configs', nargs='+', type=Path, default=[], metavar='CONFIG',
                        help='configs that get a row also without a run')
    parser.add_argument('--out', type=Path, metavar='FILE', help='file to write to, .md or .csv')
    args = parser.parse_args()
    if not args.work_dirs + args.configs:
        parser.error('nothing to show: give work folders, --configs or both')
    if args.out and args.out.suffix not in WRITERS:
        parser.error(f'--out {args.out}: expected a name that ends in {" or ".join(WRITERS)}')
    try:
        rows = ablation_table(args.work_dirs, args.configs)
        notes = [note for note in map(note_on_tests, args.work_dirs) if note]
        if args.out:
            with whole_file(args.out) as part:
                part.write_text(WRITERS[args.out.suffix](rows))
    except (OSError, ValueError) as error:
        sys.exit(f'ablation_table.py: {error}')
    for note in notes:
        print(f'note: {note}', file=sys.stderr)
    print(to_markdown(rows), end='')


if __name__ == '__main__':
    main()
