"""Files on web servers, read with range requests.

This uses httpx, not fsspec's HTTP file system: the latter does not see that a file changes between two requests, takes the
whole body for a range when the server ignores it, and cannot be interrupted while it waits.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import httpx

from common.errors import InputError
from common.streaming.address import Address
from common.streaming.remote import Answer, RemoteFault, Version

TIMEOUT = 20.0
"""Seconds without a byte after which a request fails."""

CHUNK_BYTES = 1 << 16
"""Bytes that are taken from a connection at once."""

_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class HttpRemote:
    """A file on a web server.

    Args:
        address: where it is. Redirects are followed to the same scheme or to https.
        timeout: seconds without a byte after which a request fails.
    """

    def __init__(self, address: Address, timeout: float = TIMEOUT) -> None:
        self.name = str(address)
        self._url, self._timeout = address.url, timeout
        # Compressed answers have no ranges of the file's bytes.
        self._client = httpx.Client(
            timeout=timeout,
            follow_redirects=True,
            headers={"Accept-Encoding": "identity", "User-Agent": "mlpvid"},
            event_hooks={"response": [check_redirect]},
        )

    @contextlib.contextmanager
    def request(self, start: int, stop: int) -> Iterator[Answer]:
        """Ask for a range of bytes. Raises as `Remote.request` does."""
        with (
            self._explained(),
            self._client.stream("GET", self._url, headers={"Range": f"bytes={start}-{stop - 1}"}) as response,
        ):
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                yield self._beyond_the_end(response, start)
                return
            if response.is_error:
                reason = f"cannot be downloaded ({response.status_code} {response.reason_phrase})".replace(" )", ")")
                if response.status_code in _PASSING:
                    raise RemoteFault(reason, "try again later")
                raise InputError(self.name, reason, "check the URL")
            if response.status_code == httpx.codes.PARTIAL_CONTENT:
                yield self._part(response, start, stop)
            else:
                yield self._whole(response)

    def close(self) -> None:
        """Close the connections."""
        with contextlib.suppress(Exception):  # another thread may be reading from one of them
            self._client.close()

    def _part(self, response: httpx.Response, start: int, stop: int) -> Answer:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise InputError(self.name, "is sent compressed and in parts", "the server must send .mlpvid files uncompressed")
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        first, last = (int(found[1]), int(found[2])) if found else (-1, -1)
        if found is None or first != start or not first <= last < stop:
            asked, sent = f"bytes {start}-{stop - 1}", response.headers.get("Content-Range") or "no range"
            raise InputError(
                self.name, f"the server was asked for {asked} and sends {sent[:60]}", "its range requests are broken"
            )
        size = None if found[3] == "*" else int(found[3])
        if size is not None and (last >= size or last + 1 < min(stop, size)):
            raise InputError(
                self.name, f"the server sends {found[0]}, which contradicts itself", "its range requests are broken"
            )
        chunks = self._exactly(response.iter_raw(CHUNK_BYTES), last + 1 - first, start)
        return Answer(Version(_validator(response), size), start, True, chunks)

    def _whole(self, response: httpx.Response) -> Answer:
        length = response.headers.get("Content-Length", "")
        plain = response.headers.get("Content-Encoding", "identity") == "identity"
        size = int(length) if plain and length.isdigit() else None
        chunks = response.iter_bytes(CHUNK_BYTES)  # decodes what is compressed in spite of the request
        return Answer(Version(_validator(response), size), 0, False, chunks if size is None else self._exactly(chunks, size, 0))

    def _beyond_the_end(self, response: httpx.Response, start: int) -> Answer:
        found = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
        size = int(found[1]) if found else start
        return Answer(Version(_validator(response), size), start, True, iter(()))

    def _exactly(self, chunks: Iterator[bytes], count: int, start: int) -> Iterator[bytes]:
        done = 0
        for chunk in chunks:
            done += len(chunk)
            if done > count:
                raise InputError(
                    self.name, f"the server sends more than the {count:,} bytes that it promised", "its answers are broken"
                )
            yield chunk
        if done < count:
            raise RemoteFault(f"ended after {start + done:,} of {start + count:,} bytes", "try again")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise RemoteFault(f"no answer within {self._timeout:g} seconds") from error
        except httpx.RemoteProtocolError as error:
            if counts := re.search(r"received (\d+) bytes, expected (\d+)", str(error)):
                raise RemoteFault(f"ended after {counts[1]} of {counts[2]} bytes", "try again") from error
            if "peer closed connection" in str(error) or "disconnected" in str(error):
                raise RemoteFault("the connection was cut", "try again") from error
            raise InputError(self.name, "cannot be downloaded (not answered by a web server)", "check the URL") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects, httpx.DecodingError) as error:
            raise InputError(self.name, f"cannot be downloaded ({error})", "check the URL") from error
        except (httpx.HTTPError, httpx.StreamError, RuntimeError) as error:  # RuntimeError: the client was closed
            raise RemoteFault(f"cannot be downloaded ({str(error) or type(error).__name__})") from error


def check_redirect(response: httpx.Response) -> None:
    """Raise InputError if a response leads to a scheme that is neither the same nor https."""
    if response.has_redirect_location:
        target = response.url.join(response.headers["Location"])
        if target.scheme not in ("https", response.url.scheme):
            fault = f"leads to an address with {target.scheme or 'no scheme'}"
            raise InputError(str(response.url), fault, "only https is followed")


def _validator(response: httpx.Response) -> str:
    return response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
