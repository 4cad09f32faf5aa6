"""Download a file over HTTP: complete or not at all, with progress, cancelling and a size limit."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import re
import threading
from collections.abc import Callable, Generator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx

from common.atomic import atomic_write
from common.errors import InputError

MAX_BYTES = 4 << 30
"""Default size limit of a download."""

TIMEOUT = 20.0
"""Seconds without an answer after which a download fails."""

CHUNK_BYTES = 1 << 18
"""Bytes that are read and written at once."""

PROGRESS_SECONDS = 0.1
"""Seconds between two reports of progress."""

Progress = Callable[[float, str], None]
"""Called with the finished share, 0 to 1 (0 if the size is unknown), and the amount as text. It may raise to cancel."""


def download(
    url: str, folder: Path, suffix: str, progress: Progress, limit: int = MAX_BYTES, check: Callable[[Path], object] = Path.stat
) -> Path:
    """Download a file into its own folder inside `folder`, so that files with equal names do not replace each other.

    Args:
        url: http(s) address of a file.
        folder: created if it is missing.
        suffix: required suffix of the file's name.
        progress: called every `PROGRESS_SECONDS` in the caller's thread, however slow the server is.
        limit: maximum size in bytes.
        check: called with the whole file before it gets its name; raises InputError if the content is wrong.

    Returns:
        The file's path.

    Raises:
        InputError: bad address, no answer, empty, too large, incomplete, refused by `check`, or it cannot be written.
    """
    address = url.strip()
    target = folder / address_folder(address) / file_name(address, suffix)
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_write(target) as temporary:
            _save(address, temporary, url, progress, limit)
            try:
                check(temporary)
            except InputError as error:
                raise InputError(url, error.fault, error.remedy) from error
    except httpx.RemoteProtocolError as error:
        raise _protocol_error(url, error) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InputError(url, f"cannot be downloaded ({_reason(error)})", "check the URL and your network") from error
    finally:
        with contextlib.suppress(OSError):  # remove the folder if it is empty
            target.parent.rmdir()
    return target


def file_name(url: str, suffix: str) -> str:
    """Return the name of the file at an address; InputError unless it is an http(s) address of a file with this suffix."""
    try:
        parts = urlsplit(url)
        readable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:  # an unclosed bracket, or a port that is not a number
        readable = False
    if not readable or " " in parts.netloc:
        raise InputError(url, "is not a web address", "a URL starts with https:// and the name of a server")
    name = PurePosixPath(unquote(parts.path)).name
    if not name.endswith(suffix):
        raise InputError(url, f"does not name a {suffix} file")
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", name)


def address_folder(url: str) -> str:
    """Return a folder name that is unique for an address."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _save(address: str, temporary: Path, url: str, progress: Progress, limit: int) -> None:
    done = total = 0
    with contextlib.closing(_received(address)) as parts, temporary.open("wb") as file:
        for part in parts:
            total, done = (part, done) if isinstance(part, int) else (total, done + len(part))
            if max(total, done) > limit:
                raise InputError(url, f"is larger than {limit >> 20} MiB")
            if isinstance(part, bytes):
                file.write(part)
            progress(done / total if total else 0.0, f"{done / 2**20:.1f} MiB")
    if not done:
        raise InputError(url, "is empty")


def _received(address: str) -> Generator[int | bytes, None, None]:
    """Yield the number of bytes (0 if it is unknown), then the bytes; b"" when none have come for `PROGRESS_SECONDS`.

    Another thread waits for the server, so that this one can stop at any time.
    """
    parts: queue.Queue[int | bytes | Exception | None] = queue.Queue(4)
    stopped = threading.Event()
    threading.Thread(target=_receive, args=(address, parts, stopped), daemon=True).start()
    try:
        while True:
            try:
                part = parts.get(timeout=PROGRESS_SECONDS)
            except queue.Empty:
                part = b""
            if isinstance(part, Exception):
                raise part
            if part is None:
                return
            yield part
    finally:
        stopped.set()


def _receive(address: str, parts: queue.Queue[int | bytes | Exception | None], stopped: threading.Event) -> None:
    def put(part: int | bytes | Exception | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                parts.put(part, timeout=PROGRESS_SECONDS)
                return

    try:
        with (
            httpx.Client(timeout=TIMEOUT, follow_redirects=True, event_hooks={"response": [_check_redirect]}) as client,
            client.stream("GET", address) as answer,
        ):
            answer.raise_for_status()
            length = answer.headers.get("Content-Length", "")
            put(int(length) if length.isdigit() and "Content-Encoding" not in answer.headers else 0)
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                if stopped.is_set():
                    return
                put(chunk)
        put(None)
    except Exception as error:  # raised where the parts are used
        put(error)


def _check_redirect(answer: httpx.Response) -> None:
    if answer.has_redirect_location:
        target = answer.url.join(answer.headers["Location"])
        if target.scheme not in ("https", answer.url.scheme):
            raise InputError(
                str(answer.url), f"leads to an address with {target.scheme or 'no scheme'}", "only https is followed"
            )


def _protocol_error(url: str, error: httpx.RemoteProtocolError) -> InputError:
    text = str(error)
    if counts := re.search(r"received (\d+) bytes, expected (\d+)", text):
        return InputError(url, f"ended after {counts[1]} of {counts[2]} bytes", "try again")
    if "peer closed connection" in text:
        return InputError(url, "the download stopped before the end", "try again")
    return InputError(url, "cannot be downloaded (not answered by a web server)", "check the URL")


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error.response.status_code} {error.response.reason_phrase}"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {TIMEOUT:g} seconds"
    return str(error) or type(error).__name__
