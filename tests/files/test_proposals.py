import os
import pickle

import numpy as np
import pytest

from stssa_mm.files.proposals import read_proposals, select_proposals, write_proposals

PROPOSALS = {'v,0902': np.array([[0.1, 0.2, 0.3, 0.4, 0.9], [0, 0, 1, 1, 0.5]]), 'w,0903': np.zeros((0, 5))}


def assert_same(found, expected):
    assert list(found) == list(expected)
    for key, boxes in expected.items():
        np.testing.assert_array_equal(found[key], boxes)


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.csv'])
def test_what_is_written_is_read(tmp_path, suffix):
    write_proposals(tmp_path / f'p{suffix}', PROPOSALS)
    assert_same(read_proposals(tmp_path / f'p{suffix}'), PROPOSALS)


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('core', ['numpy.core', 'numpy._core'])
def test_pickles_of_all_protocols_and_of_numpy_2(tmp_path, protocol, core):
    text = pickle.dumps(PROPOSALS, protocol)
    if protocol < 4:  # names are lines there
        text = text.replace(b'cnumpy.core.', f'c{core}.'.encode())
    (tmp_path / 'p.pkl').write_bytes(text)
    assert_same(read_proposals(tmp_path / 'p.pkl'), PROPOSALS)


class Call:

    def __reduce__(self):
        return os.system, ('touch called', )


@pytest.mark.parametrize('protocol', range(6))
def test_a_pickle_calls_nothing(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps({'v,0902': Call()}, protocol))
    with pytest.raises(ValueError, match=r'p\.pkl: cannot be read .*it wants to call (posix|nt)\.system'):
        read_proposals(tmp_path / 'p.pkl')
    assert not (tmp_path / 'called').exists()


@pytest.mark.parametrize('content, message', [
    (b'', 'cannot be read as a pickle'),
    (pickle.dumps(PROPOSALS)[:-30], 'cannot be read as a pickle'),
    (b'a text', 'cannot be read as a pickle'),
    (pickle.dumps([1]), 'found a list: expected a dict'),
    (pickle.dumps({('v', 902): np.zeros((1, 5))}), 'a key of a dict is of the type tuple, not a text'),
    (pickle.dumps({'v': np.zeros((1, 5))}), "key 'v': expected 'video,timestamp'"),
    (pickle.dumps({'v,902': np.zeros((1, 5)), 'v,0902': np.zeros((1, 5))}), "key 'v,0902': occurs twice"),
    (pickle.dumps({'v,0902': [[0, 0, 1, 1, 'x']]}), "key 'v,0902': found list"),
    (pickle.dumps({'v,0902': np.zeros((1, 6))}), r"key 'v,0902': found float64 \(1, 6\): expected an array"),
    (pickle.dumps({'v,0902': np.array([['a'] * 5])}), r"key 'v,0902': found <U1 \(1, 5\): expected an array"),
    (pickle.dumps({'v,0902': np.zeros((1, 5)), 'w,0902': np.array([[0.5, 0, 0.2, 1, 1]])}),
     r"key 'w,0902': box \[0\.5.*\]: expected x1 <= x2"),
    (pickle.dumps({'v,0902': np.array([[0, 0, 1, 1, np.nan]])}), "key 'v,0902': .*finite numbers, also as the score"),
])
def test_a_malformed_pickle_is_named(tmp_path, content, message):
    (tmp_path / 'p.pkl').write_bytes(content)
    with pytest.raises(ValueError, match=rf'p\.pkl: .*{message}'):
        read_proposals(tmp_path / 'p.pkl')


@pytest.mark.parametrize('text, message', [
    ('v,0902,0,0,1\n', r':1: .*expected video,timestamp,x1'),
    ('v,0902,0,0,1,1,1\nv,0902,0,0,1,1\n', r':2: .*as many columns'),
    ('v,0902,0,0,1,one,1\n', r':1: .*expected video,timestamp,x1'),
])
def test_a_malformed_csv_is_named_with_its_line(tmp_path, text, message):
    (tmp_path / 'p.csv').write_text(text)
    with pytest.raises(ValueError, match=rf'p\.csv{message}'):
        read_proposals(tmp_path / 'p.csv')


@pytest.mark.parametrize('name, message', [('p.txt', 'expected a proposal file'), ('p.npz', 'cannot be read as npz')])
def test_no_proposal_file(tmp_path, name, message):
    (tmp_path / name).write_text('text')
    with pytest.raises(ValueError, match=message):
        read_proposals(tmp_path / name)


def test_selection():
    proposals = {'a,0001': np.array([[0, 0, 1, 1, 0.3], [0, 0, 1, 0.5, 0.6], [0, 0, 1, 0.4, 0.9], [0, 0, 1, .3, 0.7]]),
                 'b,0001': np.array([[0, 0, 1, 1, 0.2], [0, 0, 1, 0.5, 0.4]]), 'c,0001': np.zeros((0, 5)),
                 'd,0001': np.array([[0, 0, 0.1, 1]] * 3)}
    selected = select_proposals(proposals, ['d,0001', 'a,0001', 'c,0001', 'x,0001', 'b,0001'], 0.5, 2, 'p')
    boxes = [selected.of(frame) for frame in range(5)]
    assert [len(box) for box, _ in boxes] == [2, 2, 0, 0, 1]
    assert boxes[0][1] is None and boxes[1][1].tolist() == [0.6, 0.9] and boxes[4][1].tolist() == [0.4]


def test_boxes_that_are_not_used_may_lie_outside():
    proposals = {'a,0001': np.array([[0, 0, 1.1, 1, 0.3], [0, 0, 1, 1, 0.9]])}
    assert len(select_proposals(proposals, ['a,0001'], 0.9, 10, 'p').box) == 1
    with pytest.raises(ValueError, match="p: key 'a,0001': box .*expected a box relative"):
        select_proposals(proposals, ['a,0001'], 0.1, 10, 'p')


def test_boxes_without_area_are_dropped_and_counted():
    """They are gone before the selection by score: the best of a frame is the best that is left."""
    proposals = {'a,0001': np.array([[0.2, 0, 0.2, 1, 0.95], [0, 0, 1, 1, 0.3], [0, 0.5, 1, 0.5, 0.9]]),
                 'b,0001': np.array([[0.5, 0.5, 0.5, 0.5, 1]]), 'c,0001': np.array([[0, 0, 0, 1, 1]])}
    selected = select_proposals(proposals, ['a,0001', 'b,0001'], 0.9, 10, 'p')
    assert [selected.of(frame)[0].tolist() for frame in range(2)] == [[[0, 0, 1, 1]], []]
    assert selected.without_area == 3
    assert select_proposals(proposals, ['x,0001'], 0.9, 10, 'p').without_area == 0


@pytest.mark.parametrize('suffix', ['.pkl', '.csv'])
def test_keys_are_those_of_annotations(tmp_path, suffix):
    """Names without quotes and blanks, timestamps to 6 digits."""
    path = tmp_path / f'p{suffix}'
    if suffix == '.pkl':
        path.write_bytes(pickle.dumps({' v,902.0000001': np.array([[0, 0, 1, 1, 1.0]]),
                                       'w,902.33333333': np.zeros((0, 5))}))
    else:
        path.write_text('"v" ,902.0000001,0,0,1,1,1\nw,902.33333333\n')
    assert list(read_proposals(path)) == ['v,0902', 'w,902.333333']


def test_an_array_that_many_key_frames_share_does_not_unfold(tmp_path):
    """300 kB that are 1 GB once they stand in columns; a few that share are fine."""
    array = np.tile(np.float64([0.1, 0.2, 0.3, 0.4, 0.9]), (5000, 1))
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps({f'v,{number:04d}': array for number in range(5000)}))
    assert (tmp_path / 'p.pkl').stat().st_size < 400_000
    with pytest.raises(ValueError, match=rf'^{tmp_path}/p\.pkl: [^\n]*many key frames have the same array[^\n]*$'):
        read_proposals(tmp_path / 'p.pkl')
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps({f'v,{number:04d}': array for number in range(3)}))
    assert len(read_proposals(tmp_path / 'p.pkl')) == 3


@pytest.mark.parametrize(('boxes', 'expected'), [
    ([[0, 0, .5, 1, '0.9\n']], [[0, 0, .5, 1, .9]]),
    ([(0, 0, .5, 1), [0, .5, 1, 1]], [[0, 0, .5, 1], [0, .5, 1, 1]]),
    (np.array([['0', '0', '0.5', '1', '0.9\n']]), [[0, 0, .5, 1, .9]]),
    ([np.array([0, 0, .5, 1])], [[0, 0, .5, 1]]),
    ([], np.zeros((0, 5))), ((), np.zeros((0, 5))), (np.zeros(0), np.zeros((0, 5))),
    (np.zeros((0, 0)), np.zeros((0, 5))),
    ([[]], None), ([0, 0, .5, 1, .9], None), ([[0, 0, 1, 1], [0, 0, 1, 1, 1]], None), ([['a', 0, 1, 1]], None),
    ([[[0, 0, 1, 1]]], None), (np.zeros(5), None), ([['']], None), ({'x': 1}, None), ('0011', None),
    (np.zeros(3), None),
])
def test_boxes_as_public_scripts_write_them(tmp_path, boxes, expected):
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps({'v,0902': boxes}))
    if expected is None:
        with pytest.raises(ValueError, match=r"p\.pkl: key 'v,0902': found .*: expected an array of numbers"):
            read_proposals(tmp_path / 'p.pkl')
    else:
        found = read_proposals(tmp_path / 'p.pkl')['v,0902']
        assert found.dtype.kind == 'f' and np.shape(expected) == found.shape
        np.testing.assert_array_equal(found, expected)


def test_files_of_other_users(shared_data):
    tables = shared_data / 'hard_inputs' / 'tables'
    found = read_proposals(tables / 'slowfast_csv.csv')
    assert {key: boxes.tolist() for key, boxes in found.items()} == {
        '1j20qq1JyX4,0902': [[.036, .098, .55, .979, .995518]]}
    assert [len(boxes) for boxes in read_proposals(tables / 'whiffe.pkl').values()] == [1, 0]
    assert [len(boxes) for boxes in read_proposals(tables / 'empty1d.pkl').values()] == [1, 0]


def test_a_seventh_field_that_is_a_label_is_no_proposal(tmp_path):
    (tmp_path / 'p.csv').write_text('v,0902,0,0,1,1,3,0\n')
    with pytest.raises(ValueError, match=':1: .*expected video,timestamp,x1'):
        read_proposals(tmp_path / 'p.csv')


def test_boxes_that_reach_a_little_over_the_frame_are_clipped_and_counted():
    proposals = {'a,0001': np.array([[-.01, 0, 1.01, 1, .9], [0, 0, 1, 1, .9]], np.float32)}
    selected = select_proposals(proposals, ['a,0001'], .5, 9, 'p')
    assert selected.clipped == 1 and selected.box.tolist() == [[0, 0, 1, 1]] * 2
    for box, advice in (([0, 0, 1.02, 1, .9], False), ([-.2, 0, 1, 1, .9], False), ([0, 0, 320, 240, .9], True)):
        with pytest.raises(ValueError, match=r"key 'a,0001': box .*\(0 to 1\)") as error:
            select_proposals({'a,0001': np.array([box])}, ['a,0001'], .5, 9, 'p')
        assert ('divide pixels' in str(error.value)) == advice
