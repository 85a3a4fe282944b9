import pytest

from stssa_mm.files.thresholds import class_thresholds, read_thresholds, write_thresholds

CLASSES = {1: 'run', 2: 'fall'}


def test_written_and_read(tmp_path):
    write_thresholds(tmp_path / 't.json', [dict(id=1, name='run', threshold=.123456), dict(
        id=2, name='fall', threshold=None)], iou=.5)
    assert read_thresholds(tmp_path / 't.json') == {'run': .123456}


def test_one_for_all_or_one_for_each():
    assert class_thresholds(.3, .4, CLASSES) == {1: .3, 2: .3}
    assert class_thresholds({'fall': .1}, .4, CLASSES) == {1: .4, 2: .1}


@pytest.mark.parametrize(('value', 'expected'), [
    (1.5, "threshold 1.5 of 'all classes'"), ({'fall': '0.3'}, "threshold '0.3' of 'fall'"),
    ({'fall': True}, 'threshold True'), (float('nan'), 'threshold nan'), ({'walk': .3}, "'walk': no such class"),
])
def test_values_that_are_none(value, expected):
    with pytest.raises(ValueError, match=expected):
        class_thresholds(value, .4, CLASSES)


@pytest.mark.parametrize('text', ['', '[]', '{"a": 1}', '{"thresholds": [1]}', '{"thresholds": [{"name": "a"}]}'])
def test_other_files_are_named(tmp_path, text):
    (tmp_path / 't.json').write_text(text)
    with pytest.raises(ValueError, match=r't\.json: no thresholds in it .*: expected the file of'):
        read_thresholds(tmp_path / 't.json')
