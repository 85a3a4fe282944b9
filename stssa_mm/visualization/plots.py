"""Pictures of a finished run, from the files that it left in its work folder."""
from pathlib import Path
from typing import Optional

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stssa_mm.evaluation.ava import AVA_GROUPS
from stssa_mm.evaluation.result import EvaluationResult
from stssa_mm.files.whole_file import whole_file
from stssa_mm.runs.logs import MEAN, read_scalars

NO_CLASS = (MEAN, *(f'mAP/{group}' for group in AVA_GROUPS))


@rc_context({'text.parse_math': False})  # a $ in a name is one
def plot_loss(work_dir: Path, out: Path) -> Path:
    """The training loss over the epochs with the validation mAP, where there is one, and the learning rate below.

    Args:
        work_dir (Path): The work folder of ``mim train``.
        out (Path): The PNG to write.

    Returns:
        Path: ``out``.
    """
    lines = read_scalars(work_dir)
    train = [line for line in lines if 'loss' in line]
    val = [line for line in lines if MEAN in line]
    per_epoch = max((line['step'] / line['epoch'] for line in train if line.get('epoch')), default=1)
    epochs = [line['step'] / per_epoch for line in train]
    rates = [(epoch, line['lr']) for epoch, line in zip(epochs, train) if 'lr' in line]
    figure = Figure(figsize=(7, 4.4), layout='constrained')
    axes, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    drawn = axes.plot(epochs, [line['loss'] for line in train], color='C0', linewidth=1.2, label='training loss')
    axes.set(ylabel='loss', ylim=(0, None))
    axes.set_title(Path(work_dir).resolve().name, loc='left', fontsize=10)
    axes.grid(alpha=0.25)
    if val:
        twin = axes.twinx()
        # Validation is logged with the epoch as its step.
        best = max(val, key=lambda line: line[MEAN])
        drawn += twin.plot([line['step'] for line in val], [100 * line[MEAN] for line in val], 'o-', color='C1',
                           markersize=4,
                           label=f'validation frame-mAP@0.5 (best {100 * best[MEAN]:.1f}, epoch {best["step"]})')
        twin.set(ylabel='frame-mAP@0.5 (points of 100)', ylim=(0, 100))
    figure.legend(handles=drawn, loc='outside upper right', ncols=2, fontsize=8, frameon=False)
    below.plot(*zip(*rates) if rates else ([], []), color='C2', linewidth=1)
    below.set(xlabel='epoch', ylabel='learning rate', xlim=(0, None), ylim=(0, None))
    below.ticklabel_format(axis='y', style='sci', scilimits=(0, 0))
    below.grid(alpha=0.25)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    with whole_file(out) as part:
        figure.savefig(part, dpi=120)
    return out


@rc_context({'text.parse_math': False})  # a $ in a name is one
def plot_per_class_ap(metrics: dict, title: str, out: Path, result: Optional[EvaluationResult] = None) -> Path:
    """One bar a class with its value, and lines for their mean and, where it is known, what random scores reach.

    Args:
        metrics (dict[str, float]): ``mAP/overall`` and ``mAP/<class>``, from 0 to 1.
        title (str): Of the picture.
        out (Path): The PNG to write.
        result (EvaluationResult, optional): Of the same test: counts and chance. Defaults to None: without them.

    Returns:
        Path: ``out``.

    Raises:
        ValueError: If there is no class in them.
    """
    classes = {key.split('/', 1)[1]: value for key, value in metrics.items() if key.startswith('mAP/')
               and key not in NO_CLASS and not key.startswith(f'{MEAN}@')}
    if not classes:
        raise ValueError('the test has no AP of single classes: repeat it with --cfg-options '
                         'test_evaluator.per_class=True')
    counts = {} if result is None else dict(zip(result.names, result.num_gt.tolist()))
    figure = Figure(figsize=(7, 1.5 + 0.27 * len(classes)), layout='constrained')
    axes = figure.subplots()
    names = [f'{name} ({counts[name]})' if name in counts else name for name in classes]
    bars = axes.barh(names, [100 * ap for ap in classes.values()], color='C0', height=0.7)
    axes.bar_label(bars, [f'{100 * ap:.1f}' for ap in classes.values()], padding=3, fontsize=8,
                   bbox=dict(facecolor='white', edgecolor='none', pad=0.6))
    lines = [axes.axvline(100 * metrics[MEAN], color='C1', label=f'mean of the classes {100 * metrics[MEAN]:.1f}')]
    if result is not None and result.chance is not None:
        lines.append(axes.axvline(100 * result.chance, color='0.35', linestyle='--',
                                  label=f'mean that random scores reach {100 * result.chance:.1f}'))
    axes.invert_yaxis()
    axes.margins(y=0.02)
    axes.spines[['top', 'right']].set_visible(False)
    axes.set(xlim=(0, 108), xticks=range(0, 101, 20),
             xlabel='AP at IoU 0.5, points of 100' + (' (in brackets: annotated boxes)' if counts else ''))
    axes.set_title(title, loc='left', fontsize=10)
    figure.legend(handles=lines, loc='outside upper right', ncols=2, fontsize=8, frameon=False)
    with whole_file(out) as part:
        figure.savefig(part, dpi=120)
    return out
