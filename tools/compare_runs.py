"""Compare two runs class by class, as in the paper's Figure 3, and say whether they really differ.

Writes a picture, a CSV and a Markdown table. Differences are the second run minus the first; their intervals come from
a paired bootstrap over videos.
"""
import argparse
import sys
from pathlib import Path

from stssa_mm.evaluation.comparison import compare, run_names
from stssa_mm.evaluation.result import EvaluationResult
from stssa_mm.visualization.comparison import plot_comparison


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('first', type=Path, metavar='A.json', help='result of tools/evaluate.py to compare with')
    parser.add_argument('second', type=Path, metavar='B.json', help='result of the run of interest')
    parser.add_argument('--names', nargs=2, metavar=('A', 'B'), help='what to call them (default: from the paths)')
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder to write to (default: that of A.json)')
    parser.add_argument('--iou', type=float, help='threshold (default: the first of the results)')
    parser.add_argument('--resamples', type=int, default=1000, help='of the bootstrap (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap (default: %(default)s)')
    args = parser.parse_args()
    try:
        names = run_names(args.first, args.second)
        first, second = (EvaluationResult.load(path) for path in (args.first, args.second))
        comparison = compare(first, second, args.names or names, args.resamples, args.seed, args.iou)
        out = args.out or args.first.parent
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        sys.exit(f'compare_runs.py: {error}')
    stem = f'{names[1]}_vs_{names[0]}'
    files = [out / f'{stem}{suffix}' for suffix in ('.png', '.csv', '.md')]
    plot_comparison(comparison, files[0])
    comparison.write_csv(files[1])
    files[2].write_text(comparison.markdown())
    print(f'{comparison.statement()}\n{comparison.counts()}')
    print('written  ' + '\n         '.join(map(str, files)))


if __name__ == '__main__':
    main()
