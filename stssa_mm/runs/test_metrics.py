"""The metrics of ``mim test`` in a work folder."""
import json
from pathlib import Path
from typing import NamedTuple, Sequence, Tuple, Union

from mmengine.config import Config, ConfigDict

from .logs import MEAN
from .result_files import newest_of


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


def _newest_test(work_dir: Path) -> Tuple[Path, dict, str]:
    """Log folder and metrics of the newest ``mim test`` below a folder, and a note where there are several."""
    results = {}
    for file in Path(work_dir).glob('**/*.json'):
        if file.parent.name != file.stem:
            continue
        try:
            metrics = json.loads(file.read_text())
        except (RecursionError, ValueError) as error:
            raise ValueError(f'{file}: not json ({error}): delete what a killed test left, and test again') from None
        if isinstance(metrics, dict) and MEAN in metrics:
            results[file.parent] = metrics
    if not results:
        raise FileNotFoundError(f'{work_dir}: no test result below: run `mim test` with --work-dir {work_dir}/test')
    folder, note = newest_of(list(results), Path(work_dir), 'tests')
    return folder, results[folder], note


def note_on_tests(work_dir: Path) -> str:
    """Which of several tests below a folder :func:`newest_test_result` takes; empty where there is no choice."""
    try:
        return _newest_test(work_dir)[2]
    except FileNotFoundError:
        return ''


def newest_test_result(work_dir: Path) -> TestResult:
    """The newest ``mim test`` below a folder: ``<time>/<time>.json`` and its config.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If the two newest are equally old, a file is no json, or the newest's config is not beside it.
    """
    folder, metrics, _ = _newest_test(work_dir)
    config = folder / 'vis_data' / 'config.py'  # not the run's: a test may have other data
    if not config.is_file():
        raise ValueError(f'{config}: no such file: {folder} needs it, to say what it was measured on')
    return TestResult(metrics, basis(Config.fromfile(config).test_evaluator, 'test'))
