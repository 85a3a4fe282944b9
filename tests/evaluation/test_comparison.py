import csv

import numpy as np
import pytest
from evaluation.results import make_result, random_result

from stssa_mm.evaluation import comparison
from stssa_mm.evaluation.average_precision import average_precision
from stssa_mm.evaluation.comparison import compare, resampled_ap

NAMES = ('without', 'with')


def fake(differences, gt=5, videos=4):
    """Two results whose first has AP 0.5 in each class, by matching half of what there is, and the second more."""
    def result(aps):
        # One match a video, precision 1: AP is the share of the videos' boxes that are found.
        return make_result({name: ([gt] * videos, [(v, 1 - i / 1000, True) for i in range(round(gt * ap))
                                                   for v in range(videos)]) for name, ap in aps.items()})

    return result(dict.fromkeys(differences, 0.5)), result({name: 0.5 + d for name, d in differences.items()})


@pytest.mark.parametrize('chunk', [comparison.CHUNK, 30])
@pytest.mark.parametrize('iou', [0.5, 0.75])
def test_resampled_ap_is_average_precision_of_the_repeated_videos(monkeypatch, chunk, iou):
    monkeypatch.setattr(comparison, 'CHUNK', chunk)
    result = random_result(1, iou=(0.5, 0.75))
    weights = np.random.default_rng(2).multinomial(6, np.full(6, 1 / 6), 20)
    values = resampled_ap(result, weights, iou)
    for sample, ap in zip(weights, values):
        for index in range(4):
            part = result.detections_of(index)
            times = sample[result.video[part]]
            matched = result.matched[result.iou.index(iou), part]
            num_gt = sample @ result.gt_per_video[:, index]
            np.testing.assert_allclose(ap[index], average_precision(matched, num_gt, times), atol=1e-12)
            np.testing.assert_allclose(ap[index], average_precision(np.repeat(matched, times), num_gt), atol=1e-12)
    assert np.isnan(values[:, 0]).all() and (values[:, 1] == 0).all() and len(np.unique(values[:, 2])) > 5


def test_every_video_once_is_the_result_itself():
    result = random_result(3, iou=(0.5, 0.75))
    for row, iou in enumerate(result.iou):
        np.testing.assert_allclose(resampled_ap(result, np.ones((1, 6), int), iou)[0], result.ap[row], atol=1e-12)


def test_a_run_against_itself_differs_nowhere():
    result = random_result(1)
    same = compare(result, result, NAMES, resamples=50)
    assert (same.difference == 0).all() and (same.mean_interval == 0).all() and not same.real.any()
    assert 'not shown to be real at 95 %' in same.statement()


def test_a_perfect_run_against_an_empty_one():
    truth = [1, 2, 3]
    perfect = make_result({'kick': (truth, [(v, 0.9, True) for v, n in enumerate(truth) for _ in range(n)])})
    empty = make_result({'kick': (truth, [])})
    found = compare(empty, perfect, NAMES, resamples=50)
    assert found.difference == [1] and (found.interval == 1).all() and (found.mean_interval == 1).all()
    assert found.statement() == (
        'mAP@0.5 (rule activitynet) of with 100.0, of without 0.0: +100.0; 95 % interval +100.0 to +100.0 over 3 '
        'videos, not over seeds (one a side): the difference is real at 95 %')
    assert compare(perfect, empty, NAMES, resamples=50).difference == [-1]


def test_interval_of_a_known_distribution():
    """B finds everything in one video of two and A nothing: AP is 0, 1/2 or 1 with chances 1/4, 1/2 and 1/4."""
    truth = [1, 1]
    found = compare(make_result({'kick': (truth, [])}), make_result({'kick': (truth, [(0, 0.9, True)])}), NAMES)
    assert found.difference == [0.5] and found.interval.tolist() == [[0, 1]] and not found.real.any()


def test_interval_shrinks_with_more_videos():
    widths = []
    for videos in (10, 160):
        truth = [1] * videos
        second = make_result({'kick': (truth, [(v, 0.9, True) for v in range(0, videos, 2)])})
        low, high = compare(make_result({'kick': (truth, [])}), second, NAMES).mean_interval
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)  # as 1 / sqrt(videos)


def test_counts_and_order():
    first, second = fake({'more': 0.2, 'a little': 0.005, 'same': 0, 'less': -0.1}, gt=200)
    for result in (first, second):
        result.num_gt = result.num_gt + [0, 2, 3, 1]  # only sorts
    found = compare(first, second, NAMES, resamples=20)
    assert found.classes == ('same', 'a little', 'less', 'more')
    assert found.counts() == ('with is better on 2 (by more than 1.0 AP on 1, at 95 % on 2) and worse on 1 '
                              '(by more than 1.0 AP on 1, at 95 % on 1) of 4 categories')


def test_class_that_the_rule_leaves_out_of_one_run_stays_out_of_its_mean():
    first, second = fake({'kick': 0.2, 'wave': 0.2}, gt=10)
    first.ap[0, 1] = np.nan
    found = compare(first, second, NAMES, resamples=20)
    assert found.mean_ap.tolist() == pytest.approx([0.5, 0.7]) and found.mean_interval == pytest.approx(0.2)
    assert np.isnan(found.difference).tolist() == [False, True]
    assert '| wave | 40 | 4 |  | 70.0 |  |  |' in found.markdown()


def test_one_video_says_nothing():
    first, second = fake({'kick': 0.2}, videos=1)
    found = compare(first, second, NAMES)
    assert np.isnan(found.interval).all() and np.isnan(found.mean_interval).all()
    assert found.statement().endswith('1 video(s) cannot say whether the difference is real')


def test_class_in_one_video_has_no_interval():
    rows = [(0, 0.9, True)]
    found = compare(make_result({'kick': ([2, 0], []), 'wave': ([1, 1], [])}),
                    make_result({'kick': ([2, 0], rows), 'wave': ([1, 1], rows)}), NAMES)
    assert np.isnan(found.interval).all(1).tolist() == [True, False] and found.gt_videos.tolist() == [1, 2]


def test_seed_decides():
    pair = random_result(1), random_result(2, skill=0.9)
    intervals = [compare(*pair, NAMES, resamples=30, seed=seed).interval for seed in (0, 0, 1)]
    np.testing.assert_array_equal(intervals[0], intervals[1])
    assert not np.array_equal(intervals[0], intervals[2])


def test_order_of_videos_and_one_without_people_do_not_matter():
    rows = [(0, 0.9, True), (1, 0.8, False), (1, 0.7, True)]
    first = make_result({'kick': ([1, 2], rows)}, videos=('a', 'b'))
    turned = [(2 - v, score, matched) for v, score, matched in rows]
    second = make_result({'kick': ([0, 2, 1], turned)}, videos=('empty', 'b', 'a'))
    found = compare(first, second, NAMES, resamples=50)
    assert found.num_videos == 3 and (found.interval == 0).all()


@pytest.mark.parametrize(('changes', 'message'), [
    (dict(rule='mmaction2'), 'rule activitynet and mmaction2'),
    (dict(iou=(0.75, )), r'IoU thresholds \(0.5,\) and \(0.75,\)'),
    (dict(names=('push', 'wave')), 'class 1 "kick" and 1 "push"'),
    (dict(class_ids=(1, 3)), 'class 2 "wave" and 3 "wave"'),
    (dict(gt_per_video=np.array([[1, 2], [3, 5]])), 'annotated boxes of "wave" in video v1: 4 and 5'),
    (dict(videos=('v0', 'other')), 'annotated boxes of "kick" in video other: 0 and 3'),
    (dict(num_key_frames=11), 'number of key frames 10 and 11'),
])
def test_results_that_cannot_be_compared(changes, message):
    classes = {'kick': ([1, 3], []), 'wave': ([2, 4], [])}
    with pytest.raises(ValueError, match=f'without and with cannot be compared: {message}: evaluate both'):
        compare(make_result(classes), make_result(classes, **changes), NAMES)


def test_number_of_classes_differs():
    with pytest.raises(ValueError, match='number of classes 1 and 2'):
        compare(make_result({'kick': ([1], [])}), make_result({'kick': ([1], []), 'wave': ([1], [])}), NAMES)


def test_unknown_threshold_and_no_resamples():
    result = random_result(1)
    with pytest.raises(ValueError, match='IoU 0.6: the results have 0.5'):
        compare(result, result, NAMES, iou=0.6)
    with pytest.raises(ValueError, match='resamples 0: expected 1 or more'):
        compare(result, result, NAMES, resamples=0)


def test_files_hold_every_class(tmp_path):
    found = compare(random_result(1), random_result(2, skill=0.9), NAMES, resamples=30)
    found.write_csv(tmp_path / 'c.csv')
    with open(tmp_path / 'c.csv') as file:
        mean, *rows = csv.DictReader(file)
    assert mean['category'] == 'mean' and float(mean['with']) == pytest.approx(found.mean_ap[1], abs=1e-6)
    assert [row['category'] for row in rows] == list(found.classes) and len(rows) == 3
    assert [float(row['difference']) for row in rows] == pytest.approx(found.difference.tolist(), abs=1e-6)
    assert [float(row['high_95']) for row in rows] == pytest.approx(found.interval[:, 1].tolist(), abs=1e-6)
    table = found.markdown()
    assert all(f'\n| {name} |' in table for name in found.classes) and found.statement() in table
