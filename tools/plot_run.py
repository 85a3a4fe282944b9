"""Draw the loss curve and the per-class AP of a run, from its work folder."""
import argparse
import sys
from pathlib import Path

from stssa_mm.runs.logs import MEAN
from stssa_mm.runs.result_files import result_of_test
from stssa_mm.runs.test_metrics import newest_test_result, note_on_tests
from stssa_mm.visualization.plots import plot_loss, plot_per_class_ap


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, help='work folder of mim train, with that of mim test below it')
    args = parser.parse_args()
    try:
        metrics, data = newest_test_result(args.work_dir)
        curve = plot_loss(args.work_dir, args.work_dir / 'loss_curve.png')
        bars = plot_per_class_ap(metrics, args.work_dir.resolve().name, args.work_dir / 'per_class_ap.png',
                                 result_of_test(args.work_dir, metrics))
    except (OSError, ValueError) as error:
        sys.exit(f'plot_run.py: {error}')
    if note := note_on_tests(args.work_dir):
        print(f'note: {note}', file=sys.stderr)
    checkpoint = args.work_dir / 'last_checkpoint'
    print(f'frame-mAP@0.5  {metrics[MEAN]:.4f} ({data})')
    if checkpoint.exists():
        print(f'checkpoint     {ascii(checkpoint.read_text(errors="replace").strip())[1:-1]}')
    print(f'loss curve     {curve}\nper-class AP   {bars}')


if __name__ == '__main__':
    main()
