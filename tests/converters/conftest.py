import re
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class FileServer(ThreadingHTTPServer):
    """Serves ``files`` (path to bytes) with or without ranges, and misbehaves where told to.

    Attributes:
        requests (list[tuple[str, str | None]]): Path and Range header of each.
        cuts (dict[str, int]): Paths whose next answer breaks off after so many bytes.
        errors (dict[str, list[int]]): Statuses of a path's next answers.
        ranges (bool): Whether Range is honoured.
        most (int, optional): Bytes that an answer to Range holds at most.
        etag (bool): Whether answers carry the ETag of the file, and If-Range is honoured.
        headers (dict[str, str]): More headers of all answers, in place of others of the same name.
        redirects (dict[str, str]): Paths that lead to another address.
    """
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.files, self.requests, self.cuts, self.errors, self.ranges = {}, [], {}, {}, True
        self.most, self.etag, self.headers, self.redirects = None, True, {}, {}
        self.url = f'http://127.0.0.1:{self.server_address[1]}'

    def paths(self):
        return [path for path, _ in self.requests]


class Handler(BaseHTTPRequestHandler):

    def do_GET(self):
        asked = self.headers.get('Range')
        self.server.requests.append((self.path, asked))
        body = self.server.files.get(self.path)
        if self.server.errors.get(self.path):
            return self.send_error(self.server.errors[self.path].pop(0))
        if self.path in self.server.redirects:
            self.send_response(302)
            self.send_header('Location', self.server.redirects[self.path])
            self.send_header('Content-Length', '0')
            return self.end_headers()
        if body is None:
            return self.send_error(404)
        etag = f'"{zlib.crc32(body)}"'
        honoured = self.server.ranges and self.headers.get('If-Range') in (None, etag)
        first = int(re.fullmatch(r'bytes=(\d+)-', asked)[1]) if asked and honoured else None
        if first is not None and first >= len(body):
            return self.send_error(416)
        headers = {'ETag': etag} if self.server.etag else {}
        rest = body[first or 0:]
        if first is not None:
            rest = rest[:self.server.most]
            headers['Content-Range'] = f'bytes {first}-{first + len(rest) - 1}/{len(body)}'
        headers['Content-Length'] = str(len(rest))
        self.send_response(200 if first is None else 206)
        for name, value in {**headers, **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(rest[:self.server.cuts.pop(self.path, len(rest))])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    """A :class:`FileServer` on this machine."""
    with FileServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01, ), daemon=True).start()
        yield server
        server.shutdown()
