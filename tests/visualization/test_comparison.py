import matplotlib.image
import pytest
from evaluation.results import make_result, random_result

from stssa_mm.evaluation.comparison import compare
from stssa_mm.visualization import comparison as drawing


@pytest.fixture
def axes(monkeypatch):
    """The axes of the picture, kept open."""
    kept = []
    monkeypatch.setattr(drawing.plt, 'close', lambda figure: kept.extend(figure.axes))
    yield kept
    monkeypatch.undo()
    drawing.plt.close('all')


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
