"""Who may use the server: the visitors who have its token, or without a token the users of this machine."""

from __future__ import annotations

import hashlib
import hmac
import http
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import SplitResult, parse_qs, urlsplit

from common.errors import InputError

RANDOM = "random"
"""Value of --token that asks for a new token."""

MIN_TOKEN = 16
"""Fewest characters of a token."""


@dataclass(frozen=True)
class Answer:
    """An answer to a request that does not reach viser."""

    status: http.HTTPStatus
    """Status of the answer."""
    text: str
    """What the browser shows."""
    headers: dict[str, str] = field(default_factory=dict)
    """Further headers."""


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def chosen_token(token: str | None, host: str) -> str | None:
    """Return the token that visitors need; None if they need none.

    Args:
        token: the user's token, `RANDOM` for a new one, or None for none on a loopback address and a new one elsewhere.
        host: the address that the server listens on.

    Raises:
        InputError: the token is too short, or has characters that need quoting in an address.
    """
    if token == RANDOM or (token is None and not is_loopback(host)):
        return secrets.token_urlsafe(24)
    if token is not None and not re.fullmatch(rf"[A-Za-z0-9_-]{{{MIN_TOKEN},256}}", token):
        rule = f"must have at least {MIN_TOKEN} characters, which are letters, digits, - or _"
        raise InputError("--token", rule, f"use `--token {RANDOM}`, which makes one")
    return token


class AccessCheck:
    """Decides about each request before viser answers it.

    A browser sends requests for any page that it has open. Without a token, requests therefore have to name this machine as
    their host, and never come from a page of another server. With a token, the address that the server prints has it. The
    first answer puts it into a cookie, which the page's connection sends along.

    Args:
        token: what visitors need; None for nothing.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        # A browser sends cookies to all ports of a machine, so servers need different names.
        self.cookie = f"mlpvid-{hashlib.sha256((token or '').encode()).hexdigest()[:12]}"
        """Name of the cookie with the token."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer | None:
        """Return the answer to a request that must not reach viser, or None if it may.

        Args:
            path: of the request, with its query.
            headers: of the request; names in lower case.
        """
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and _split(origin).netloc != host:
            return Answer(http.HTTPStatus.FORBIDDEN, "This page belongs to another server.")
        if self._token is None:
            if is_loopback(_split(f"//{host}").hostname or ""):
                return None
            return Answer(http.HTTPStatus.FORBIDDEN, "Open this server as localhost.")
        if self._matches(self._cookie_value(headers.get("cookie", ""))):
            return None
        url = _split(path)
        if self._matches(parse_qs(url.query).get("token", [""])[0]):
            cookie = f"{self.cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
            moved = {"Location": "/", "Set-Cookie": cookie, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
            return Answer(http.HTTPStatus.SEE_OTHER, "", moved)
        return Answer(http.HTTPStatus.UNAUTHORIZED, "Open the address with the token that the server printed.")

    def _matches(self, token: str) -> bool:
        return self._token is not None and hmac.compare_digest(token.encode(errors="replace"), self._token.encode())

    def _cookie_value(self, text: str) -> str:
        try:
            morsel = SimpleCookie(text).get(self.cookie)
        except CookieError:
            return ""
        return morsel.value if morsel is not None else ""


def _split(address: str) -> SplitResult:
    """Return the parts of an address; all are empty if it has no valid form."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")
