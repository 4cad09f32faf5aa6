"""Downloads from servers that stall, cut, redirect or answer with nothing."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from common.download import _check_redirect, download
from common.errors import InputError
from tests.waiting import TIMEOUT

OK = b"HTTP/1.1 200 OK\r\n"

PAUSE = 0.01
"""Seconds between two looks of a server whether it shall end."""


class Server(socketserver.ThreadingTCPServer):
    """Gives each request the next of some answers; after the last one it is silent until the test ends."""

    daemon_threads = True

    def __init__(self, *answers: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.ended = list(answers), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/x.mlpvid"


class Handler(socketserver.BaseRequestHandler):
    """One request."""

    server: Server

    def handle(self) -> None:
        """Answer."""
        self.request.recv(4096)
        self.request.sendall(self.server.answers.pop(0))
        if not self.server.answers:
            self.server.ended.wait(TIMEOUT)


@pytest.fixture
def serve() -> Iterator[type[Server]]:
    servers: list[Server] = []

    def start(*answers: bytes) -> Server:
        server = Server(*answers)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=[PAUSE], daemon=True).start()
        return server

    yield start  # type: ignore[misc]
    for server in servers:
        server.ended.set()
        server.shutdown()
        server.server_close()


def nothing(_fraction: float, _detail: str) -> None:
    """Show no progress."""


class Cancelled(Exception):
    """Raised by the progress of a download that is cancelled."""


@pytest.mark.parametrize("answer", [b"", OK, OK + b"Content-Length: 1000\r\n\r\nabc"])
def test_a_silent_server_does_not_delay_cancelling(serve: type[Server], answer: bytes, tmp_path: Path) -> None:
    calls = []

    def cancel(_fraction: float, _detail: str) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        download(serve(answer).url, tmp_path / "got", ".mlpvid", cancel)
    assert len(calls) == 3 and not list((tmp_path / "got").iterdir())


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (OK + b"Content-Length: 0\r\n\r\n", "is empty"),
        (OK + b"Connection: close\r\n\r\n", "is empty"),
        (OK + b"Content-Length: 9\r\n\r\nold", "ended after 3 of 9 bytes"),
        (OK + b"Connection: close\r\n\r\nol", "is too short"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nold", "404"),
        (b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x.mlpvid\r\nContent-Length: 0\r\n\r\n", "only https"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", "only https"),
    ],
)
def test_a_bad_answer_keeps_the_file_of_the_last_time(serve: type[Server], second: bytes, fault: str, tmp_path: Path) -> None:
    def check(path: Path) -> None:
        if len(path.read_bytes()) < 3:
            raise InputError(path, "is too short")

    url = serve(OK + b"Content-Length: 3\r\n\r\nold", second, b"").url
    got = download(url, tmp_path / "got", ".mlpvid", nothing, check=check)
    with pytest.raises(InputError, match=fault) as caught:
        download(url, tmp_path / "got", ".mlpvid", nothing, check=check)
    assert str(caught.value).startswith("http") and got.read_bytes() == b"old"
    assert list(got.parent.iterdir()) == [got]


def redirected(before: str, location: str) -> httpx.Response:
    return httpx.Response(302, headers={"Location": location}, request=httpx.Request("GET", before))


def test_redirects_never_leave_encryption() -> None:
    for before, location in (("http://a/x", "https://b/x"), ("https://a/x", "/y"), ("http://a/x", "http://b/x")):
        _check_redirect(redirected(before, location))
    with pytest.raises(InputError, match="https://a/x: leads to an address with http; only https is followed"):
        _check_redirect(redirected("https://a/x", "http://b/x"))
