"""A trained network for use: its weights, which have to fit, and the names of its classes."""
from collections import Counter
from pathlib import Path
from pickle import UnpicklingError
from typing import Dict, Optional, Tuple

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader
from torch import nn

from stssa_mm.files.label_map import read_label_map
from stssa_mm.registry import MODELS

SHOWN = 3  # layers that an error names


def load_network(cfg: Config, checkpoint: Path, device: str, config: str) -> Tuple[nn.Module, dict]:
    """The network of a config with the weights of a checkpoint.

    Args:
        cfg (Config): The config.
        checkpoint (Path): Its weights: a file or an address. Loaded as data.
        device (str): Where it runs.
        config (str): What errors call the config.

    Returns:
        tuple: The network, for testing, and the checkpoint's ``meta`` (dict).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no weights, or those of another network; says which layers differ. If there is no such
            device.
    """
    for key in ('model.roi_head', 'test_dataloader.dataset'):
        part = cfg
        for name in key.split('.'):
            part = part.get(name) if part is not None else None
        if part is None:
            raise ValueError(f'{config}: no {key} in it: expected the config of a spatio-temporal detector')
    try:
        loaded = CheckpointLoader.load_checkpoint(str(checkpoint), map_location='cpu', logger='silent')
    except (EOFError, RuntimeError, UnpicklingError) as error:
        raise ValueError(f'{checkpoint}: cannot be loaded as weights ({str(error).splitlines()[0]})') from None
    state = loaded.get('state_dict', loaded) if isinstance(loaded, dict) else None
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f'{checkpoint}: no weights in it: expected a checkpoint of MMEngine')
    state = {name.removeprefix('module.'): weight for name, weight in state.items()}
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction')):
        model = MODELS.build(cfg.model)
    differences = _differences(model.state_dict(), state)
    if differences:
        raise ValueError(f'{checkpoint}: not a checkpoint of {config}: {differences}')
    model.load_state_dict(state)
    try:
        return model.to(device).eval(), loaded.get('meta') or {}
    except (AssertionError, RuntimeError) as error:
        raise ValueError(f'device={device!r}: {str(error).splitlines()[0]}') from None


def _differences(own: dict, given: dict) -> str:
    """Which layers differ, in words; '' for none."""
    shapes = [f'{name} is {tuple(given[name].shape)}, expected {tuple(own[name].shape)}'
              for name in own if name in given and own[name].shape != given[name].shape]
    found = []
    for what, names in (('of another size', shapes), ('missing', _layers(own, given)),
                        ('unknown to the model', _layers(given, own))):
        if names:
            more = ', ...' if len(names) > SHOWN else ''
            found.append(f'{len(names)} {what} ({", ".join(names[:SHOWN])}{more})')
    return '; '.join(found) and f'weights {"; ".join(found)}'


def _layers(these: dict, others: dict) -> list:
    return [name for name in these if name not in others]


def dataset_config(cfg: Config) -> dict:
    """The arguments of the test dataset, without wrappers."""
    dataset = cfg.test_dataloader.dataset
    while 'pipeline' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    return dataset


def class_names(cfg: Config, meta: dict, num_scores: int,
                label_map: Optional[Path] = None) -> Dict[int, Tuple[int, str]]:
    """The classes of a network.

    Args:
        cfg (Config): Its config.
        meta (dict): ``dataset_meta`` of its checkpoint, with ``classes`` and ``class_ids``, as training writes it.
        num_scores (int): Scores that the network gives, with that of the background.
        label_map (Path, optional): A pbtxt to take in place of the checkpoint's. Defaults to None.

    Returns:
        dict[int, tuple]: Index of the score to id and name. Without ``label_map`` the names are those of the
        checkpoint, else of the config's label map.

    Raises:
        FileNotFoundError: If the label map is not there.
        ValueError: If names and scores differ in number.
    """
    if label_map is None and meta.get('classes'):
        names, ids = list(map(str, meta['classes'])), meta.get('class_ids')
        ids = list(range(1, len(names) + 1)) if ids is None else [int(label) for label in ids]
        if len(names) != num_scores - 1 or len(ids) != len(names):
            raise ValueError(f"the checkpoint's dataset_meta names {len(names)} classes, and the network has "
                             f'{num_scores - 1}: give the label map')
        return _distinct({index: (label, name) for index, (label, name) in enumerate(zip(ids, names), 1) if name})
    dataset = dataset_config(cfg)
    file = label_map or dataset.get('label_file')
    if not file:
        raise ValueError('neither the checkpoint nor the config names the classes: give the label map')
    if not Path(file).is_file():
        raise FileNotFoundError(f'{file}: no such file: the label map that the config names is not there, and the '
                                'checkpoint has no names of classes: give the label map')
    names, custom = read_label_map(file), dataset.get('custom_classes')
    ids = list(custom) if custom else list(range(1, num_scores))
    wrong = custom and (len(ids) != num_scores - 1 or set(ids) - set(names)) or not custom and max(names) != len(ids)
    if wrong:
        what = f'custom_classes={ids}' if custom else f'ids up to {max(names)}'
        raise ValueError(f'{file}: {what}, and the network has {num_scores - 1} classes: give the label map that it '
                         'was trained with')
    return _distinct({index: (label, names[label]) for index, label in enumerate(ids, 1) if label in names})


def _distinct(classes: Dict[int, Tuple[int, str]]) -> Dict[int, Tuple[int, str]]:
    """The classes; names that several have are followed by the id."""
    times = Counter(name for _, name in classes.values())
    return {index: (label, name if times[name] == 1 else f'{name} ({label})')
            for index, (label, name) in classes.items()}
