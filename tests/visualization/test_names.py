"""Names of classes and runs are drawn as they are: a formula in them does not end a tool."""
import pytest
from evaluation.results import random_result
from matplotlib.figure import Figure

from stssa_mm.evaluation.comparison import compare
from stssa_mm.visualization.comparison import plot_comparison
from stssa_mm.visualization.curves import write_curves
from stssa_mm.visualization.plots import plot_per_class_ap

NAMES = ['$$', '$\\undefined$', '$\\frac{$', '$x_$', '$a$b$', '$', '\\$', '{', 'é', '%s', 'a\\nb',
         '$\\input{/etc/passwd}$']
HOSTILE = NAMES[:4]


@pytest.mark.parametrize('name', NAMES)
def test_any_name_is_drawn(name, tmp_path):
    plot_per_class_ap({'mAP/overall': 0.5, f'mAP/{name}': 0.5}, name, tmp_path / 'p.png')
    assert (tmp_path / 'p.png').stat().st_size > 1000


def test_so_do_curves_and_comparisons(tmp_path):
    result, other = random_result(0, skill=0.5), random_result(1, skill=0.6)
    result.names = other.names = tuple(NAMES[:len(result.names)])
    write_curves(result, tmp_path / 'c.csv')
    plot_comparison(compare([result], [other], (NAMES[1], NAMES[2]), 5, 0, None), tmp_path / 'd.png')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['c.csv', 'c.png', 'd.png']


@pytest.mark.parametrize('name', HOSTILE)
def test_they_are_formulas_to_matplotlib(name, tmp_path):
    figure = Figure()
    figure.suptitle(f'0.5 {name}')
    with pytest.raises(ValueError):
        figure.savefig(tmp_path / 'x.png')
