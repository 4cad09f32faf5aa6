"""viser's web server with the check of requests, over the network of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
import websockets.asyncio.server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from common.errors import InputError
from viewer.serve import guarded_viser
from viewer.serve.access import AccessCheck
from viewer.serve.guarded_viser import GuardedViser, bindable_port, start_viser

TOKEN = "token-of-the-test"


@pytest.fixture(scope="module")
def server() -> Iterator[GuardedViser]:
    server = start_viser("127.0.0.1", 0, "test", AccessCheck(TOKEN))
    yield server
    server.stop()


def url(server: GuardedViser, path: str = "/") -> str:
    return f"http://127.0.0.1:{server.get_port()}{path}"


def test_the_page_needs_the_token(server: GuardedViser) -> None:
    refused = httpx.get(url(server))
    assert refused.status_code == 401 and "token" in refused.text
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(url(server, f"/?token={TOKEN}"))
        assert page.status_code == 200 and "<html" in page.text and page.url == url(server)
        assert browser.get(url(server)).status_code == 200
        missing = browser.get(url(server, "/missing"))
    for answer in (refused, page, missing):  # a client must not send its next request to a connection that is just closed
        assert answer.headers["Connection"] == "close", answer.status_code


@pytest.mark.parametrize("origin", [None, "http://evil.example"])
def test_the_connection_needs_the_token_and_the_right_page(server: GuardedViser, origin: str | None) -> None:
    address = url(server).replace("http", "ws")
    cookie = {"Cookie": f"{AccessCheck(TOKEN).cookie}={TOKEN}"}
    with pytest.raises(InvalidStatus), connect(address, origin=None if origin is None else Origin(origin)):
        pass
    if origin is None:
        with connect(address, additional_headers=cookie):
            pass
    else:
        with pytest.raises(InvalidStatus), connect(address, additional_headers=cookie, origin=Origin(origin)):
            pass


def test_nothing_stays_changed_in_the_package_and_nothing_is_shared(server: GuardedViser) -> None:
    assert websockets.asyncio.server.serve.__module__ == "websockets.asyncio.server"
    assert server.request_share_url() is None


def test_a_viser_that_checks_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_viser, "_response", lambda check, request: None)
    with pytest.raises(InputError, match="cannot check who connects to it"):
        start_viser("127.0.0.1", 0, "test", AccessCheck(None))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"127\.0\.0\.1, port {port}: cannot be used by the server"):
            bindable_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a" * 300])
def test_hosts_that_are_not_this_machine_are_named(host: str) -> None:
    with pytest.raises(InputError, match=f"{host}, port 0: cannot be used by the server"):
        bindable_port(host, 0)
