"""Precision-recall curves of an evaluation, as numbers and as a picture."""
from pathlib import Path
from typing import Tuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from stssa_mm.evaluation.average_precision import interpolated
from stssa_mm.evaluation.result import EvaluationResult
from stssa_mm.files.whole_file import whole_file


@rc_context({'text.parse_math': False})  # a $ in a name is one
def write_curves(result: EvaluationResult, path: Path) -> Tuple[Path, Path]:
    """Write the curves of all classes that have annotated boxes and detections.

    Args:
        result (EvaluationResult): Of an evaluation; its first IoU threshold is used.
        path (Path): The csv: id, name, score, recall and precision, a row for each detection by falling score.

    Returns:
        tuple[Path]: The csv, and the picture (png) beside it.
    """
    path = Path(path)
    shown = [k for k in range(len(result.class_ids)) if result.num_gt[k] and result.num_det[k]]
    shown.sort(key=lambda k: -result.ap[0, k])
    tables = []
    figure = Figure(figsize=(9, 5 + max(0, len(shown) - 20) * 0.08))
    axes = figure.subplots()
    colours = matplotlib.colormaps['turbo'](np.linspace(0, 1, len(shown)))
    for k, colour in zip(shown, colours):
        recall, precision, score = result.curve(k)
        tables.append(pd.DataFrame(dict(id=result.class_ids[k], name=result.names[k], score=score, recall=recall,
                                        precision=precision)))
        best = interpolated(precision)
        axes.step([0, *recall], [best[0], *best], where='pre', color=colour, linewidth=1,
                  label=f'{100 * result.ap[0, k]:.1f} {result.names[k][:40]}')
    columns = pd.DataFrame(columns=['id', 'name', 'score', 'recall', 'precision'])
    with whole_file(path) as part:
        (pd.concat(tables) if tables else columns).to_csv(part, index=False)
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel='recall', ylabel='interpolated precision',
             title=f'frame-AP@{result.iou[0]:g} by class (points of 100); mean {100 * result.mean_ap():.1f} (rule '
                   f'{result.rule})')
    if shown:
        axes.legend(loc='center left', bbox_to_anchor=(1, 0.5), fontsize=6, ncols=1 + len(shown) // 41, frameon=False)
    picture = path.with_suffix('.png')
    with whole_file(picture) as part:
        figure.savefig(part, dpi=120, bbox_inches='tight')
    return path, picture
