"""A web server in this process that serves one file, with ranges, as slowly as it is told."""

from __future__ import annotations

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE_BYTES = 1 << 14
"""Bytes sent at once."""


class FileServer(ThreadingHTTPServer):
    """Serves the same content at every path. Use it as a context.

    Args:
        content: the file.
        bits_per_second: limit for all connections together; None is as fast as possible.
        handler: answers the requests.
    """

    daemon_threads = True

    def __init__(
        self, content: bytes, bits_per_second: float | None = None, handler: type[BaseHTTPRequestHandler] | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler or FileHandler)
        self.content, self.bits_per_second = content, bits_per_second
        self.etag = '"1"'
        self.requests: list[str] = []
        """The Range header of each request; empty where there was none."""
        self._lock = threading.Lock()
        self._free = 0.0

    @property
    def url(self) -> str:
        """Address of the file."""
        return f"http://127.0.0.1:{self.server_address[1]}/file.mlpvid"

    def __enter__(self) -> FileServer:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def wait_for_line(self, count: int) -> None:
        """Wait until the line has carried this many more bytes."""
        if self.bits_per_second is None:
            return
        with self._lock:
            self._free = max(self._free, time.monotonic()) + count * 8 / self.bits_per_second
            free = self._free
        time.sleep(max(0.0, free - time.monotonic()))

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients may leave at any time."""


class FileHandler(BaseHTTPRequestHandler):
    """Answers with the file or a range of it."""

    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        """Answer a request."""
        asked = self.headers.get("Range", "")
        self.server.requests.append(asked)
        self.answer(asked)

    def answer(self, asked: str) -> None:
        """Send what was asked for."""
        content, found = self.server.content, re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
        if found is None:
            self.send_head(200, len(content))
            self.send_body(content)
            return
        start, stop = int(found[1]), min(int(found[2]) + 1, len(content))
        if start >= len(content):
            self.send_head(416, 0, f"bytes */{len(content)}")
            return
        self.send_head(206, stop - start, f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_body(content[start:stop])

    def send_head(self, status: int, length: int | None, content_range: str = "", **others: str) -> None:
        """Send status and headers."""
        self.send_response(status)
        headers = {"ETag": self.server.etag, "Content-Range": content_range, **others}
        if length is not None:
            headers["Content-Length"] = str(length)
        for name, value in headers.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send_body(self, data: bytes) -> None:
        """Send bytes at the server's speed."""
        for position in range(0, len(data), PIECE_BYTES):
            piece = data[position : position + PIECE_BYTES]
            self.server.wait_for_line(len(piece))
            self.wfile.write(piece)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""
