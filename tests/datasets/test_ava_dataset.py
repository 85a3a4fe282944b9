import numpy as np
import pytest
import torch

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.registry import DATASETS


def dataset(toy, **kwargs):
    annotations = toy / 'annotations'
    options = dict(
        ann_file=str(annotations / 'train.csv'),
        exclude_file=str(annotations / 'train_excluded_timestamps.csv'),
        label_file=str(annotations / 'action_list.pbtxt'),
        proposal_file=str(annotations / 'train_proposals.pkl'),
        data_prefix=dict(img=str(toy / 'videos')),
        num_classes=9, use_frames=False, start_index=0, fps=10, timestamp_start=900, pipeline=[])
    return STSSAAVADataset(**{**options, **kwargs})


class Draw:
    """A transform that gives random numbers."""

    def __call__(self, results):
        return np.random.rand()


def test_is_found_by_its_bare_name():
    assert DATASETS.get('STSSAAVADataset') is STSSAAVADataset


def test_videos_are_found_by_id_and_suffix(toy):
    from pathlib import Path
    files = {sample['filename'] for sample in map(dataset(toy).get_data_info, range(5))}
    assert files and all(Path(file).is_file() for file in files)


@pytest.mark.parametrize('key', ['ann_file', 'exclude_file', 'label_file', 'proposal_file'])
def test_a_missing_file_is_named_with_its_key(toy, key):
    message = rf"^dataset\.{key}='/nowhere/x': no such file[^\n]*data/README\.md[^\n]*$"
    with pytest.raises(FileNotFoundError, match=message):
        dataset(toy, **{key: '/nowhere/x'})


def test_a_samples_random_numbers_depend_on_seed_epoch_and_index_alone(toy):
    first, second = dataset(toy, pipeline=[Draw()]), dataset(toy, pipeline=[Draw()])
    for data in (first, second):
        data.seed_samples(seed=1, epoch=2)
    forwards = [first[i] for i in range(5)]
    assert forwards == [second[i] for i in reversed(range(5))][::-1]
    assert len(set(forwards)) == 5
    for seed, epoch in ((1, 3), (2, 2)):
        first.seed_samples(seed, epoch)
        assert first[0] != forwards[0]


def test_the_callers_random_state_is_left_alone(toy):
    data = dataset(toy, pipeline=[Draw()])
    data.seed_samples(0, 0)
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    data[0]
    assert np.random.rand() == expected


def test_without_a_seed_samples_are_random(toy):
    data = dataset(toy, pipeline=[Draw()])
    assert data[0] != data[0]


@pytest.mark.parametrize('persistent', [False, True])
def test_workers_see_a_new_epoch(toy, persistent):
    data = dataset(toy, pipeline=[Draw()])
    loader = torch.utils.data.DataLoader(data, batch_size=2, num_workers=2, persistent_workers=persistent)
    epochs = []
    for epoch in range(2):
        data.seed_samples(0, epoch)
        epochs.append(torch.cat(list(loader)))
        expected = torch.tensor([data[i] for i in range(len(data))], dtype=torch.float64)
        assert torch.equal(epochs[-1], expected)
    assert not torch.equal(*epochs)
