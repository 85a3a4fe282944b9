import os

import pytest

from stssa_mm.converters.download import DownloadError, download

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


def begun(server, tmp_path, body):
    """A part of a file that the server holds no longer, or not in this form."""
    server.files['/a.mkv'], server.cuts['/a.mkv'] = body, len(body) // 2
    with pytest.raises(DownloadError):
        download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert (tmp_path / 'a.mkv.part').stat().st_size == len(body) // 2


def test_a_part_longer_than_the_file_is_dropped(server, tmp_path):
    begun(server, tmp_path, BODY)
    with open(tmp_path / 'a.mkv.part', 'ab') as file:
        file.write(bytes(len(BODY)))
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', wait=0)
    assert (tmp_path / 'a.mkv').read_bytes() == BODY


def test_a_file_that_changed_meanwhile_is_not_joined(server, tmp_path):
    begun(server, tmp_path, BODY)
    server.files['/a.mkv'] = bytes(reversed(BODY))
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert (tmp_path / 'a.mkv').read_bytes() == bytes(reversed(BODY))


@pytest.mark.parametrize('headers', [{}, {'ETag': 'W/"1"'}])
def test_a_part_whose_version_nobody_knows_is_not_continued(server, tmp_path, headers):
    server.etag, server.headers = False, headers
    begun(server, tmp_path, BODY)
    server.files['/a.mkv'] = bytes(reversed(BODY))
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert (tmp_path / 'a.mkv').read_bytes() == bytes(reversed(BODY))
    assert server.requests[-1] == ('/a.mkv', None)


def test_a_date_tells_versions_apart_as_well(server, tmp_path):
    server.etag, server.headers = False, {'Last-Modified': 'Wed, 21 Oct 2015 07:28:00 GMT'}
    begun(server, tmp_path, BODY)
    with pytest.raises(DownloadError, match='cut off'):  # the server knows If-Range with an ETag alone: all is sent
        server.cuts['/a.mkv'] = 10
        download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert server.requests[-1] == ('/a.mkv', f'bytes={len(BODY) // 2}-')


def test_ranges_that_the_server_caps_are_put_together(server, tmp_path):
    begun(server, tmp_path, BODY)
    server.most = 1_000_000
    with pytest.raises(DownloadError, match='cut off after 2500000 of 3000000 bytes'):
        download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert not (tmp_path / 'a.mkv').exists()
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert (tmp_path / 'a.mkv').read_bytes() == BODY
    assert [file.name for file in tmp_path.iterdir()] == ['a.mkv']


@pytest.mark.parametrize('sent', ['bytes 0-9/10', 'bytes 1500000-2999999/*', 'bytes 1500000-3000000/3000000', '', 'x'])
def test_another_range_than_was_asked_for_is_not_joined(server, tmp_path, sent):
    begun(server, tmp_path, BODY)
    server.headers = {'Content-Range': sent}
    with pytest.raises(DownloadError, match='asked for bytes 1500000-, was sent'):
        download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)
    assert not (tmp_path / 'a.mkv').exists()
    download(f'{server.url}/a.mkv', tmp_path / 'a.mkv', attempts=1)  # from the start
    assert (tmp_path / 'a.mkv').read_bytes() == BODY


@pytest.mark.parametrize(('headers', 'body', 'message'), [
    ({'Content-Type': 'text/html; charset=utf-8'}, b'<html>sign in</html>', 'it sends an HTML page'),
    ({}, b'', 'it sends an empty file'),
])
def test_a_page_or_nothing_is_no_file(server, tmp_path, headers, body, message):
    server.files['/a.csv'], server.headers = body, headers
    with pytest.raises(DownloadError, match=rf'^http://127.0.0.1:\d+/a.csv: {message}'):
        download(f'{server.url}/a.csv', tmp_path / 'a.csv', attempts=1)
    assert not (tmp_path / 'a.csv').exists()


@pytest.mark.parametrize('url', [
    'file:///etc/passwd', 'ftp://127.0.0.1/a', 'data:,abc', '/etc/passwd', 'a.csv', 'jar:x', 'FILE:///etc/passwd',
    'gopher://127.0.0.1/', 'javascript:1', ''])
def test_only_http_is_opened(server, tmp_path, url):
    with pytest.raises(DownloadError, match='expected an address that begins with http'):
        download(url, tmp_path / 'a')
    if '://' in url:
        server.redirects['/a'] = url
        with pytest.raises(DownloadError, match=r'/a: (it redirects to .*: expected an address|HTTP 302.*not allowed)'):
            download(f'{server.url}/a', tmp_path / 'a')
    assert not list(tmp_path.iterdir())


def test_redirects_are_followed(server, tmp_path):
    server.files['/b'], server.redirects['/a'] = BODY, '/b'
    download(f'{server.url}/a', tmp_path / 'a')
    assert (tmp_path / 'a').read_bytes() == BODY
    server.redirects['/c'] = '/c'
    with pytest.raises(DownloadError, match='HTTP 302'):
        download(f'{server.url}/c', tmp_path / 'c')


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
