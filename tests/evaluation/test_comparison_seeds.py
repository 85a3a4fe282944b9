"""Comparison of two sides of several seeds."""
import csv

import numpy as np
import pytest
from evaluation.results import make_result, random_result

from stssa_mm.evaluation.average_precision import average_precision
from stssa_mm.evaluation.comparison import compare

NAMES = ('without', 'with')


def steady(*found, videos=4):
    """A run whose videos are alike: AP of each class is the share of its 100 boxes that is found, in any resample."""
    rows = [[(v, 1 - i / 1000, True) for i in range(hits) for v in range(videos)] for hits in found]
    return make_result({f'class {index}': ([100] * videos, row) for index, row in enumerate(rows)})


def side(*found):
    return [steady(hits) for hits in found]


def test_identical_seeds_differ_nowhere():
    runs = [random_result(seed) for seed in (1, 2, 3)]
    same = compare(runs, runs, NAMES, resamples=200)
    assert (same.difference == 0).all() and same.mean_ap[0] == same.mean_ap[1] and not same.real.any()
    assert same.mean_interval[0] < 0 < same.mean_interval[1] and 'not shown to be real at 95 %' in same.statement()
    one = random_result(1)
    equal = compare([one, one], [one, one, one], NAMES, resamples=50)
    assert equal.mean_interval.tolist() == [0, 0] and equal.mean_spread.tolist() == [0, 0] and not equal.real.any()


def test_a_list_of_one_run_is_the_run():
    pair = random_result(1), random_result(2, skill=0.9)
    one, many = compare(*pair, NAMES, resamples=50), compare(*([run] for run in pair), NAMES, resamples=50)
    assert one.markdown() == many.markdown() and one.mean_interval.tolist() == many.mean_interval.tolist()


def test_interval_of_two_seeds_a_side_by_hand():
    """The videos say nothing. A side's mean moves by -0.1, 0 or 0.1, both to the edge with a chance of 1/16; times
    sqrt(2) and Student's 4.303 / 1.960 of two degrees of freedom."""
    found = compare(side(40, 60), side(50, 70), NAMES)
    assert found.mean_ap == pytest.approx([0.5, 0.6]) and found.mean_spread == pytest.approx([0.02**0.5] * 2)
    expected = 0.1 + 0.2 * 2**0.5 * 4.303 / 1.960 * np.array([-1, 1])
    np.testing.assert_allclose(found.mean_interval, expected, rtol=1e-3)
    np.testing.assert_allclose(found.interval[0], expected, rtol=1e-3)


def test_difference_above_the_noise_of_the_seeds_is_real():
    found = compare(side(40, 41, 42), side(50, 51, 52), NAMES)
    assert 0.05 < found.mean_interval[0] < 0.1 < found.mean_interval[1] < 0.15 and found.real.all()
    assert found.statement().startswith('mAP@0.5 (rule activitynet) of with 51.0 ± 1.0 (3 seeds), of without 41.0 ± '
                                        '1.0 (3 seeds): +10.0; 95 % interval +')
    assert found.statement().endswith('over 4 videos and 3 and 3 seeds: the difference is real at 95 %')


def test_difference_below_the_noise_of_the_seeds_is_not():
    """Each pair of single seeds would say that it is, with certainty."""
    first, second = side(40, 60, 50), side(53, 43, 63)
    for pair in zip(first, second):
        assert compare(*pair, NAMES, resamples=50).real.all()
    found = compare(first, second, NAMES)
    assert found.mean_interval[0] < 0 < found.mean_interval[1] and not found.real.any()
    assert 'at 95 % on 0' in found.counts()


def test_sides_of_nothing_but_noise_seldom_differ():
    """With two or three seeds a side; resampled as they are, 2 of 2 would differ in a third of all cases."""
    rng = np.random.default_rng(0)
    for sizes in ((2, 2), (2, 4), (3, 3)):
        real = [compare(*(side(*rng.normal(50, 6, size).round().astype(int)) for size in sizes), NAMES, resamples=100)
                .real.all() for _ in range(150)]
        assert np.mean(real) < 0.09, sizes


def test_one_seed_against_several_says_which_is_not_covered():
    found = compare(steady(50), side(40, 45, 41), NAMES)
    assert found.seeds == (1, 3) and np.isnan(found.mean_spread[0]) and found.mean_spread[1] > 0
    assert 'over 4 videos and 3 seeds of with (one of without): ' in found.statement()
    assert 'They do not cover the seed of without' in found.markdown()
    turned = compare(side(40, 45, 41), steady(50), NAMES)
    assert 'over 4 videos and 3 seeds of without (one of with): ' in turned.statement()
    np.testing.assert_allclose(np.sort(-found.mean_interval), turned.mean_interval, atol=0.02)


def test_more_seeds_narrow_the_interval():
    widths = [np.diff(compare(side(*(40, 60) * n), side(*(40, 60) * n), NAMES).mean_interval)[0] for n in (2, 8)]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.35)  # 1 / sqrt(seeds), and fewer degrees of freedom


STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 120: 1.980}


def reference(sides, resamples, seed):
    """Bounds of the difference of mAP, loop by loop, with the same draws."""
    rng = np.random.default_rng(seed)
    videos = sides[0][0].videos
    drawn_videos = [np.repeat(range(len(videos)), times)
                    for times in rng.multinomial(len(videos), [1 / len(videos)] * len(videos), resamples)]
    drawn_seeds = [[np.repeat(range(len(runs)), times)
                    for times in rng.multinomial(len(runs), [1 / len(runs)] * len(runs), resamples)] for runs in sides]

    def mean_ap(run, drawn):
        aps = []
        for index in range(len(run.names)):
            part = run.detections_of(index)
            times = np.array([list(drawn).count(video) for video in run.video[part]], int)
            num_gt = sum(run.gt_per_video[video, index] for video in drawn)
            if num_gt and run.num_gt[index]:
                aps.append(average_precision(np.repeat(run.matched[0, part], times), num_gt))
        return sum(aps) / len(aps)

    own = [[mean_ap(run, range(len(videos))) for run in runs] for runs in sides]
    errors = [np.var(aps, ddof=1) / len(aps) if len(aps) > 1 else 0 for aps in own]
    below = sum(error**2 / (len(aps) - 1) for error, aps in zip(errors, own) if len(aps) > 1)
    freedom = sum(errors)**2 / below
    student = np.interp(freedom, list(STUDENT), [value / 1.959964 for value in STUDENT.values()])
    differences = []
    for index, drawn in enumerate(drawn_videos):
        moved = []
        for runs, seeds in zip(sides, drawn_seeds):
            aps = [mean_ap(run, drawn) for run in runs]
            mean = sum(aps) / len(aps)
            resampled = sum(aps[number] for number in seeds[index]) / len(aps)
            widened = student * (len(aps) / (len(aps) - 1))**0.5 if len(aps) > 1 else 1
            moved.append(mean + widened * (resampled - mean))
        differences.append(moved[1] - moved[0])
    return np.percentile(differences, [2.5, 97.5])


@pytest.mark.parametrize(('first', 'second'), [((1, 2), (3, 4, 5)), ((1, ), (2, 3, 4)), ((1, 2, 3), (4, 5))])
def test_equals_the_reference(first, second):
    sides = [random_result(seed, skill=0.5) for seed in first], [random_result(seed, skill=0.7) for seed in second]
    found = compare(*sides, NAMES, resamples=60, seed=7)
    np.testing.assert_allclose(found.mean_interval, reference(sides, 60, 7), rtol=2e-3, atol=1e-9)
    assert found.runs[1] == pytest.approx([run.mean_ap() for run in sides[1]])
    assert found.mean_ap[1] == pytest.approx(np.mean([run.mean_ap() for run in sides[1]]))


def test_class_that_the_rule_leaves_out_of_one_seed():
    runs = [steady(40, 60), steady(50, 70), steady(45, 65)]
    runs[0].ap[0, 1] = np.nan
    found = compare(runs, [steady(40, 60), steady(42, 63)], NAMES, resamples=100)
    assert found.ap[0].tolist() == pytest.approx([0.45, 0.675])  # of the two seeds that have it
    assert found.mean_ap[0] == pytest.approx((0.4 + 0.6 + 0.55) / 3)
    assert not np.isnan(found.interval).any() and not np.isnan(found.mean_interval).any()
    assert np.abs(found.interval[1] - found.difference[1]).max() < 0.2  # a seed without the class does not count as 0


def test_every_run_has_to_rest_on_the_same_data():
    other = steady(50)
    other.rule = 'mmaction2'
    with pytest.raises(ValueError, match=r'without \(run 1\) and with \(run 2\) cannot be compared: rule'):
        compare(side(40, 41), [steady(50), other], NAMES)
    with pytest.raises(ValueError, match=r'without \(run 1\) and without \(run 2\) cannot be compared: rule'):
        compare([steady(40), other], steady(50), NAMES)
    with pytest.raises(ValueError, match='with: no run: give one or more'):
        compare(steady(40), [], NAMES)


def test_tables_hold_means_and_deviations(tmp_path):
    found = compare(steady(20, 30), [steady(40, 50), steady(42, 54)], NAMES, resamples=50)
    found.write_csv(tmp_path / 'c.csv')
    with open(tmp_path / 'c.csv') as file:
        mean, *rows = csv.DictReader(file)
    assert 'without std' not in mean and float(mean['with std']) == pytest.approx(np.std([.45, .48], ddof=1), abs=1e-6)
    assert [float(row['with']) for row in rows] == pytest.approx([.41, .52])
    assert [float(row['with std']) for row in rows] == pytest.approx([.02 / 2**.5, .04 / 2**.5], abs=1e-6)
    assert '| class 1 | 400 | 4 | 30.0 | 52.0 ± 2.8 | +22.0 |' in found.markdown()
    assert '"±" is the standard deviation over seeds' in found.markdown()
