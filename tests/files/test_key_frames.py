"""Lines of "video,timestamp"."""
import pytest
from files.texts import write

from stssa_mm.files.key_frames import read_exclusions, read_key_frames


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
