"""Downloading large files from servers that may fail."""
import http.client
import os
import re
import socket
import ssl
import time
from pathlib import Path
from typing import Optional
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from tqdm import tqdm

TIMEOUT = 60  # seconds without a byte
TEMPORARY = (408, 416, 425, 429, 500, 502, 503, 504)
BREAKS = (URLError, ConnectionError, socket.timeout, ssl.SSLError, http.client.HTTPException)


class DownloadError(OSError):
    """A file that cannot be had: its address and why."""


class HTTPAlone(HTTPRedirectHandler):
    """Follows redirects to http and https; urllib's own handler goes on to ftp as well."""

    def redirect_request(self, request, fp, code, message, headers, url):
        """The request of the new address."""
        _check_scheme(url, f'{request.full_url}: it redirects to {url}')
        return super().redirect_request(request, fp, code, message, headers, url)


def _check_scheme(url: str, fault: str) -> None:
    if urlparse(url).scheme not in ('http', 'https'):
        raise DownloadError(f'{fault}: expected an address that begins with http:// or https://')


def _opener() -> OpenerDirector:
    """Opens http and https alone, where urllib's opens files and ftp too."""
    opener = OpenerDirector()
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPDefaultErrorHandler, HTTPAlone, HTTPErrorProcessor):
        opener.add_handler(handler())
    return opener


def download(url: str, path: Path, attempts: int = 5, wait: float = 1.0) -> None:
    """Download a file; what an earlier call left in ``<path>.part`` is continued if the server allows it.

    ``path`` appears only once the file is complete. A part is continued only where the server says that the file is
    still the same: its ETag or date is kept in ``<path>.part.tag``.

    Args:
        url (str): Its address, http or https.
        path (Path): Where to write it; folders are made.
        attempts (int): How often to try where an error may pass. Defaults to 5.
        wait (float): Seconds before the second attempt; doubles with each one more. Defaults to 1.

    Raises:
        DownloadError: If the server has no such file, sends an HTML page or nothing in its place, or no attempt
            succeeds.
    """
    _check_scheme(url, url)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.part')
    for attempt in range(attempts):
        if attempt:
            time.sleep(wait * 2**(attempt - 1))
        try:
            _fetch_rest(url, part)
        except HTTPError as error:
            fault = f'HTTP {error.code} {error.reason}'
            if error.code not in TEMPORARY:
                raise DownloadError(f'{url}: {fault}') from None
            if error.code == 416:  # the part is longer than the file: of another file of this name
                part.unlink(missing_ok=True)
        except BREAKS as error:
            fault = str(getattr(error, 'reason', error)) or type(error).__name__
        else:
            os.replace(part, path)
            _tag_of(part).unlink(missing_ok=True)
            return
    raise DownloadError(f'{url}: {fault} ({attempts} attempts)')


def _tag_of(part: Path) -> Path:
    return part.with_name(f'{part.name}.tag')


def _fetch_rest(url: str, part: Path) -> None:
    """Append what ``part`` lacks; write it anew if the server sends the whole file."""
    tag = _tag_of(part)
    known = tag.read_text() if tag.exists() else ''
    have = part.stat().st_size if part.exists() and known else 0
    request = Request(url, headers={'Range': f'bytes={have}-', 'If-Range': known} if have else {})
    with _opener().open(request, timeout=TIMEOUT) as response:
        total = response.headers.get('Content-Length')
        total = int(total) if total and total.isdigit() else None
        if response.status == 206:
            sent = response.headers.get('Content-Range', '')
            total = _total(sent, have)
            if total is None:
                part.unlink()  # or every later call would fail alike
                raise ConnectionError(f'asked for bytes {have}-, was sent {sent!r}')
        else:
            have = 0
        if response.headers.get_content_type() == 'text/html' and part.stem.rpartition('.')[2] not in ('html', 'htm'):
            raise DownloadError(f'{url}: it sends an HTML page: open it in a browser to see why')
        if have == 0:
            tag.write_text(_validator(response.headers))
        with open(part, 'ab' if have else 'wb') as file, tqdm(
                desc=part.stem, total=total, initial=have, unit='B', unit_scale=True, mininterval=1,
                leave=False) as bar:
            while True:
                chunk = response.read(1 << 16)
                if not chunk:
                    break
                file.write(chunk)
                bar.update(len(chunk))
            size = file.tell()
    if total is not None and size != total:
        raise ConnectionError(f'cut off after {size} of {total} bytes')
    if size == 0:
        raise ConnectionError('it sends an empty file')


def _total(sent: str, have: int) -> Optional[int]:
    """Bytes of the whole file, by the Content-Range that answers a request for those from ``have`` on; None if that is
    another range."""
    match = re.fullmatch(r'bytes (\d+)-(\d+)/(\d+)', sent)
    return int(match[3]) if match and int(match[1]) == have and int(match[2]) < int(match[3]) else None


def _validator(headers) -> str:
    """What tells this version of the file from others: a strong ETag, or the date; else nothing."""
    etag = headers.get('ETag', '')
    return etag if etag.startswith('"') else headers.get('Last-Modified', '')
