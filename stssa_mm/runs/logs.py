"""What MMEngine logs in a work folder."""
import json
from pathlib import Path
from typing import List

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
