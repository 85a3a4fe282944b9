"""Downloading large files from servers that may fail."""
import http.client
import os
import socket
import ssl
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

TIMEOUT = 60  # seconds without a byte
TEMPORARY = (408, 416, 425, 429, 500, 502, 503, 504)
BREAKS = (URLError, ConnectionError, socket.timeout, ssl.SSLError, http.client.HTTPException)


class DownloadError(OSError):
    """A file that cannot be had: its address and why."""


def download(url: str, path: Path, attempts: int = 5, wait: float = 1.0) -> None:
    """Download a file; what an earlier call left in ``<path>.part`` is continued if the server allows it.

    ``path`` appears only once the file is complete.

    Args:
        url (str): Its address.
        path (Path): Where to write it; folders are made.
        attempts (int): How often to try where an error may pass. Defaults to 5.
        wait (float): Seconds before the second attempt; doubles with each one more. Defaults to 1.

    Raises:
        DownloadError: If the server has no such file, or no attempt succeeds.
    """
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
                part.unlink()
        except BREAKS as error:
            fault = str(getattr(error, 'reason', error)) or type(error).__name__
        else:
            os.replace(part, path)
            return
    raise DownloadError(f'{url}: {fault} ({attempts} attempts)')


def _fetch_rest(url: str, part: Path) -> None:
    """Append what ``part`` lacks; write it anew if the server sends the whole file."""
    have = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={'Range': f'bytes={have}-'} if have else {})
    with urlopen(request, timeout=TIMEOUT) as response:
        if response.status == 206:
            sent = response.headers.get('Content-Range', '')
            if not sent.startswith(f'bytes {have}-'):
                raise ConnectionError(f'asked for bytes {have}-, was sent {sent!r}')
        else:
            have = 0
        length = response.headers.get('Content-Length')
        total = None if length is None else have + int(length)
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
