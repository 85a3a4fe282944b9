"""Reading AVA's files: what is right is read as it stands, what is wrong is named with file and line."""
import csv
import math

import numpy as np
import pytest
from files.texts import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stssa_mm.files.annotations import read_annotations, read_detections
from stssa_mm.files.key_frames import read_exclusions
from stssa_mm.files.label_map import read_label_map
from stssa_mm.files.text import without_blanks

GOOD = 'v,0902,0.1,0.2,0.3,0.4,1,7\n'


def test_columns_are_read_as_they_stand(tmp_path):
    rows = read_annotations(write(tmp_path, 'w,0902,0.1,0.2,0.3,0.4,1,7\n\nv,902.5,0,0,1,1,80,0\nw,0903\n'))
    assert rows.videos.tolist() == ['v', 'w'] and rows.video.tolist() == [1, 0]
    assert rows.timestamp.tolist() == [902, 902.5] and rows.label.tolist() == [1, 80] and rows.person.tolist() == [7, 0]
    assert rows.box.tolist() == [[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]] and rows.score.tolist() == [1, 1]
    assert (rows.empty_video.tolist(), rows.empty_timestamp.tolist()) == ([1], [903]) and rows.notes == ()


@pytest.mark.parametrize('text', ['\ufeff' + GOOD, GOOD.replace('\n', '\r\n'), '\n' + GOOD + '\n\n'])
def test_byte_order_mark_line_ends_and_blank_lines_are_fine(tmp_path, text):
    rows = read_annotations(write(tmp_path, text))
    assert rows.videos.tolist() == ['v'] and rows.person.tolist() == [7] and rows.notes == ()


def test_trailing_comma_is_fine(tmp_path):
    assert read_annotations(write(tmp_path, GOOD.strip() + ',\nv,903,\n')).person.tolist() == [7]


def test_seven_columns_have_no_person(tmp_path):
    assert read_annotations(write(tmp_path, 'v,902,0.1,0.2,0.3,0.4,1\nv,903\n')).person is None


def test_only_key_frames_with_nobody(tmp_path):
    rows = read_annotations(write(tmp_path, 'v,902\nv,903\n'))
    assert len(rows.box) == 0 and rows.empty_timestamp.tolist() == [902, 903]


def test_names_that_look_like_numbers_or_nan_stay_names(tmp_path):
    names = ['007', 'nan', 'NA', '1e5', '-5BDj0', 'a b', '5"', "'q'"]
    text = ''.join(GOOD.replace('v,', f'{name},', 1) for name in names)
    assert sorted(read_annotations(write(tmp_path, text)).videos) == sorted(names)


@pytest.mark.parametrize('name', ['"v"', ' v', 'v ', '\tv', ' "v"', '"v" ', '" v"', '" v" '])
def test_quotes_and_blanks_around_names_are_taken_off(tmp_path, name):
    text = GOOD.replace('v,', f'{name},', 1)
    plain = read_annotations(write(tmp_path, GOOD))
    for rows in (read_annotations(write(tmp_path, text + GOOD.replace('0902', '0903'))),
                 read_detections(write(tmp_path, text + GOOD))):
        assert rows.videos.tolist() == ['v'] and rows.video.tolist() == [0, 0]
        np.testing.assert_array_equal(rows.box[:1], plain.box)
        blanks = [note for note in rows.notes if 'blanks around the name of the video in 1 rows: taken off' in note]
        assert len(blanks) == (name != '"v"')
    assert read_exclusions(write(tmp_path, f'{name},0902\n'))[0].tolist() == ['v']


def test_all_fields_may_stand_in_quotes_and_a_name_in_quotes_may_have_a_comma(tmp_path):
    quoted = '\n'.join(','.join(f'"{field}"' for field in line.split(',')) for line in (GOOD.strip(), 'w,903')) + '\n'
    rows = read_annotations(write(tmp_path, quoted + '"a,b",902,0,0,1,1,1,0\n'))
    assert rows.videos.tolist() == ['a,b', 'v', 'w'] and rows.person.tolist() == [7, 0]
    assert rows.empty_timestamp.tolist() == [903] and rows.box[0].tolist() == [0.1, 0.2, 0.3, 0.4]
    assert read_exclusions(write(tmp_path, '"a,b","902"\n'))[0].tolist() == ['a,b']


@pytest.mark.parametrize('line', ['"v,902,0.1,0.2,0.3,0.4,1,7', '"v,902\n"w,903'])
def test_a_quote_that_is_not_closed_is_named(tmp_path, line):
    with pytest.raises(ValueError, match=r'a.csv:2: '):
        read_annotations(write(tmp_path, f'{GOOD}{line}\n'))


def test_quoted_file_is_read_as_without_quotes(tmp_path, shared_data):
    path = shared_data / 'hard_inputs' / 'tables' / 'tq.csv'
    quoted, plain = (read_annotations(file) for file in (path, write(tmp_path, path.read_text().replace('"', ''))))
    assert quoted.videos.tolist() == plain.videos.tolist() and '"' not in ''.join(quoted.videos)
    for column in ('video', 'timestamp', 'box', 'label', 'person'):
        np.testing.assert_array_equal(getattr(quoted, column), getattr(plain, column))


def test_timestamps_are_equal_to_six_digits(tmp_path):
    text = ''.join(GOOD.replace('0902', time) for time in ('902.0000001', '902', '901.99999999', '902.000001', '902.5'))
    rows = read_annotations(write(tmp_path, text + 'v,902.33333333\n'))
    assert rows.timestamp.tolist() == [902, 902, 902, 902.000001, 902.5]
    assert rows.empty_timestamp.tolist() == [902.333333]
    assert read_exclusions(write(tmp_path, 'v,902.0000001\n'))[1].tolist() == [902]


def test_annotated_boxes_a_little_outside_the_frame_are_clipped_and_counted(tmp_path):
    text = 'v,902,-0.01,0.2,0.3,1.01,1,7\nv,902,0.5,-1e-9,1.000001,0.4,1,8\n'
    rows = read_annotations(write(tmp_path, GOOD + text))
    assert rows.box[1:].tolist() == [[0, 0.2, 0.3, 1], [0.5, 0, 1, 0.4]]
    assert '2 boxes reach up to 0.01 outside the frame (0 to 1): clipped' in rows.notes[0]
    for wrong in ('v,902,-0.011,0.2,0.3,1,1,7', 'v,902,1.002,0.2,1.005,0.4,1,7', 'v,902,0.1,1,0.2,1.005,1,7'):
        with pytest.raises(ValueError, match='a.csv:2: .*within the frame'):
            read_annotations(write(tmp_path, f'{GOOD}{wrong}\n'))


def test_rows_that_repeat_another_are_counted(tmp_path, shared_data):
    other = GOOD.replace(',1,7', ',2,7')
    text = GOOD + other + GOOD + 'w,903\n' + GOOD.replace('0902', '902.0') + 'w,903\n'
    rows = read_annotations(write(tmp_path, text))
    assert rows.notes == (f'{tmp_path}/a.csv: 3 rows repeat an earlier one: in the evaluation each counts, as in the '
                          'official script', ) and len(rows.label) == 4
    assert read_annotations(write(tmp_path, GOOD + other + GOOD.replace('v', 'w'))).notes == ()
    path = shared_data / 'hard_inputs' / 'tables' / 'vd.csv'
    lines = path.read_text().splitlines()
    assert f'{len(lines) - len(set(lines))} rows repeat' in read_annotations(path).notes[0]


def test_detections_without_area_are_read(tmp_path):
    assert len(read_detections(write(tmp_path, 'v,1,0.5,0,0.5,1,1,0.9\nv,1,0,1,1,1,1,0.9\n')).box) == 2
    with pytest.raises(ValueError, match='a.csv:1: .*expected x1 <= x2 and y1 <= y2'):
        read_detections(write(tmp_path, 'v,1,0.5,0,0.4,1,1,0.9\n'))


def test_numbers_are_pythons_own(tmp_path):
    values = [0.1, 0.123456, 0.998163, 1 / 3, 0.9999999, 2 / 7]
    rows = read_detections(write(tmp_path, ''.join(f'v,1,0,0,1,1,1,{value!r}\n' for value in values)))
    np.testing.assert_allclose(rows.score, values, rtol=3e-16)
    assert rows.score[:3].tolist() == values[:3]


WRONG = {  # text and what the error says of it
    'empty file': ('', 'a.csv: the file is empty'),
    'blank lines only': ('\n\n', 'a.csv: the file holds blank lines only'),
    'tabs': (GOOD.replace(',', '\t'), 'a.csv:1: 1 columns: expected video,timestamp.*tabs where commas'),
    'six columns': (GOOD + 'v,902,0.1,0.2,0.3,0.4\n', 'a.csv:2: 6 columns: expected'),
    'three columns': (GOOD + 'v,902,1\n', 'a.csv:2: 3 columns'),
    'one column': (GOOD + 'v\n', 'a.csv:2: 1 columns'),
    'nine columns': (GOOD + '\n' + GOOD.strip() + ',1\n', 'a.csv:3: 9 columns'),
    'ten columns in the first row': ('v,902,.1,.2,.3,.4,1,7,,\n', 'a.csv:1: 10 columns'),
    'fault after trailing commas': (GOOD.strip() + ',\nv,903,,,,,,\nv,902,0.1,x,0.3,0.4,1,7\n', "a.csv:3: y1='x'"),
    'fault after a line of spaces': ('  \n' + GOOD + 'v,902,0.3,0.2,0.1,0.4,1,7\n', 'a.csv:3: .*x1 < x2'),
    'underscore in a number': (GOOD + 'v,9_02,0.1,0.2,0.3,0.4,1,7\n', "a.csv:2: timestamp='9_02'"),
    'ten columns': (GOOD + GOOD.strip() + ',1,2\n', 'a.csv:2: 10 columns'),
    'no number': (GOOD + 'v,902,0.1,O.2,0.3,0.4,1,7\n', "a.csv:2: y1='O.2': expected a number"),
    'header': ('video,timestamp,x1,y1,x2,y2,label\n' + GOOD, "a.csv:1: timestamp='timestamp': expected a number"),
    'empty field': (GOOD + 'v,902,0.1,,0.3,0.4,1,7\n', "a.csv:2: y1='': expected a number"),
    'no label but a person': (GOOD + 'v,902,,,,,,7\n', "a.csv:2: x1='': expected a number"),
    'no timestamp': (GOOD + 'v,\n', "a.csv:2: timestamp='': expected a number"),
    'nan': (GOOD + 'v,902,nan,0.2,0.3,0.4,1,7\n', 'a.csv:2: .*nan'),
    'infinite': (GOOD + 'v,902,0.1,0.2,inf,0.4,1,7\n', 'a.csv:2: .*inf.*finite'),
    'no name': (GOOD + ',902,0.1,0.2,0.3,0.4,1,7\n', 'a.csv:2: .*name of the video is missing'),
    'pixels': (GOOD + 'v,902,10,20,30,40,1,7\n', r'a.csv:2: \[10.0, 20.0, 30.0, 40.0\]: .*divide pixels'),
    'outside': (GOOD + 'v,902,0.1,0.2,1.3,0.4,1,7\n', 'a.csv:2: .*within the frame'),
    'negative': (GOOD + 'v,902,-0.1,0.2,0.3,0.4,1,7\n', 'a.csv:2: .*within the frame'),
    'x2 before x1': (GOOD + 'v,902,0.3,0.2,0.1,0.4,1,7\n' * 2, r'a.csv:2: .*x1 < x2 and y1 < y2 \(2 such rows\)'),
    'no area': (GOOD + 'v,902,0.1,0.2,0.3,0.2,1,7\n', 'a.csv:2: .*y1 < y2'),
    'label 0': (GOOD + 'v,902,0.1,0.2,0.3,0.4,0,7\n', 'a.csv:2: 0.0: expected a class id'),
    'label with fraction': (GOOD + 'v,902,0.1,0.2,0.3,0.4,1.5,7\n', 'a.csv:2: 1.5: expected a class id'),
    'person with fraction': (GOOD + 'v,902,0.1,0.2,0.3,0.4,1,0.7\n', 'a.csv:2: 0.7: expected a person id.*detections'),
    'last column cut off': (GOOD + 'v,902,0.1,0.2,0.3,0.4,1\n', 'a.csv:2: .*found 7: is the file cut off'),
    'binary': (b'\xff\xfe\x00\x01' * 9, 'a.csv: no text .a zero byte at byte 2'),
    'Latin-1': ('vidéo,902,0.1,0.2,0.3,0.4,1,7\n'.encode('latin-1'), 'a.csv: no UTF-8 text'),
}


@pytest.mark.parametrize('text, message', WRONG.values(), ids=WRONG)
def test_wrong_annotations_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_annotations(write(tmp_path, text))


def test_cut_last_line_is_noted_or_an_error(tmp_path):
    rows = read_detections(write(tmp_path, GOOD.replace(',7', ',0.7') + 'v,902,0.1,0.2,0.3,0.4,1,0.'))
    assert 'no line end: is the file cut off?' in rows.notes[0] and len(rows.score) == 2
    with pytest.raises(ValueError, match=r'a.csv:2: 5 columns'):
        read_detections(write(tmp_path, GOOD + 'v,902,0.1,0.2,0.3'))


def test_detections_outside_the_frame_and_wild_scores_are_counted(tmp_path):
    rows = read_detections(write(tmp_path, 'v,1,-0.1,0,1,1,1,3.5\nv,1,0,0,1,1.01,1,0.5\n'))
    assert '2 boxes reach outside the frame' in rows.notes[0] and '1 scores are not between 0 and 1' in rows.notes[1]
    assert rows.score.tolist() == [3.5, 0.5] and rows.box[0, 0] == -0.1


def test_detections_without_score_or_without_any_row(tmp_path):
    rows = read_detections(write(tmp_path, 'v,1,0,0,1,1,1\n'))
    assert rows.score.tolist() == [1] and 'every detection has score 1' in rows.notes[0]
    none = read_detections(write(tmp_path, ''))
    assert len(none.score) == 0 and 'the file is empty: no detections' in none.notes[0]


def test_missing_file():
    for read in (read_annotations, read_detections, read_exclusions, read_label_map):
        with pytest.raises(FileNotFoundError, match='/nowhere/x.csv'):
            read('/nowhere/x.csv')


def field(text):
    return st.one_of(st.just(text), st.just(text), st.just(text),
                     st.text(alphabet='0123456789.,-+einaf\t "\x00\ufeff_', max_size=6))


line = st.tuples(*(field(text) for text in GOOD.strip().split(','))).map(','.join)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(line, st.just(GOOD.strip()), st.just('v,903'), st.just('')), max_size=6),
       st.sampled_from(['\n', '\r\n', '\n\n']), st.booleans())
def test_any_text_is_read_whole_or_refused_with_its_place(tmp_path, lines, end, detections):
    text = end.join(lines) + end
    path = write(tmp_path, text)
    try:
        rows = (read_detections if detections else read_annotations)(path)
    except ValueError as error:
        assert str(error).startswith(str(path))
        return
    kept = [row for row in csv.reader(text.replace('\ufeff', '', text.startswith('\ufeff')).splitlines()) if row]
    with_box = [row for row in kept if len(row) > 2 and any(row[2:])]
    assert len(rows.box) == len(with_box) and len(rows.empty_video) == len(kept) - len(with_box)
    for row, video, timestamp, box, label in zip(with_box, rows.video, rows.timestamp, rows.box, rows.label):
        assert rows.videos[video] == without_blanks(row[0]) and math.isclose(timestamp, float(row[1]), abs_tol=1e-6)
        assert np.allclose(box, [float(value) for value in row[2:6]], atol=0.0100001) and label == float(row[6])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path, data):
    path = write(tmp_path, data)
    for read in (read_annotations, read_detections, read_exclusions, read_label_map):
        try:
            read(path)
        except ValueError as error:
            assert str(path) in str(error)
