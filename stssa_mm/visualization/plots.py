"""Pictures of a finished run, from the files that it left in its work folder."""
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from stssa_mm.evaluation.ava import AVA_GROUPS
from stssa_mm.files.whole_file import whole_file
from stssa_mm.runs.logs import MEAN, read_scalars

NO_CLASS = (MEAN, *(f'mAP/{group}' for group in AVA_GROUPS))


@rc_context({'text.parse_math': False})  # a $ in a name is one
def plot_loss(work_dir: Path, out: Path) -> Path:
    """The training loss over the iterations, and the validation mAP where there is one.

    Args:
        work_dir (Path): The work folder of ``mim train``.
        out (Path): The PNG to write.

    Returns:
        Path: ``out``.
    """
    train = [line for line in read_scalars(work_dir) if 'loss' in line]
    val = [line for line in read_scalars(work_dir) if MEAN in line]
    per_epoch = max(line['step'] / line['epoch'] for line in train if line.get('epoch')) if train else 1
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    axes.plot([line['step'] for line in train], [line['loss'] for line in train], label='training loss')
    axes.set(xlabel='iteration', ylabel='loss', ylim=(0, None), title=Path(work_dir).name)
    if val:
        twin = axes.twinx()
        # Validation is logged with the epoch as its step.
        twin.plot([line['step'] * per_epoch for line in val], [100 * line[MEAN] for line in val], 'o-',
                  color='C1', label='frame-mAP@0.5')
        twin.set(ylabel='frame-mAP@0.5 (points of 100)', ylim=(0, 100))
        twin.legend(loc='center right')
    axes.legend(loc='upper center')
    figure.tight_layout()
    with whole_file(out) as part:
        figure.savefig(part, dpi=120)
    return out


@rc_context({'text.parse_math': False})  # a $ in a name is one
def plot_per_class_ap(metrics: dict, title: str, out: Path) -> Path:
    """One bar a class.

    Args:
        metrics (dict[str, float]): ``mAP/overall`` and ``mAP/<class>``, from 0 to 1.
        title (str): Of the picture.
        out (Path): The PNG to write.

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
    figure = Figure(figsize=(7, 1.2 + 0.25 * len(classes)))
    axes = figure.subplots()
    axes.barh(list(classes), [100 * ap for ap in classes.values()])
    axes.axvline(100 * metrics[MEAN], color='C1')
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel='AP (points of 100)', title=f'{title}: frame-mAP@0.5 {100 * metrics[MEAN]:.1f}')
    figure.tight_layout()
    with whole_file(out) as part:
        figure.savefig(part, dpi=120)
    return out
