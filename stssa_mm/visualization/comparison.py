"""The picture of two sides compared, as the paper's Figure 3."""
import textwrap
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from stssa_mm.evaluation.comparison import LEVEL, Comparison
from stssa_mm.files.whole_file import whole_file

FIRST, SECOND, BETTER, WORSE = '#b0b0b0', '#4878b0', '#2a7f62', '#c8553d'


@rc_context({'text.parse_math': False})  # a $ in a name is one
def plot_comparison(comparison: Comparison, out: Path) -> Path:
    """Bars of both sides' AP and of their difference, a line a class, the class with most boxes on top.

    Of a side with several seeds the bars are means, with their standard deviation.

    Args:
        comparison (Comparison): Of the two sides.
        out (Path): The PNG to write.

    Returns:
        Path: ``out``.
    """
    count = len(comparison.classes)
    rows = np.arange(count)
    figure = Figure(figsize=(12, 2.4 + 0.24 * count), layout='constrained')
    left, right = figure.subplots(1, 2, sharey=True)
    for row, (name, color) in enumerate(zip(comparison.names, (FIRST, SECOND))):
        mean = 100 * comparison.mean_ap[row]
        spread = 100 * comparison.ap_spread[row] if comparison.seeds[row] > 1 else None
        left.barh(rows + 0.4 * row - 0.2, 100 * comparison.ap[row], 0.4, color=color, xerr=spread,
                  error_kw=dict(linewidth=0.8), label=f'{name}: mAP {comparison.mean_of(row)}')
        left.axvline(mean, color=color, linestyle='--', linewidth=1)
    left.set(xlim=(0, 100), xlabel=f'AP at IoU {comparison.iou:g} (points of 100)', ylim=(count - 0.4, -0.6),
             title='AP of each category')
    left.set_yticks(rows, [f'{name} ({boxes})' for name, boxes in zip(comparison.classes, comparison.num_gt)],
                    fontsize=8)
    left.set_ylabel('category (annotated boxes)')

    difference, (low, high) = 100 * comparison.difference, 100 * comparison.interval.T
    handles = []
    for word, color, chosen in (('better', BETTER, difference > 0), ('worse', WORSE, difference < 0)):
        for real, alpha, suffix in ((True, 1.0, f'at {LEVEL} %'), (False, 0.4, 'within chance')):
            part = chosen & (comparison.real == real)
            right.barh(rows[part], difference[part], 0.7, color=color, alpha=alpha)
            handles.append(Patch(color=color, alpha=alpha, label=f'{word}, {suffix}: {part.sum()}'))
    handles.append(right.hlines(rows, low, high, color='black', linewidth=0.8, label=f'{LEVEL} % interval'))
    right.axvline(0, color='black', linewidth=0.8)
    mean = 100 * (comparison.mean_ap[1] - comparison.mean_ap[0])
    right.set(xlabel=f'AP of {comparison.names[1]} minus AP of {comparison.names[0]} (points of 100)',
              title=f'Difference, on average {mean:+.1f}')
    for axes, items in ((left, left.get_legend_handles_labels()[0]), (right, handles)):
        axes.grid(axis='x', linewidth=0.4)
        axes.set_axisbelow(True)
        axes.spines[['top', 'right']].set_visible(False)
        axes.legend(handles=items, fontsize=8, ncols=3, frameon=False, loc='upper center',
                    bbox_to_anchor=(0.5, -0.5 / (0.24 * count + 0.5)))
    lines = (f'{comparison.statement()}.', f'{comparison.counts()}.')
    figure.suptitle('\n'.join(textwrap.fill(line, 170) for line in lines), fontsize=9.5)
    with whole_file(out) as part:
        figure.savefig(part, dpi=120)
    return out
