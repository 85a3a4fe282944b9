"""What MMEngine logs in a work folder."""
from pathlib import Path
from typing import List

from stssa_mm.files.text import parse_json, read_text, shown

MEAN = 'mAP/overall'


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
        for number, line in enumerate(read_text(file).splitlines(True), 1):
            if not line.endswith('\n'):
                continue  # a killed run left it half
            entry = parse_json(line, f'{file}:{number}')
            if not isinstance(entry, dict) or not isinstance(entry.get('step'), (int, float)):
                raise ValueError(f'{file}:{number}: {shown(line)}: expected a json dict with a number "step"')
            lines[entry['step'], 'loss' in entry] = entry
    if not lines:
        raise FileNotFoundError(f'{work_dir}: no */vis_data/scalars.json with log lines: give the work folder of a '
                                'training run')
    return [lines[key] for key in sorted(lines, key=lambda key: key[0])]
