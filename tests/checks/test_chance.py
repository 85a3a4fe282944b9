import numpy as np
import pytest

from stssa_mm.checks.chance import chance_of
from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.evaluation.boxes import Boxes


def test_upper_bound_by_hand(tmp_path):
    """Two people with class 1 and one proposal that fits both; one with class 2 that none fits; class 3 found."""
    (tmp_path / 'a.csv').write_text('v,1,0,0,0.5,0.5,1,0\nv,1,0,0,0.5,0.4,1,1\nv,1,0.6,0.6,1,1,2,2\nv,2,0,0,1,1,3,0\n')
    dataset = STSSAAVADataset(str(tmp_path / 'a.csv'), num_classes=5, test_mode=True)
    box = np.array([[0, 0, 0.5, 0.5], [0, 0, 1, 0.6]])
    found = Boxes(np.array([0, 1]), box, np.zeros(2, int), np.ones(2))
    names = {number: str(number) for number in (1, 2, 3, 4)}
    used = np.ones(2, bool)
    assert chance_of(dataset, found, used, names).upper_bound == pytest.approx((1 / 2 + 0 + 1) / 3)
    assert chance_of(dataset, found, np.array([True, False]), names).upper_bound == pytest.approx((1 / 2 + 0) / 2)
    one = chance_of(dataset, found, used, {3: '3'})  # of two boxes one is right: AP 1 or 0.5
    assert one.upper_bound == 1 and 0.5 <= one.mean_ap <= 1
    assert chance_of(dataset, found, used, {4: '4'}) == (0, 0)
