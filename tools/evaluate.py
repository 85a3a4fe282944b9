"""Frame-mAP, and video-mAP, of a csv of detections against a ground truth, both in AVA's form.

Beside the mAP stands what random scores of the same boxes reach, the mean of 5 draws, always the same ones.
The last column of a detection is its score. What is unusual about the files and accepted is said; a malformed row is an
error that names file and line.

Video-mAP links the detections box by box into tubes (greedy and online, as Singh et al., ICCV 2017; not the tubelet
linking of ACT), keeps them all and takes the area under the interpolated precision. What ACT does after its linking:
    python tools/evaluate.py --ground-truth G.csv --detections D.csv --label-map L.pbtxt \\
        --tubes 1 --tube-min-length 15 --tube-nms 0.3 --tube-ap trapezoid
"""
import argparse
import sys
from pathlib import Path

from stssa_mm.evaluation.ava import evaluate_files, group_means, video_map_of_files
from stssa_mm.evaluation.ava_metric import result_line, result_table
from stssa_mm.evaluation.best_f1 import best_f1
from stssa_mm.evaluation.frame_map import RULES
from stssa_mm.evaluation.video_map import AP_FORMS
from stssa_mm.files.thresholds import write_thresholds
from stssa_mm.files.whole_file import check_outputs
from stssa_mm.visualization.curves import write_curves


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ground-truth', type=Path, required=True,
                        help='csv: video,timestamp,x1,y1,x2,y2,class[,person]')
    parser.add_argument('--detections', type=Path, required=True, help='csv: video,timestamp,x1,y1,x2,y2,class,score')
    parser.add_argument('--label-map', type=Path, required=True, help='pbtxt; its classes are those evaluated')
    parser.add_argument('--exclude', type=Path, help='csv of excluded key frames: video,timestamp')
    parser.add_argument('--rule', choices=RULES, default=RULES[0], help='default: %(default)s')
    parser.add_argument('--iou', type=float, nargs='+', default=[0.5], help='thresholds (default: 0.5)')
    parser.add_argument('--out', type=Path, metavar='R.json',
                        help='write mAP (with --tubes also video-mAP) and the AP of each class, and the matches '
                        'beside it, for tools/compare_runs.py')
    parser.add_argument('--curves', type=Path, metavar='C.csv',
                        help='write the precision-recall curves, and a picture of them beside it (png)')
    parser.add_argument('--thresholds', type=Path, metavar='T.json',
                        help='write for each class the score of the best F1 at the first IoU, for tools/predict.py: '
                        'take validation data, no test data')
    parser.add_argument('--tubes', type=int, metavar='STEP',
                        help='also give video-mAP over linked tubes; STEP: from one key frame to the next (JHMDB: 1)')
    parser.add_argument('--tube-min-length', type=int, metavar='N',
                        help='key frames that a tube has at least (default: 1; ACT: 15)')
    parser.add_argument('--tube-nms', type=float, metavar='IOU',
                        help='of tubes that overlap more than this in space and time only the best stays (default: all '
                        'stay; ACT: 0.3)')
    parser.add_argument('--tube-ap', choices=AP_FORMS,
                        help='area under the interpolated precision (default), under straight lines between the points '
                        'of the curve (trapezoid: ACT), or 11 points of the interpolated precision (VOC 2007)')
    args = parser.parse_args()
    given = dict(min_length=args.tube_min_length, nms=args.tube_nms, ap_form=args.tube_ap)
    given = {key: value for key, value in given.items() if value is not None}
    if given and args.tubes is None:
        parser.error('--tube-min-length, --tube-nms and --tube-ap are options of --tubes STEP: give it too')
    options = dict(dict(step=args.tubes, min_length=1, nms=None, ap_form='area'), **given)
    if args.tubes is not None and args.tubes < 1:
        parser.error(f'--tubes {args.tubes}: expected 1 or more')
    for option, suffix in (('out', '.json'), ('curves', '.csv'), ('thresholds', '.json')):
        path = getattr(args, option)
        if path and path.suffix != suffix:
            parser.error(f'--{option} {path}: expected a name that ends in {suffix}')
    written = [path and path.with_suffix(suffix) for path, suffixes in (
        (args.out, ('.json', '.matches.npz')), (args.curves, ('.csv', '.png')), (args.thresholds, ('.json', )))
        for suffix in suffixes]
    try:
        check_outputs(written, [args.ground_truth, args.detections, args.label_map, args.exclude])
        result, notes = evaluate_files(args.ground_truth, args.detections, args.label_map, args.exclude, args.iou,
                                       args.rule, chance=True)
        tubes = args.tubes and video_map_of_files(args.ground_truth, args.detections, args.label_map, **options)
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')
    for note in notes:
        print(f'note: {note}')
    print(result_table(result))
    counted = sorted((row['ap'], row['name']) for row in result.summary()['per_class'] if row['ap'] is not None)
    for what, rows in (('worst', counted[:5]), ('best', counted[:-6:-1])):
        print(f'{what}: ' + ', '.join(f'{name} {ap:.4f}' for ap, name in rows))
    for group, ap in group_means(result).items():
        print(f'{group}: {ap:.4f}')
    print(result_line(result))
    if tubes:
        print(', '.join(f'{name}: {value:.4f}' for name, value in tubes.summary().items())
              + f' ({len(tubes.labels)} classes count; tubes of {options["min_length"]} or more key frames, '
              + ('all' if options['nms'] is None else f'NMS {options["nms"]:g}') + f', AP {options["ap_form"]})')
    try:
        if args.out:
            result.save(args.out, **(dict(tubes.summary(), tubes=options) if tubes else {}))
            print(f'written: {args.out}')
        if args.thresholds:
            rows = best_f1(result)
            write_thresholds(args.thresholds, rows, criterion='best F1', iou=args.iou[0],
                             detections=str(args.detections))
            without = sum(row['threshold'] is None for row in rows)
            print(f'written: {args.thresholds}'
                  + (f' ({without} classes without a right detection have no threshold)' if without else ''))
        if args.curves:
            print(f'written: {", ".join(map(str, write_curves(result, args.curves)))}')
    except OSError as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
