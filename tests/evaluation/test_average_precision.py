import numpy as np
import pytest

from stssa_mm.evaluation.average_precision import AP_FORMS, eleven_point_ap, trapezoid_ap


@pytest.mark.parametrize(('matched', 'num_gt', 'area', 'trapezoid', 'eleven'), [
    ([1, 1], 2, 1, 1, 1),
    ([], 3, 0, 0, 0),
    ([0, 0], 3, 0, 0, 0),
    ([0, 1], 1, 1 / 2, 1 / 4, 1 / 2),
    ([1, 0, 1], 2, (1 + 2 / 3) / 2, (1 + (1 / 2 + 2 / 3) / 2) / 2, (6 + 5 * 2 / 3) / 11),
    ([1, 1, 1], 10, 0.3, 0.3, 4 / 11),  # recall 0.3 is reached
])
def test_forms_of_ap_by_hand(matched, num_gt, area, trapezoid, eleven):
    values = [form(np.array(matched, bool), num_gt) for form in AP_FORMS.values()]
    assert values == pytest.approx([area, trapezoid, eleven]) and list(AP_FORMS) == ['area', 'trapezoid', '11points']


def test_forms_of_ap_agree_with_other_libraries():
    """11 points as mmdet has it; the trapezoid as numpy integrates the points."""
    from mmdet.evaluation import average_precision as theirs
    rng = np.random.default_rng(0)
    for _ in range(50):
        matched = rng.random(20) < rng.random()
        num_gt = 7 + int(matched.sum())  # no tenths: there rounding decides in mmdet
        positive = np.cumsum(matched)
        precision, recall = positive / np.arange(1, 21), positive / num_gt
        if not np.isin(10 * positive % num_gt, 0)[positive > 0].any():
            assert eleven_point_ap(matched, num_gt) == pytest.approx(theirs(recall, precision, '11points'), abs=1e-6)
        assert AP_FORMS['area'](matched, num_gt) == pytest.approx(theirs(recall, precision), abs=1e-6)
        joined = np.trapz(np.append(1, precision), np.append(0, recall))
        assert trapezoid_ap(matched, num_gt) == pytest.approx(joined)
