"""What a server must do so that a file can be streamed from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


class RemoteFault(Exception):
    """A request failed in a way that may pass: no answer in time, a cut connection, a busy server.

    Args:
        fault: what happened, as a part of a sentence after the address.
        remedy: what the user can do if it does not pass.
    """

    def __init__(self, fault: str, remedy: str = "check your network, then try again") -> None:
        super().__init__(fault)
        self.fault, self.remedy = fault, remedy


@dataclass(frozen=True)
class Version:
    """Which content a server has at an address now."""

    validator: str
    """Changes whenever the content does: an ETag, or the time of the last change. Empty if the server sends neither."""
    size: int | None
    """Bytes of the whole file; None if the server does not tell."""


@dataclass(frozen=True)
class Answer:
    """What a server sends for one request."""

    version: Version
    """The content that the bytes belong to."""
    start: int
    """Position of the first byte. 0, whatever was asked for, if the server knows no ranges."""
    ranges: bool
    """Whether the server can begin anywhere."""
    chunks: Iterator[bytes]
    """The bytes, as they arrive. Raises `RemoteFault` when there are fewer than the server promised."""


class Remote(Protocol):
    """A file on a server."""

    name: str
    """Its address, for messages."""

    def request(self, start: int, stop: int) -> AbstractContextManager[Answer]:
        """Ask for the bytes from `start` to before `stop`; fewer at the end of the file.

        Raises:
            RemoteFault: it failed and may succeed later.
            InputError: it will fail again.
        """

    def close(self) -> None:
        """Close connections. May be called from another thread while a request is being answered."""
