"""Work folders made by hand."""
import json


def write_log(folder, lines):
    """What MMEngine logs into the folder of one start."""
    (folder / 'vis_data').mkdir(parents=True)
    (folder / 'vis_data' / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))


def write_test(folder, metrics, config):
    """What ``mim test`` leaves in a folder: metrics (dict) and a config (str)."""
    (folder / 'vis_data').mkdir(parents=True)
    (folder / f'{folder.name}.json').write_text(json.dumps(metrics))
    (folder / 'vis_data' / 'config.py').write_text(config)
