import json

import pytest

from stssa_mm.files.video_info import VideoInfo, read_video_info


def test_csv_and_json(tmp_path):
    (tmp_path / 'v.csv').write_text('video,fps,start,frames\na,29.97,900,\nb,25,0,500\n')
    (tmp_path / 'v.json').write_text(json.dumps({'a': dict(fps=29.97, start=900), 'b': dict(start=0, frames=500,
                                                                                            fps=25)}))
    for name in ('v.csv', 'v.json'):
        assert read_video_info(tmp_path / name) == {'a': VideoInfo(900, None, 29.97), 'b': VideoInfo(0, 500, 25)}


@pytest.mark.parametrize('name, text, message', [
    ('v.csv', '', ':1: expected a header with "video"'),
    ('v.csv', 'a,1,2,3\n', ':1: expected a header with "video"'),
    ('v.csv', 'video,fps\na,25\nb,0\n', ":3: fps='0': expected a number above 0"),
    ('v.csv', 'video,frames\na,1.5\n', ":2: frames='1.5': expected a whole number above 0"),
    ('v.csv', 'video,start\na,nan\n', ":2: start='nan': expected a number"),
    ('v.csv', 'video,fps\na,inf\n', ":2: fps='inf': expected a number above 0"),
    ('v.csv', 'video,fps\na,25\na,30\n', ":3: video 'a': expected a name that occurs once"),
    ('v.csv', 'video,length\na,25\n', ':2: length: expected video, start, frames, fps'),
    ('v.json', '{', ': no json'),
    ('v.json', '[1]', ': expected {"a_video"'),
    ('v.json', '{"a": {"fps": "fast"}}', ": a: fps='fast': expected a number above 0"),
])
def test_a_malformed_file_is_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError) as error:
        read_video_info(tmp_path / name)
    assert str(error.value).startswith(f'{tmp_path / name}{message}')
