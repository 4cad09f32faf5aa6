from __future__ import annotations

from http import HTTPStatus

import pytest

from common.errors import InputError
from viewer.serve.access import AccessCheck, chosen_token, is_loopback

TOKEN = "a" * 20


def status(check: AccessCheck, path: str = "/", **headers: str) -> int | None:
    answer = check.answer(path, {"host": "server:8080", **headers})
    return None if answer is None else int(answer.status)


def test_loopback_addresses() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost", "LOCALHOST")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "localhost.example.org", "")))


def test_a_token_is_made_where_other_machines_can_connect() -> None:
    assert chosen_token(None, "127.0.0.1") is None
    made = chosen_token(None, "0.0.0.0")
    assert made is not None and len(made) == 32 and made != chosen_token(None, "0.0.0.0")
    assert chosen_token("random", "127.0.0.1") not in (None, "random")
    assert chosen_token(TOKEN, "127.0.0.1") == TOKEN


@pytest.mark.parametrize("token", ["", "short", "a" * 15, "has a blank in it ", "semicolon;semicolon", "a" * 257])
def test_bad_tokens_are_refused(token: str) -> None:
    with pytest.raises(InputError, match="--token: must have at least 16 characters"):
        chosen_token(token, "127.0.0.1")


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:9", "[::1]:8080", "localhost"])
def test_without_a_token_this_machine_may_connect(host: str) -> None:
    assert status(AccessCheck(None), host=host) is None
    assert status(AccessCheck(None), host=host, origin=f"http://{host}") is None


@pytest.mark.parametrize("host", ["", "evil.example", "localhost.evil.example:8080", "192.168.1.2:8080", "[broken"])
def test_without_a_token_other_names_of_this_machine_are_refused(host: str) -> None:
    """A page of evil.example whose name suddenly leads to 127.0.0.1 (DNS rebinding) gets nothing."""
    assert status(AccessCheck(None), host=host) == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999", "http://[broken"])
def test_pages_of_other_servers_are_refused(token: str | None, origin: str) -> None:
    check = AccessCheck(token)
    assert status(check, host="localhost:8080", origin=origin, cookie=f"{check.cookie}={token}") == HTTPStatus.FORBIDDEN


def test_the_token_in_the_address_becomes_a_cookie() -> None:
    check = AccessCheck(TOKEN)
    answer = check.answer(f"/?token={TOKEN}", {"host": "server:8080"})
    assert answer is not None and answer.status == HTTPStatus.SEE_OTHER and answer.headers["Location"] == "/"
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict"} <= set(attributes)
    assert status(check, cookie=f"other=1; {cookie}") is None


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=wrong", f"/?token={TOKEN}b", f"/?other={TOKEN}", "/?token=ä"])
def test_without_the_right_token_nothing_is_shown(path: str) -> None:
    check = AccessCheck(TOKEN)
    assert status(check, path) == HTTPStatus.UNAUTHORIZED
    for cookie in (
        f"{check.cookie}=wrong",
        f"{check.cookie}=",
        "broken cookie",
        f"other={TOKEN}",
        "a=b;" * 1000,
        f"{check.cookie}=\udcff",
    ):
        assert status(check, path, cookie=cookie) == HTTPStatus.UNAUTHORIZED
    assert status(check, "/", host="localhost:8080") == HTTPStatus.UNAUTHORIZED


def test_servers_of_one_machine_have_cookies_of_their_own() -> None:
    assert AccessCheck(TOKEN).cookie != AccessCheck("b" * 20).cookie
