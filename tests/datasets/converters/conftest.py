import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class FileServer(ThreadingHTTPServer):
    """Serves ``files`` (path to bytes) with or without ranges, and misbehaves where told to.

    Attributes:
        requests (list[tuple[str, str | None]]): Path and Range header of each.
        cuts (dict[str, int]): Paths whose next answer breaks off after so many bytes.
        errors (dict[str, list[int]]): Statuses of a path's next answers.
        ranges (bool): Whether Range is honoured.
    """
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.files, self.requests, self.cuts, self.errors, self.ranges = {}, [], {}, {}, True
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
        if body is None:
            return self.send_error(404)
        first = int(re.fullmatch(r'bytes=(\d+)-', asked)[1]) if asked and self.server.ranges else None
        if first is not None and first >= len(body):
            return self.send_error(416)
        self.send_response(200 if first is None else 206)
        if first is not None:
            self.send_header('Content-Range', f'bytes {first}-{len(body) - 1}/{len(body)}')
        rest = body[first or 0:]
        self.send_header('Content-Length', str(len(rest)))
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
