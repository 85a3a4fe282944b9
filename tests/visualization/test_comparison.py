import matplotlib.image
import numpy as np
import pytest
from evaluation.results import make_result, random_result
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from stssa_mm.evaluation.comparison import compare
from stssa_mm.visualization import comparison as drawing


@pytest.fixture
def axes(monkeypatch):
    """The axes of the picture, kept open."""
    kept = []

    class KeptFigure(Figure):

        def savefig(self, *args, **kwargs):
            kept.extend(self.axes)
            super().savefig(*args, **kwargs)

    monkeypatch.setattr(drawing, 'Figure', KeptFigure)
    return kept


def test_bars_are_the_aps_and_their_differences(tmp_path, axes):
    found = compare(random_result(1), random_result(2, skill=0.9), ('off', 'on'), resamples=20)
    picture = matplotlib.image.imread(drawing.plot_comparison(found, tmp_path / 'c.png'))
    assert picture.std() > 0
    left, right = axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx((100 * found.ap).ravel().tolist())
    widths = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in right.patches}
    assert {row: pytest.approx(width) for row, width in widths.items()} == {
        row: 100 * value for row, value in enumerate(found.difference) if value}
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == [f'{name} ({boxes})' for name, boxes in zip(found.classes, found.num_gt)]
    assert left.yaxis_inverted()  # the class with most boxes on top


def test_one_class_and_no_interval(tmp_path):
    found = compare(make_result({'kick': ([3], [])}), make_result({'kick': ([3], [(0, .9, True)])}))
    assert matplotlib.image.imread(drawing.plot_comparison(found, tmp_path / 'c.png')).std() > 0


def test_deviation_over_seeds_is_drawn_of_the_side_that_has_several(tmp_path, axes):
    runs = [random_result(seed, skill=0.9) for seed in (2, 3, 4)]
    found = compare(random_result(1), runs, ('off', 'on'), resamples=20)
    drawing.plot_comparison(found, tmp_path / 'c.png')
    errors, = (container for container in axes[0].containers if isinstance(container, ErrorbarContainer))
    ends = np.stack([segment[:, 0] for segment in errors.lines[2][0].get_segments()])
    assert np.ptp(ends, 1) / 2 == pytest.approx(100 * found.ap_spread[1]) and found.ap_spread[1].max() > 0
    assert ends.mean(1) == pytest.approx(100 * found.ap[1])
    assert '(3 seeds)' in axes[0].get_legend().get_texts()[1].get_text()
