"""Pictures of a finished run, from the files that it left in its work folder."""
import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Union

from matplotlib.figure import Figure
from mmengine.config import Config, ConfigDict

from stssa_mm.evaluation.ava import AVA_GROUPS

MEAN = 'mAP/overall'
NO_CLASS = (MEAN, *(f'mAP/{group}' for group in AVA_GROUPS))


def read_scalars(work_dir: Path) -> List[dict]:
    """Every logged line of a run and of the runs that it resumed, by iteration.

    Args:
        work_dir (Path): The work folder of ``mim train``.

    Returns:
        list[dict]: MMEngine's ``scalars.json`` lines; of iterations logged twice the later.

    Raises:
        FileNotFoundError: If the folder holds no log.
        ValueError: If a line is malformed. One without its end, which a killed run leaves, is not counted.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    lines = {}
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(True), 1):
            if not line.endswith('\n'):
                continue  # a killed run left it half
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise ValueError(f'{file}:{number}: {line!r}: expected json ({error})') from None
            lines[entry.get('step'), 'loss' in entry] = entry
    if not lines:
        raise FileNotFoundError(f'{work_dir}: no */vis_data/scalars.json with log lines: give the work folder of a '
                                'training run')
    return [lines[key] for key in sorted(lines, key=lambda key: key[0])]


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
        twin.plot([line['step'] * per_epoch for line in val], [line[MEAN] for line in val], 'o-', color='C1',
                  label='frame-mAP@0.5')
        twin.set(ylabel='frame-mAP@0.5', ylim=(0, 1))
        twin.legend(loc='center right')
    axes.legend(loc='upper center')
    figure.tight_layout()
    figure.savefig(out, dpi=120)
    return out


class TestResult(NamedTuple):
    """What ``mim test`` left behind.

    Attributes:
        metrics (dict[str, float]): ``mAP/overall`` and ``mAP/<class>``, from 0 to 1.
        data (str): What they rest on, see :func:`basis`.
    """
    metrics: dict
    data: str


def basis(evaluator: Union[ConfigDict, Sequence[ConfigDict]], step: str) -> str:
    """What a figure of an evaluator, or of the AVA evaluator among several, rests on: annotation file, ``step`` (test
    or validation) and rule."""
    if isinstance(evaluator, (list, tuple)):
        evaluator = next(one for one in evaluator if 'ann_file' in one)
    rule = evaluator.get('rule', 'activitynet') if evaluator.type.split('.')[-1] == 'STSSAAVAMetric' else 'mmaction2'
    return f'{evaluator.ann_file}, {step}, rule {rule}'


def test_results(work_dir: Path) -> Dict[Path, dict]:
    """The metrics of every ``mim test`` below a folder by their files ``<time>/<time>.json``, the newest last.

    Raises:
        ValueError: If a file is no json.
    """
    results = {}
    for file in sorted(Path(work_dir).glob('**/*.json'), key=lambda file: (file.stem, file)):
        if file.parent.name != file.stem:
            continue
        try:
            metrics = json.loads(file.read_text())
        except ValueError as error:
            raise ValueError(f'{file}: not json ({error}): delete what a killed test left, and test again') from None
        if MEAN in metrics:
            results[file] = metrics
    return results


def note_on_tests(work_dir: Path) -> str:
    """Which of several tests below a folder :func:`newest_test_result` takes; empty where there is no choice."""
    files = list(test_results(work_dir))
    return '' if len(files) < 2 else (f'{work_dir}: {len(files)} tests, the newest is taken: '
                                      f'{files[-1].parent.relative_to(work_dir)}')


def newest_test_result(work_dir: Path) -> TestResult:
    """The newest ``mim test`` below a folder: ``<time>/<time>.json`` and its config.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If its config is not beside it, or a file is no json.
    """
    results = test_results(work_dir)
    if not results:
        raise FileNotFoundError(f'{work_dir}: no test result below: run `mim test` with --work-dir {work_dir}/test')
    file, metrics = list(results.items())[-1]
    config = file.parent / 'vis_data' / 'config.py'  # not the run's: a test may have other data
    if not config.is_file():
        raise ValueError(f'{config}: no such file: {file} needs it beside it, to say what it was measured on')
    return TestResult(metrics, basis(Config.fromfile(config).test_evaluator, 'test'))


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
    axes.barh(list(classes), list(classes.values()))
    axes.axvline(metrics[MEAN], color='C1')
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel='AP', title=f'{title}: frame-mAP@0.5 {metrics[MEAN]:.3f}')
    figure.tight_layout()
    figure.savefig(out, dpi=120)
    return out
