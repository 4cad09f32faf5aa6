"""Web servers that misbehave, each in one way."""

from __future__ import annotations

import gzip
import random
import threading

from benchmarks.file_server import FileHandler, FileServer
from common.streaming.address import parse_address
from common.streaming.block_cache import BLOCK_BYTES, BlockCache
from common.streaming.http_remote import HttpRemote
from common.streaming.streamed_file import Retries, StreamedFile

QUICK = Retries(delay=0.001)
"""Does not wait between requests."""


def content(blocks: float = 3.5, seed: int = 0) -> bytes:
    """Return random bytes, by default three blocks and a half."""
    return random.Random(seed).randbytes(int(blocks * BLOCK_BYTES))


def stream(server: FileServer, cache: BlockCache, timeout: float = 20.0) -> StreamedFile:
    """Open the file of a server."""
    return StreamedFile(HttpRemote(parse_address(server.url), timeout), cache, QUICK)


class IgnoresRanges(FileHandler):
    """Always sends the whole file."""

    def answer(self, asked: str) -> None:
        """Send all."""
        self.send_head(200, len(self.server.content))
        self.send_body(self.server.content)


class TellsNoLength(FileHandler):
    """Sends the whole file without its length, and closes the connection after it."""

    def answer(self, asked: str) -> None:
        """Send all."""
        self.send_head(200, None, Connection="close")
        self.send_body(self.server.content)
        self.close_connection = True


class Compresses(FileHandler):
    """Sends the whole file with gzip, although it was asked not to."""

    def answer(self, asked: str) -> None:
        """Send all."""
        packed = gzip.compress(self.server.content, 1)
        self.send_head(200, len(packed), Content_Encoding="gzip")
        self.send_body(packed)


class CompressesParts(FileHandler):
    """Sends ranges of the compressed file."""

    def answer(self, asked: str) -> None:
        """Send a part."""
        packed = gzip.compress(self.server.content, 1)
        part = packed[:BLOCK_BYTES]
        self.send_head(206, len(part), f"bytes 0-{len(part) - 1}/{len(packed)}", Content_Encoding="gzip")
        self.send_body(part)


class Cuts(FileHandler):
    """Closes the connection in the middle of every second answer."""

    def answer(self, asked: str) -> None:
        """Cut or answer."""
        self.cut = len(self.server.requests) % 2 == 1
        super().answer(asked)

    def send_body(self, data: bytes) -> None:
        """Send a part of it."""
        super().send_body(data[: len(data) // 2] if self.cut else data)
        self.close_connection = self.close_connection or self.cut


class AlwaysCuts(Cuts):
    """Closes the connection in the middle of every answer."""

    def send_body(self, data: bytes) -> None:
        """Send a part of it."""
        self.cut = True
        super().send_body(data)


class CutsWholeFiles(IgnoresRanges):
    """Sends the whole file, but the first time only its first half."""

    def send_body(self, data: bytes) -> None:
        """Send a part of it."""
        cut = len(self.server.requests) == 1
        super().send_body(data[: len(data) // 2] if cut else data)
        self.close_connection = cut


class Stalls(FileHandler):
    """Sends some bytes, then nothing, until the test ends."""

    def send_body(self, data: bytes) -> None:
        """Send a little."""
        self.wfile.write(data[:100])
        self.wfile.flush()
        self.server.ended.wait(30)  # type: ignore[attr-defined]


class StallsOnce(Stalls):
    """Stalls in the first answer only."""

    def send_body(self, data: bytes) -> None:
        """Stall or send."""
        send = super().send_body if len(self.server.requests) == 1 else FileHandler.send_body.__get__(self)
        send(data)


class TellsOtherRange(FileHandler):
    """Sends other bytes than those asked for, and says so."""

    def answer(self, asked: str) -> None:
        """Send the second byte and those after it."""
        data = self.server.content
        self.send_head(206, len(data) - 1, f"bytes 1-{len(data) - 1}/{len(data)}")
        self.send_body(data[1:])


class TellsTooMuch(FileHandler):
    """Says that the file is one byte longer than it is, and closes the connection after the last byte."""

    def send_head(self, status: int, length: int | None, content_range: str = "", **others: str) -> None:
        """Add one to the numbers."""
        size = len(self.server.content)
        if content_range.endswith(f"-{size - 1}/{size}"):
            content_range, length = content_range.replace(f"-{size - 1}/", f"-{size}/"), (length or 0) + 1
            self.close_connection = True
        super().send_head(status, length, content_range.replace(f"/{size}", f"/{size + 1}"), **others)


class TellsTooLittle(FileHandler):
    """Announces fewer bytes in Content-Length than in Content-Range."""

    def send_head(self, status: int, length: int | None, content_range: str = "", **others: str) -> None:
        """Halve the length."""
        super().send_head(status, (length or 0) // 2, content_range, **others)
        self.close_connection = True


class ChangesHalfWay(FileHandler):
    """Has other content with another ETag from the third request on."""

    def answer(self, asked: str) -> None:
        """Change, then answer."""
        if len(self.server.requests) == 3:
            self.server.content, self.server.etag = content(seed=1), '"2"'
        super().answer(asked)


class Busy(FileHandler):
    """Is overloaded for two requests."""

    def answer(self, asked: str) -> None:
        """Refuse or answer."""
        if len(self.server.requests) > 2:
            super().answer(asked)
        else:
            self.send_head(503, 0)


class Redirects(FileHandler):
    """Leads to the address in the attribute `target` of the server."""

    def answer(self, asked: str) -> None:
        """Redirect."""
        self.send_head(302, 0, Location=self.server.target)  # type: ignore[attr-defined]


class NotFound(FileHandler):
    """Has no such file."""

    def answer(self, asked: str) -> None:
        """Refuse."""
        self.send_head(404, 0)


def serve(handler: type[FileHandler] = FileHandler, data: bytes | None = None) -> FileServer:
    """Return a server; use it as a context."""
    server = FileServer(content() if data is None else data, handler=handler)
    server.ended = threading.Event()  # type: ignore[attr-defined]
    return server
