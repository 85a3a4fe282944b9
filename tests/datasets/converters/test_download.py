import os

import pytest

from stssa_mm.datasets.converters.download import DownloadError, download

BODY = os.urandom(3_000_000)


def test_a_file_arrives_whole_and_leaves_no_part(server, tmp_path):
    server.files['/a.mkv'] = BODY
    download(f'{server.url}/a.mkv', tmp_path / 'new' / 'a.mkv')
    assert (tmp_path / 'new' / 'a.mkv').read_bytes() == BODY
    assert [file.name for file in (tmp_path / 'new').iterdir()] == ['a.mkv']


def test_a_cut_connection_is_continued_where_it_broke(server, tmp_path):
    server.files['/a.mkv'], server.cuts['/a.mkv'] = BODY, 1_000_000
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', wait=0)
    assert (tmp_path / 'a.mkv').read_bytes() == BODY
    assert server.requests == [('/a.mkv', None), ('/a.mkv', 'bytes=1000000-')]


def test_the_next_call_continues_the_part_of_one_that_gave_up(server, tmp_path):
    server.files['/a.mkv'], server.cuts['/a.mkv'] = BODY, 1_000_000
    with pytest.raises(DownloadError, match=r'/a.mkv: cut off after 1000000 of 3000000 bytes \(1 attempts\)'):
        download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert not (tmp_path / 'a.mkv').exists()
    assert (tmp_path / 'a.mkv.part').read_bytes() == BODY[:1_000_000]
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert (tmp_path / 'a.mkv').read_bytes() == BODY
    assert server.requests[-1] == ('/a.mkv', 'bytes=1000000-')


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    server.files['/a.mkv'], server.ranges = BODY, False
    (tmp_path / 'a.mkv.part').write_bytes(b'wrong start')
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv')
    assert (tmp_path / 'a.mkv').read_bytes() == BODY


def test_a_part_longer_than_the_file_is_dropped(server, tmp_path):
    server.files['/a.mkv'] = BODY
    (tmp_path / 'a.mkv.part').write_bytes(bytes(len(BODY) + 1))
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', wait=0)
    assert (tmp_path / 'a.mkv').read_bytes() == BODY


def test_temporary_errors_are_tried_again_and_lasting_ones_are_not(server, tmp_path):
    server.files['/a.mkv'], server.errors['/a.mkv'] = BODY, [503, 429]
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', wait=0)
    assert (tmp_path / 'a.mkv').read_bytes() == BODY
    with pytest.raises(DownloadError, match='/b.mkv: HTTP 404'):
        download(f'{server.url}/b.mkv', tmp_path / 'b.mkv')
    assert server.paths() == ['/a.mkv'] * 3 + ['/b.mkv']


def test_nobody_there_is_told_in_one_line(tmp_path):
    with pytest.raises(DownloadError, match=r'^http://127.0.0.1:9/a.mkv: .*refused.* \(2 attempts\)$'):
        download('http://127.0.0.1:9/a.mkv', tmp_path / 'a.mkv', attempts=2, wait=0)
