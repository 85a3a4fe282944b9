"""Class ids as high as a billion take no array of their size."""
import resource

import numpy as np
import pytest

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.evaluation.ava_metric import STSSAAVAMetric

BILLION = 1_000_000_000


@pytest.fixture
def little_memory():
    """At most 1 GiB more than now, in this process."""
    with open('/proc/self/statm') as statm:
        taken = int(statm.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def files(tmp_path):
    labels = (BILLION, 5, 3, BILLION - 1, BILLION)
    (tmp_path / 'a.csv').write_text(''.join(f'v,{902 + index},0.1,0.2,0.3,0.4,{label},7\n'
                                            for index, label in enumerate(labels)))
    (tmp_path / 'l.pbtxt').write_text(''.join(f'item {{ name: "c{label}" id: {label} }}\n'
                                              for label in (3, 5, BILLION - 1, BILLION)))
    return dict(ann_file=str(tmp_path / 'a.csv'), label_file=str(tmp_path / 'l.pbtxt'), exclude_file=None)


@pytest.mark.parametrize('ids', [[BILLION, 5], [5, BILLION], [BILLION], [3], [3, 5, BILLION - 1, BILLION],
                                 [BILLION, BILLION - 1, 5, 3]])
def test_custom_classes_are_numbered_by_their_place(ids, files, little_memory):
    data = STSSAAVADataset(pipeline=[], custom_classes=ids, num_classes=len(ids) + 1, test_mode=True, **files)
    wanted = (BILLION, 5, 3, BILLION - 1, BILLION)
    assert len(data) == 5
    found = {info['timestamp']: np.flatnonzero(info['gt_labels'].sum(0)).tolist()
             for info in map(data.get_data_info, range(5))}
    assert found == {902 + index: [ids.index(label) + 1] if label in ids else [] for index, label in enumerate(wanted)}
    STSSAAVAMetric(custom_classes=ids, num_classes=len(ids) + 1, out_dir=None, **files)


@pytest.mark.parametrize('number', [0, -1, 100_001, BILLION, BILLION + 1, 2**63, 10**30])
def test_a_number_of_classes_that_cannot_be(number, files, little_memory):
    with pytest.raises(ValueError, match=rf'^dataset\.num_classes={number}: expected 1 to 100000: give ids that are'):
        STSSAAVADataset(pipeline=[], num_classes=number, **files)
    with pytest.raises(ValueError, match=rf'^evaluator\.num_classes={number}: expected 1 to 100000: give ids that are'):
        STSSAAVAMetric(num_classes=number, out_dir=None, **files)


def test_an_id_above_num_classes_is_named(files, little_memory):
    with pytest.raises(ValueError, match=f'class id {BILLION}, but dataset.num_classes=6'):
        STSSAAVADataset(pipeline=[], num_classes=6, **files)
