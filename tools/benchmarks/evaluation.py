"""Compare the package's frame-mAP with MMAction2's `ava_eval`, end to end on files, in one run.

Detections are made for a ground truth: every annotated box moved a little, with a score for each class that the ground
truth has. Without a ground truth, one of AVA v2.1 val's size in pose classes is made. Each side reads the files and
computes its mAP in a process of its own; ours by MMAction2's rule. Seconds leave out the imports and are medians;
memory is the peak over all processes of a side, above what it took after the imports. The last line printed is JSON.
"""
import argparse
import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
from harness import at_least, finish, in_a_process, in_turn, machine, measured, measured_memory, medians

from stssa_mm.evaluation.ava import evaluate_files  # before mmaction, which it makes importable
from stssa_mm.files.annotations import Row, read_annotations, write_annotations
from stssa_mm.files.label_map import write_label_map

from mmaction.evaluation import ava_eval  # isort: skip

SIDES = ('ours', 'mmaction2')


def make_ground_truth(folder, seed):
    """Write a ground truth of random boxes and its label map; gives their paths."""
    rng = np.random.default_rng(seed)
    ground_truth, label_map = folder / 'ground_truth.csv', folder / 'labels.pbtxt'
    write_label_map(label_map, [f'class {number}' for number in range(1, 15)])
    rows = []
    for video in range(64):
        for timestamp in sorted(rng.choice(np.arange(902, 1799), 782, replace=False)):
            for person in range(rng.integers(1, 4)):
                low = rng.uniform(0, 0.6, 2)
                box = [*low, *(low + rng.uniform(0.1, 0.4, 2))]
                rows.append(Row(f'video_{video:02}', timestamp, *box, rng.integers(1, 15), person))
    write_annotations(ground_truth, rows)
    return ground_truth, label_map


def make_detections(ground_truth, out, seed):
    """Write detections for a ground-truth csv; gives the number of rows."""
    rows = read_annotations(ground_truth)
    rng = np.random.default_rng(seed)
    classes = np.unique(rows.label)
    # A person has a row for each label: detect each box once.
    people, index, inverse = np.unique(
        np.column_stack([rows.video, rows.timestamp, rows.box]), axis=0, return_index=True, return_inverse=True)
    low, high = people[:, 2:4], people[:, 4:]
    size = np.tile(high - low, 2)
    box = np.clip(people[:, 2:] + size * rng.normal(0, 0.08, size.shape), 0, 1)
    fine = (box[:, 2:] - box[:, :2] > 0.002).all(1)
    scores = rng.beta(0.5, 3, (len(people), len(classes)))
    right = np.zeros(scores.shape, bool)
    right[inverse.ravel(), np.searchsorted(classes, rows.label)] = True
    scores[right] = rng.beta(2, 2, right.sum())
    count = 0
    with open(out, 'w') as file:
        for person in np.flatnonzero(fine):
            start = f'{rows.videos[int(people[person, 0])]},{int(people[person, 1])},' + ','.join(
                f'{value:.4f}' for value in box[person])
            for label, score in zip(classes, scores[person]):
                file.write(f'{start},{label},{score:.6f}\n')
                count += 1
    return count


def evaluate(side, ground_truth, detections, label_map, exclude):
    """mAP of one side by MMAction2's rule."""
    if side == 'ours':
        return evaluate_files(ground_truth, detections, label_map, exclude, rule='mmaction2')[0].mean_ap()
    with contextlib.redirect_stdout(io.StringIO()):
        return float(ava_eval(str(detections), 'mAP', str(label_map), str(ground_truth),
                              str(exclude) if exclude else None)['overall'])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ground-truth', type=Path, help='csv in AVA\'s form (default: made)')
    parser.add_argument('--label-map', type=Path, help='pbtxt, with --ground-truth')
    parser.add_argument('--exclude', type=Path, help='csv of excluded key frames')
    parser.add_argument('--detections', type=Path, help='csv to evaluate (default: made from the ground truth)')
    parser.add_argument('--seed', type=int, default=0, help='of the detections that are made (default: 0)')
    parser.add_argument('--repeats', type=at_least(1), default=3, help='timed runs of each side (default: 3)')
    args = parser.parse_args()
    if bool(args.ground_truth) != bool(args.label_map):
        parser.error('give --ground-truth and --label-map together')
    with tempfile.TemporaryDirectory() as folder:
        if not args.ground_truth:
            args.ground_truth, args.label_map = make_ground_truth(Path(folder), args.seed)
        if not args.detections:
            args.detections = Path(folder, 'detections.csv')
            count = make_detections(args.ground_truth, args.detections, args.seed)
            print(f'made {count:,} detections for {args.ground_truth.name}')
        print(f'{machine("numpy")}; {args.repeats} runs of each side in turn', flush=True)
        files = args.ground_truth, args.detections, args.label_map, args.exclude
        found = in_turn(SIDES, args.repeats, lambda side: in_a_process(measured, evaluate, side, *files))
        memory = {side: in_a_process(measured_memory, evaluate, side, *files)['peak_mb'] for side in SIDES}
    seconds = medians(found, 's')
    for side in SIDES:
        print(f'{side:10}{seconds[side]:8.2f} s {memory[side]:8.0f} MiB   mAP {found[side][0]["value"]:.6f}')
    finish({
        'speedup': seconds['mmaction2'] / seconds['ours'],
        **{f'{side}_s': seconds[side] for side in SIDES},
        **{f'{side}_mb': memory[side] for side in SIDES},
        'map_difference': found['ours'][0]['value'] - found['mmaction2'][0]['value'],
    })


if __name__ == '__main__':
    main()
