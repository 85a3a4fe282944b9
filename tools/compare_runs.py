"""Compare two runs, or two sides of several seeds each, class by class, as in the paper's Figure 3, and say whether
they really differ.

    python tools/compare_runs.py work_dirs/no-attention work_dirs/attention
    python tools/compare_runs.py --first work_dirs/no-attention_seed* --second work_dirs/attention_seed*

A run is a result file of `mim test` or tools/evaluate.py, or a work folder with results below it, of which the newest
is taken. Writes a picture, a CSV and a Markdown table. Differences are the second side minus the first; their
intervals come from a paired bootstrap over videos and, where a side has several seeds, over its seeds.
"""
import argparse
import sys
from pathlib import Path

from stssa_mm.evaluation.comparison import compare
from stssa_mm.evaluation.result import EvaluationResult
from stssa_mm.files.whole_file import whole_file
from stssa_mm.runs.result_files import find_result, run_names
from stssa_mm.visualization.comparison import plot_comparison


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', type=Path, nargs='*', metavar='RUN',
                        help='the run to compare with and the run of interest: result files or work folders')
    parser.add_argument('--first', type=Path, nargs='+', default=[], metavar='A',
                        help='runs to compare with, a seed each')
    parser.add_argument('--second', type=Path, nargs='+', default=[], metavar='B', help='runs of interest, a seed each')
    parser.add_argument('--names', nargs=2, metavar=('A', 'B'), help='what to call them (default: from the paths)')
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder to write to (default: that of the first run)')
    parser.add_argument('--iou', type=float, help='threshold (default: the first of the results)')
    parser.add_argument('--resamples', type=int, default=1000, help='of the bootstrap (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap (default: %(default)s)')
    args = parser.parse_args()
    sides = args.first, args.second
    if args.runs and not any(sides) and len(args.runs) == 2:
        sides = args.runs[:1], args.runs[1:]
    elif args.runs or not all(sides):
        parser.error('expected two runs, or --first and --second with one or more runs each')
    try:
        names = run_names(*sides)
        found = [[find_result(path) for path in side] for side in sides]
        run_names(*[[file for file, _ in side] for side in found])  # a folder and the file below it are one run
        first, second = ([EvaluationResult.load(file) for file, _ in side] for side in found)
        comparison = compare(first, second, args.names or names, args.resamples, args.seed, args.iou)
        out = args.out or (sides[0][0] if sides[0][0].is_dir() else sides[0][0].parent)
        out.mkdir(parents=True, exist_ok=True)
        files = [out / f'{names[1]}_vs_{names[0]}{suffix}' for suffix in ('.png', '.csv', '.md')]
        plot_comparison(comparison, files[0])
        comparison.write_csv(files[1])
        with whole_file(files[2]) as part:
            part.write_text(comparison.markdown())
    except (OSError, ValueError) as error:
        sys.exit(f'compare_runs.py: {error}')
    for note in (note for side in found for _, note in side if note):
        print(f'note: {note}')
    print(f'{comparison.statement()}\n{comparison.counts()}')
    print('written  ' + '\n         '.join(map(str, files)))


if __name__ == '__main__':
    main()
