import matplotlib.image
import pytest
from runs.work_dirs import write_log

from stssa_mm.visualization.plots import plot_loss, plot_per_class_ap


def test_pictures_are_drawn(tmp_path):
    write_log(tmp_path / '20260101_000000', [dict(loss=3.0, epoch=1, step=1), {'mAP/overall': 0.5, 'step': 1}])
    assert matplotlib.image.imread(plot_loss(tmp_path, tmp_path / 'loss.png')).std() > 0
    metrics = {'mAP/overall': 0.2, 'mAP/kick': 0.3}
    assert matplotlib.image.imread(plot_per_class_ap(metrics, 'run', tmp_path / 'ap.png')).std() > 0


def test_a_test_without_single_classes_says_how_to_get_them(tmp_path):
    with pytest.raises(ValueError, match='test_evaluator.per_class=True'):
        plot_per_class_ap({'mAP/overall': 0.5, 'mAP/person_movement': 0.4}, 'run', tmp_path / 'ap.png')
    assert not (tmp_path / 'ap.png').exists()
