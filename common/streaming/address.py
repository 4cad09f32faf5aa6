"""Addresses of files on servers, such as https://host/name.mlpvid or s3://bucket/name.mlpvid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from common.errors import InputError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
_PASSWORD = re.compile(r"(?<=://)[^/@]*@")


@dataclass(frozen=True, order=True)
class Address:
    """Where a file is on a server. Its properties are those of paths, so that both can be shown in the same places."""

    url: str
    """The address as the user wrote it, without spaces around it."""

    def __str__(self) -> str:
        return _PASSWORD.sub("", self.url)

    @property
    def scheme(self) -> str:
        """The part before ://, in lower case."""
        found = _SCHEME.match(self.url)
        return found[0].lower() if found else ""

    @property
    def name(self) -> str:
        """The file's name."""
        return _NOT_IN_NAMES.sub("_", PurePosixPath(unquote(urlsplit(self.url).path)).name) or self.scheme

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return PurePosixPath(self.name).stem


def is_address(text: str) -> bool:
    """Return whether a text is an address rather than a path: it begins with a scheme and ://."""
    return _SCHEME.match(text.strip()) is not None


def parse_address(text: str) -> Address:
    """Return the address that a text names.

    Raises:
        InputError: it names no server or file, or its port is not a number.
    """
    address = Address(text.strip())
    try:
        parts = urlsplit(address.url)
        readable = bool(address.scheme and (parts.netloc or parts.path)) and (parts.port or 0) >= 0
    except ValueError:  # an unclosed bracket, or a port that is not a number
        readable = False
    if not readable or " " in parts.netloc or (is_web(address) and not parts.hostname):
        raise InputError(text, "is not a web address", "a URL starts with https:// and the name of a server")
    return address


def is_web(address: Address) -> bool:
    """Return whether it is the address of a web server."""
    return address.scheme in ("http", "https")
