"""Lines of "video,timestamp"."""
import pytest
from files.texts import write

from stssa_mm.files.key_frames import KeyFrame, key_of, read_exclusions, read_key_frames, split_key


@pytest.mark.parametrize(('key', 'key_frame', 'spelled'), [
    ('v,0902', ('v', 902), 'v,0902'), (' v ,902.0000001', ('v', 902), 'v,0902'),
    ('a,b,902.5', ('a,b', 902.5), 'a,b,902.5'), ('v,12345', ('v', 12345), 'v,12345')])
def test_keys(key, key_frame, spelled):
    found = split_key(key)
    assert found == KeyFrame(*key_frame) and found.frame is None
    assert found.key == key_of(*key_frame) == spelled


@pytest.mark.parametrize('key', ['v', 'v,', ',1', 'v,x', 'v,nan', 'v,9_02', 'v,\u0669'])
def test_what_is_no_key(key):
    with pytest.raises(ValueError, match=r"expected 'video,timestamp'"):
        split_key(key)


def test_key_frames_of_annotations_and_lists(tmp_path):
    text = 'v,0902,0.1,0.2,0.3,0.4,1,7\nv,902.0,0.1,0.2,0.3,0.4,2,7\n\n"a,b","903.5"\r\n w ,1'
    assert read_key_frames(write(tmp_path, text)) == [KeyFrame('v', 902), KeyFrame('a,b', 903.5), KeyFrame('w', 1)]


def test_exclusions(tmp_path):
    videos, timestamps = read_exclusions(write(tmp_path, '\ufeffv,0902\n\nw,903.5\r\n'))
    assert videos.tolist() == ['v', 'w'] and timestamps.tolist() == [902, 903.5]
    assert len(read_exclusions(write(tmp_path, ''))[0]) == 0
    for text in ('v,0902,1', 'v', 'v,now', 'v;0902', 'v,nan', ',1'):
        with pytest.raises(ValueError, match='a.csv:2: .*expected video,timestamp'):
            read_exclusions(write(tmp_path, f'v,0902\n{text}\n'))


@pytest.mark.parametrize('line', ['a', 'a,', 'a,nan', ',3', 'video,timestamp'])
def test_a_malformed_key_frame_names_file_and_line(tmp_path, line):
    (tmp_path / 'list.csv').write_text(f'a,0001\n{line}\n')
    with pytest.raises(ValueError, match=rf'list\.csv:2: {line!r}: expected "video,timestamp'):
        read_key_frames(tmp_path / 'list.csv')


def test_an_empty_list_of_key_frames(tmp_path):
    (tmp_path / 'list.csv').write_text('\n')
    with pytest.raises(ValueError, match='no key frames'):
        read_key_frames(tmp_path / 'list.csv')
