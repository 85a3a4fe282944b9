"""The paper's Table 2 for the user's own runs, from the configs and results in their work folders."""
import csv
import io
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.config import Config, ConfigDict

from stssa_mm.models.complexity import model_complexity
from stssa_mm.models.layers.attention import ALL_BRANCHES

from .logs import MEAN, read_scalars
from .test_metrics import basis, newest_test_result

COLUMNS = ('config', 'SSFA', 'TSFA', 'pooling', 'layers', 'dims', 'LayerNorm', 'parameters (M)', 'GMAC a RoI',
           'trunk GMAC a clip', 'mAP', 'std', 'seeds', 'data', 'paper, AVA v2.1')
NOT_RUN = 'N/A'

# Table 2 of the paper: what a config of this name has to have, and mAP.
PAPER = {
    'stssa_ava_row1_tsfa-gap-1x512': (('-', 'yes', 'GAP', 1, 512, '-'), 18.5),
    'stssa_ava_row2_tsfa-gmp-1x512': (('-', 'yes', 'GMP', 1, 512, '-'), 19.2),
    'stssa_ava_row3_ssfa-gmp-1x512': (('yes', '-', 'GMP', 1, 512, '-'), 20.8),
    'stssa_ava_row4_both-gap-1x2048': (('yes', 'yes', 'GAP', 1, 2048, '-'), 21.3),
    'stssa_ava_row5_both-gap-2x2048': (('yes', 'yes', 'GAP', 2, 2048, '-'), 21.7),
    'stssa_ava': (('yes', 'yes', 'GAP', 2, 2048, 'yes'), 23.0),
}


class Run(NamedTuple):
    """A training run.

    Attributes:
        folder (Path): Its work folder.
        name (str): Its config's.
        config (Config): As the run left it.
        seed (int): None where neither config nor log says it.
        mean_ap (float): From 0 to 1, of the newest test, or else of the last validation; None if there is none.
        data (str): The annotation file that the figure rests on, what of the two it is, and by which rule.
    """
    folder: Path
    name: str
    config: Config
    seed: Optional[int]
    mean_ap: Optional[float]
    data: str


def read_run(work_dir: Path) -> Run:
    """Read a work folder as ``mim train`` and ``mim test`` leave it, the test in it or below it.

    Raises:
        FileNotFoundError: If it holds no config.
        ValueError: If it holds more than one.
    """
    work_dir = Path(work_dir)
    files = sorted(work_dir.glob('*.py'))
    if not files:
        raise FileNotFoundError(f'{work_dir}: no config in it: give a work folder of mim train')
    if len(files) > 1:
        raise ValueError(f'{work_dir}: configs of several runs ({", ".join(file.name for file in files)}): train each '
                         'in a work folder of its own')
    config = Config.fromfile(files[0])
    mean_ap, data = _figure(work_dir, config)
    return Run(work_dir, files[0].stem, config, _seed(work_dir, config), mean_ap, data)


def _figure(work_dir: Path, config: Config) -> Tuple[Optional[float], str]:
    try:
        tested = newest_test_result(work_dir)
    except FileNotFoundError:
        pass
    else:
        return tested.metrics[MEAN], tested.data
    try:
        validations = [line[MEAN] for line in read_scalars(work_dir) if MEAN in line]
    except FileNotFoundError:
        validations = []
    return (validations[-1], basis(config.val_evaluator, 'validation')) if validations else (None, '')


def _seed(work_dir: Path, config: Config) -> Optional[int]:
    """The config's or, where it left the choice to MMEngine, that of the first training's log (a test has its own)."""
    seed = (config.get('randomness') or {}).get('seed')
    for log in sorted(work_dir.glob('*/*.log')) if seed is None else ():
        if not log.with_name('vis_data').joinpath('scalars.json').is_file():
            continue
        found = re.search(r'^    seed: (\d+)$', log.read_text(), re.M)
        if found:
            return int(found[1])
    return seed


def _branches(module: Optional[ConfigDict], kind: str) -> str:
    """'yes', 'slow', 'fast' or '-'."""
    on = [name.split('_')[1] for name in (module.get('branches', ALL_BRANCHES) if module else ())
          if name.startswith(kind)]
    return {0: '-', 1: ''.join(on), 2: 'yes'}[len(on)]


def knobs(model: ConfigDict) -> tuple:
    """Table 2's SSFA, TSFA, pooling, layers, dims and LayerNorm of a model."""
    module, head = model.roi_head.get('shared_head'), model.roi_head.bbox_head
    types = head.get('temporal_pool_type', 'avg'), head.get('spatial_pool_type', 'max')
    pooling = head.get('pooling') or {('avg', 'avg'): 'GAP', ('max', 'max'): 'GMP'}.get(types, '/'.join(types))
    both = _branches(module, 'spatial'), _branches(module, 'temporal'), pooling
    if not module:
        return (*both, '-', '-', '-')
    return (*both, module.get('layers', 2), module.get('dims', 2048), 'yes' if module.get('norm', True) else '-')


def clip_of(config: Config) -> Tuple[int, int, int]:
    """Frames, height and width of a training clip; 256 pixels where no transform sets the size."""
    pipeline = config.train_dataloader.dataset.pipeline
    frames = next(transform.clip_len for transform in pipeline if 'clip_len' in transform)
    sizes = [transform.size for transform in pipeline if isinstance(transform.get('size'), int)]
    size = sizes[-1] if sizes else 256
    return frames, size, size


def ablation_table(work_dirs: Sequence[Path], configs: Sequence[Path] = ()) -> List[Dict[str, str]]:
    """A row for each config: its knobs, its cost, and mean and standard deviation of mAP over its runs.

    Args:
        work_dirs (Sequence[Path]): Work folders of ``mim train``. Those with the same config's name are runs of it.
        configs (Sequence[Path]): Config files that get a row, in this order and before the others, also without a run.
            Defaults to none.

    Returns:
        list[dict]: Text by column, see ``COLUMNS``. mAP is in points of 100, as in the paper; the standard deviation
        is that of a sample.

    Raises:
        FileNotFoundError: If a folder or file is not there.
        ValueError: If runs of one name have different models, data or the same seed.
    """
    runs: Dict[str, List[Run]] = {Path(path).stem: [] for path in configs}
    listed = {Path(path).stem: Config.fromfile(path) for path in configs}
    for work_dir in work_dirs:
        run = read_run(work_dir)
        for other in runs.setdefault(run.name, []):
            _check_pair(other, run)
        runs[run.name].append(run)
    costs: dict = {}
    rows = []
    for name, group in runs.items():
        config = group[0].config if group else listed[name]
        clip = clip_of(config)
        key = repr((config.model.backbone, config.model.roi_head.get('shared_head'),
                    config.model.roi_head.bbox_roi_extractor, clip))
        if key not in costs:
            costs[key] = model_complexity(config.model, clip)
        rows.append(_row(name, config, group, costs[key], clip))
    return rows


def _check_pair(one: Run, other: Run) -> None:
    for what, first, second in (('model', one.config.model, other.config.model), ('data', one.data, other.data)):
        if first != second and not (what == 'data' and None in (one.mean_ap, other.mean_ap)):
            shown = f' ({first}; {second})' if what == 'data' else ''
            raise ValueError(f'{one.folder} and {other.folder}: both are runs of {one.name}, but their {what} differs'
                             f'{shown}: give the variant a config of its own name')
    if one.seed is not None and one.seed == other.seed:
        raise ValueError(f'{one.folder} and {other.folder}: both are runs of {one.name} with seed {one.seed}: '
                         'a deviation over seeds needs different ones')


def _row(name: str, config: Config, group: Sequence[Run], cost, clip: tuple) -> Dict[str, str]:
    done = [run for run in group if run.mean_ap is not None]
    values = [100 * run.mean_ap for run in done]
    setting = knobs(config.model)
    wanted, paper = PAPER.get(name, (None, None))
    cells = (name, *setting, f'{cost.parameters / 1e6:.1f}', f'{cost.roi_macs / 1e9:.2f}',
             f'{cost.trunk_macs / 1e9:.1f} ({" x ".join(map(str, clip))})',
             f'{np.mean(values):.1f}' if values else NOT_RUN,
             f'{np.std(values, ddof=1):.1f}' if len(values) > 1 else '',
             ' '.join('?' if run.seed is None else str(run.seed) for run in done),
             done[0].data if done else '', f'{paper}' if wanted == setting else '')
    return dict(zip(COLUMNS, map(str, cells)))


def to_markdown(rows: Sequence[Dict[str, str]]) -> str:
    """The rows as a Markdown table."""
    lines = [COLUMNS, ['---'] * len(COLUMNS), *([row[column] for column in COLUMNS] for row in rows)]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def to_csv(rows: Sequence[Dict[str, str]]) -> str:
    """The rows as CSV."""
    file = io.StringIO(newline='')
    writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
