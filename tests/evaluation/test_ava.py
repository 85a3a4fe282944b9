"""Files in, frame-mAP out; equality with MMAction2's evaluator."""
import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from mmaction.evaluation import ava_eval

from stssa_mm.evaluation.ava import evaluate_files, group_means, video_map_of_files
from stssa_mm.evaluation.result import EvaluationResult

DATA = Path(__file__).parent / 'data'
FIXTURE = (DATA / 'gt.csv', DATA / 'pred.csv', DATA / 'action_list.txt')


def mmaction2(truth, detections, label_map, exclude=None):
    """mAP of MMAction2's evaluator."""
    with contextlib.redirect_stdout(io.StringIO()):
        return ava_eval(str(detections), 'mAP', str(label_map), str(truth), exclude and str(exclude))


def write(path, rows):
    path.write_text(''.join(','.join(map(str, row)) + '\n' for row in rows))
    return path


def random_files(folder, seed):
    """Ground truth, detections, label map and exclusions with ties in score and some classes never detected."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(2, 6)
    decimals = int(rng.integers(1, 5))

    def rows(count, score):
        for _ in range(count):
            low = rng.integers(0, 3, 2) / 10
            corners = [*low, *(low + rng.integers(2, 6, 2) / 10).round(1)]
            last = round(float(rng.uniform()), decimals) if score else int(rng.integers(3))
            frame = f'v{rng.integers(3)}', f'{rng.integers(900, 904):04d}'
            yield *frame, *corners, int(rng.integers(1, classes + 2)), last

    write(folder / 'excluded.csv', [('v0', '0901'), ('v9', '0900')])
    (folder / 'labels.pbtxt').write_text(''.join(f'item {{\n  name: "c{i}"\n  id: {i}\n}}\n'
                                                 for i in range(1, classes + 1)))
    return (write(folder / 'gt.csv', rows(rng.integers(5, 30), False)),
            write(folder / 'pred.csv', rows(rng.integers(20, 150), True)), folder / 'labels.pbtxt',
            folder / 'excluded.csv')


@pytest.mark.parametrize('rule', ['activitynet', 'mmaction2'])
def test_fixture_of_mmaction2(rule):
    assert evaluate_files(*FIXTURE, rule=rule)[0].mean_ap() == pytest.approx(0.0938552, abs=5e-8)


def test_equals_mmaction2_in_its_rule(tmp_path, serial_mmaction2):
    compared = 0
    for seed in range(120):
        files = random_files(tmp_path, seed)
        try:
            theirs = mmaction2(*files)['overall']
        except ValueError:  # it dies without annotated boxes of the label map's classes
            continue
        ours = evaluate_files(*files, rule='mmaction2')[0].mean_ap()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14, err_msg=f'seed {seed}')
        compared += theirs > 0
    assert compared > 80


def test_equals_mmaction2_at_scale_and_keeps_ties_as_it_does(tmp_path, shared_data, serial_mmaction2):
    """Long arrays of tied scores, which its sort puts into an order of its own."""
    labels = shared_data / 'ava' / 'ava_action_list_v2.1_for_activitynet_2018.pbtxt'
    lines = (shared_data / 'ava' / 'ava_val_v2.1_pose_only.csv').read_text().splitlines()[:3000]
    truth = tmp_path / 'gt.csv'
    truth.write_text('\n'.join(lines) + '\n')
    rng = np.random.default_rng(0)
    detections = write(tmp_path / 'pred.csv', [
        (*line.split(',')[:6], label, round(rng.uniform(), 2)) for line in lines for label in (11, 12, 14)])
    ours, notes = evaluate_files(truth, detections, labels, rule='mmaction2')
    assert ours.mean_ap() == pytest.approx(mmaction2(truth, detections, labels)['overall'], abs=1e-14)


def test_notes_say_what_was_left_out(tmp_path):
    truth = write(tmp_path / 'gt.csv', [('v', 1, 0, 0, 1, 1, 1, 0), ('v', 2), ('v', 3, 0, 0, 1, 1, 9, 0)])
    found = write(tmp_path / 'pred.csv', [('v', 1, 0, 0, 1, 1, 1, 0.5), ('v', 2, 0, 0, 1, 1, 1, 0.9),
                                          ('w', 1, 0, 0, 1, 1, 1, 0.9), ('v', 7, 0, 0, 1, 1, 1, 0.9)])
    excluded = write(tmp_path / 'x.csv', [('v', '0002'), ('u', 5)])
    result, notes = evaluate_files(truth, found, DATA / 'action_list.txt', excluded)
    assert result.mean_ap() == 1 and result.num_key_frames == 2
    assert notes == (
        '2 excluded key frames, of which the ground truth lists 1',
        '1 of 2 annotated boxes have a class id that the label map does not: 9: left out',
        '2 of 4 detections lie on key frames that the ground truth does not list, such as w,1: left out',
        '1 more detections do not count by the rule activitynet: beyond its cap, or on key frames that are excluded or '
        'without a box of these classes')


def test_keys_of_frames_are_those_of_the_official_script(tmp_path):
    """Timestamps to 6 digits, names without quotes: one key frame, of which the 50 best boxes count together."""
    truth = write(tmp_path / 'gt.csv', [('"v"', '0902', 0, 0, 1, 1, 1, 0)])
    found = write(tmp_path / 'pred.csv',
                  [('v', 902.0000001, 0, 0, 1, 1, 2, 0.9)] * 50 + [('v', 902, 0, 0, 1, 1, 1, 0.5)])
    excluded = write(tmp_path / 'x.csv', [('"v"', 902.0000004)])
    assert evaluate_files(truth, found, DATA / 'action_list.txt')[0].mean_ap() == 0
    assert evaluate_files(truth, found, DATA / 'action_list.txt', excluded)[0].num_key_frames == 0


def test_a_right_and_a_wrong_detection_of_the_same_score(shared_data, tmp_path):
    """The official script gives 0.5 where numpy leaves two equal numbers in their order."""
    folder = shared_data / 'hard_inputs' / 'tables'
    label_map = tmp_path / 'labels.pbtxt'
    label_map.write_text('item {\n  name: "a"\n  id: 1\n}\n')
    result, _ = evaluate_files(folder / 'tie-later-false.g.csv', folder / 'tie-later-false.d.csv', label_map)
    assert result.mean_ap() == (1, 0.5)[np.argsort([0.9, 0.9])[1]]


def test_boxes_without_area_are_counted_in_a_note(tmp_path):
    truth = write(tmp_path / 'gt.csv', [('v', 1, 0, 0, 1, 1, 1, 0)])
    found = write(tmp_path / 'pred.csv', [('v', 1, 0.5, 0, 0.5, 1, 1, 0.9), ('v', 1, 0, 0, 1, 1, 1, 0.8)])
    result, notes = evaluate_files(truth, found, DATA / 'action_list.txt')
    assert result.mean_ap() == 1 and notes == ('1 of 2 detections have no area: dropped', )
    result, notes = evaluate_files(truth, found, DATA / 'action_list.txt', rule='mmaction2')
    assert result.mean_ap() == 0.5 == mmaction2(truth, found, DATA / 'action_list.txt')['overall']
    assert notes == ('1 of 2 detections have no area: counted as false, as in MMAction2', )


def test_equal_overlaps_as_in_mmaction2(tmp_path, serial_mmaction2):
    """Which of two people a detection between them finds: the one of the higher person id."""
    found = write(tmp_path / 'pred.csv', [('v', 1, 0.125, 0, 0.625, 1, 1, 0.9), ('v', 1, 0, 0, 0.5, 1, 1, 0.8)])
    for person, ap in ((0, 0.5), (2, 1)):
        truth = write(tmp_path / 'gt.csv', [('v', 1, 0, 0, 0.5, 1, 1, 1), ('v', 1, 0.25, 0, 0.75, 1, 1, person)])
        for rule in ('activitynet', 'mmaction2'):
            assert evaluate_files(truth, found, DATA / 'action_list.txt', rule=rule)[0].mean_ap() == ap
        assert mmaction2(truth, found, DATA / 'action_list.txt')['overall'] == ap


def test_timestamps_may_have_fractions(tmp_path):
    truth = write(tmp_path / 'gt.csv', [('v', 1.5, 0, 0, 1, 1, 1, 0), ('v', 1.25, 0, 0, 1, 1, 1, 0)])
    found = write(tmp_path / 'pred.csv', [('v', 1.5, 0, 0, 1, 1, 1, 0.5)])
    assert evaluate_files(truth, found, DATA / 'action_list.txt')[0].mean_ap() == 0.5


def test_label_map_of_other_files_is_an_error(tmp_path):
    truth = write(tmp_path / 'gt.csv', [('v', 1, 0, 0, 1, 1, 7, 0)])
    with pytest.raises(ValueError, match='none of the 1 annotated boxes .* ids are 1 to 3: found 7'):
        evaluate_files(truth, DATA / 'pred.csv', DATA / 'action_list.txt')


def test_ground_truth_finds_itself(shared_data):
    """The whole of a real ground truth as detections: AP 1 in every class that has boxes."""
    truth = shared_data / 'ava' / 'ava_val_v2.1_pose_only.csv'
    result, _ = evaluate_files(truth, truth, shared_data / 'ava' / 'ava_action_list_v2.2.pbtxt')
    assert set(result.ap[0][~np.isnan(result.ap[0])]) == {1.0} and result.num_gt.sum() == 93400
    assert result.num_key_frames == 50029
    assert group_means(result)['person_movement'] == 1 and np.isnan(group_means(result)['person_interaction'])


def test_groups_are_avas_alone():
    assert group_means(evaluate_files(*FIXTURE)[0]) == {}


def test_result_is_kept_whole(tmp_path):
    result, _ = evaluate_files(*FIXTURE, iou=(0.5, 0.3), chance=True)
    result.save(tmp_path / 'new' / 'r.json')
    loaded = EvaluationResult.load(tmp_path / 'new' / 'r.json')
    assert loaded.summary() == result.summary()
    for name in ('ap', 'gt_per_video', 'video', 'score', 'matched', 'num_gt', 'num_det'):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(result, name))
    assert 0 < loaded.chance == result.chance < loaded.upper_bound == result.upper_bound
    other, _ = evaluate_files(FIXTURE[0], FIXTURE[0], FIXTURE[2])
    other.save(tmp_path / 'new' / 'other.json')
    assert EvaluationResult.load(tmp_path / 'new' / 'other.json').chance is None
    matches = tmp_path / 'new' / 'r.matches.npz'
    whole = matches.read_bytes()
    matches.write_bytes((tmp_path / 'new' / 'other.matches.npz').read_bytes())
    with pytest.raises(ValueError, match='r.matches.npz: holds 12 detections, and r.json counts 30'):
        EvaluationResult.load(tmp_path / 'new' / 'r.json')
    matches.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ValueError, match='r.matches.npz: damaged'):
        EvaluationResult.load(tmp_path / 'new' / 'r.json')
    matches.unlink()
    with pytest.raises(FileNotFoundError, match='r.matches.npz: no such file: keep it beside r.json'):
        EvaluationResult.load(tmp_path / 'new' / 'r.json')
    (tmp_path / 'new' / 'r.json').write_text('{}')
    with pytest.raises(ValueError, match='r.json: not a result of tools/evaluate.py'):
        EvaluationResult.load(tmp_path / 'new' / 'r.json')


def test_video_map_links_the_boxes_of_files(tmp_path):
    walk = [('v', t, t / 100, 0, t / 100 + 0.3, 0.5, 1) for t in range(1, 9)]
    truth = write(tmp_path / 'gt.csv', [(*row, 5) for row in walk])
    found = write(tmp_path / 'pred.csv', [(*row, 0.9) for row in walk[:4]] + [('v', 20, 0, 0, 1, 1, 1, 0.5)])
    result = video_map_of_files(truth, found, DATA / 'action_list.txt')
    assert result.summary()['video-mAP@0.5'] == 1 and result.summary()['video-mAP@0.75'] == 0  # half of the frames
    assert video_map_of_files(truth, truth, DATA / 'action_list.txt').summary()['video-mAP@0.5:0.95'] == 1


@pytest.mark.parametrize(('row', 'message'), [
    (('v', 1, 0, 0, 1, 1, 1), 'gt.csv: 7 columns: expected an eighth with person ids'),
    (('v', 1.5, 0, 0, 1, 1, 1, 0), 'gt.csv: timestamp 1.5: tubes need whole numbers')])
def test_tubes_need_people_and_whole_timestamps(tmp_path, row, message):
    truth = write(tmp_path / 'gt.csv', [row])
    with pytest.raises(ValueError, match=message):
        video_map_of_files(truth, DATA / 'pred.csv', DATA / 'action_list.txt')
