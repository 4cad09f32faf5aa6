"""Opening bundles: from disk, from the web, again when the file changes."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from common.atomic import atomic_write
from common.errors import InputError
from model.bundle.info import read_bundle
from model.video import VolumetricVideo
from viewer.work.job import Job

MAX_DOWNLOAD = 4 << 30
"""Most bytes that are fetched."""

DOWNLOAD_TIMEOUT = 20.0
"""Seconds without an answer after which a download fails."""

ADDRESS_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"
"""What stays as it is in an address, beside letters and digits; all else is quoted."""

WATCH_INTERVAL = 1.0
"""Seconds between checks of the files."""

Stamp = tuple[int, int] | None
"""Time of the last change (ns) and size of a file; None when there is no file."""

Loaded = tuple[Path, "VolumetricVideo | Exception", Stamp]
"""A file, its content or the error instead, and its state before it was read."""


def file_stamp(path: Path) -> Stamp:
    """Return the state of a file. Take it before reading, so that a change during the reading is noticed."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


class BundleLoader:
    """Reads bundles on their own threads; `take` returns finished ones.

    Args:
        wake: called from those threads when a bundle is finished.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._loading: set[Path] = set()
        self._again: set[Path] = set()
        self._loaded: list[Loaded] = []

    @property
    def loading(self) -> list[Path]:
        """Files that are being read now."""
        with self._lock:
            return sorted(self._loading)

    def load(self, path: Path, again: bool = False) -> None:
        """Start to read a bundle, unless it is being read already.

        Args:
            path: the file.
            again: whether the file changed, so that it must be read once more after a reading that is under way.
        """
        with self._lock:
            if path in self._loading:
                self._again.update([path] if again else [])
                return
            self._loading.add(path)
        threading.Thread(target=self._run, args=(path,), name="open", daemon=True).start()

    def take(self) -> list[Loaded]:
        """Return the videos, or the errors instead, since the last call."""
        with self._lock:
            loaded, self._loaded = self._loaded, []
            return loaded

    def _run(self, path: Path) -> None:
        again = True
        while again:
            stamp = file_stamp(path)
            try:
                outcome: VolumetricVideo | Exception = read_bundle(path)
            except Exception as error:  # the window shows it
                outcome = error
            with self._lock:
                again = path in self._again
                self._again.discard(path)
                if not again:
                    self._loading.discard(path)
                    self._loaded.append((path, outcome, stamp))
        self._wake()


class FileWatch:
    """Notices when files of open documents change on disk."""

    def __init__(self) -> None:
        self._looked = 0.0
        self._seen: dict[Path, Stamp] = {}

    def changed(self, known: dict[Path, Stamp]) -> list[Path]:
        """Return the files that differ from their known state and have stopped changing; looks once per second."""
        now = time.monotonic()
        if now - self._looked < WATCH_INTERVAL:
            return []
        self._looked = now
        stamps = {path: file_stamp(path) for path in known}
        settled = [p for p in known if stamps[p] not in (None, known[p]) and self._seen.get(p) == stamps[p]]
        self._seen = stamps
        return settled


def download(url: str, folder: Path, job: Job, limit: int = MAX_DOWNLOAD) -> Path:
    """Fetch a bundle into a folder of its own inside `folder` and return its path; it appears there whole or not at all.

    Raises:
        InputError: no http(s) address, no answer, too large, or it cannot be written.
    """
    address = url.strip()
    target = folder / address_folder(address) / bundle_name(address)
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        quoted = urllib.parse.quote(address, safe=ADDRESS_CHARACTERS)
        with urllib.request.urlopen(quoted, timeout=DOWNLOAD_TIMEOUT) as answer, atomic_write(target) as temporary:
            _copy(answer, temporary, job, url, limit)
    except http.client.IncompleteRead as error:
        raise InputError(url, "broke off before its end", "try again") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        raise InputError(url, f"cannot be fetched ({getattr(error, 'reason', error)})", "check address and network") from error
    except http.client.HTTPException as error:
        raise InputError(url, "is answered by no web server", "check the address") from error
    finally:
        with contextlib.suppress(OSError):  # the folder of a file that did not come; one that holds a file stays
            target.parent.rmdir()
    return target


def bundle_name(url: str) -> str:
    """The name of the bundle that an address names; InputError when it is no http(s) address of one."""
    try:
        parts = urllib.parse.urlsplit(url)
        readable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:  # an open bracket, a port that is no number
        readable = False
    if not readable or " " in parts.netloc:
        raise InputError(url, "is no web address", "begin it with https:// and the name of a server")
    name = PurePosixPath(urllib.parse.unquote(parts.path)).name
    if not name.endswith(".mlpvid"):
        raise InputError(url, "does not name a .mlpvid file")
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", name)


def address_folder(url: str) -> str:
    """A folder name for an address: addresses whose files have the same name do not get into each other's way."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _copy(answer: object, temporary: Path, job: Job, url: str, limit: int) -> None:
    length = answer.headers.get("Content-Length")  # type: ignore[attr-defined]
    total = int(length) if length and length.isdigit() else 0
    if total > limit:
        raise InputError(url, f"is larger than {limit >> 20} MiB")
    done = 0
    with temporary.open("wb") as file:
        while chunk := answer.read(1 << 18):  # type: ignore[attr-defined]
            job.cancel.check()
            done += len(chunk)
            if done > limit:
                raise InputError(url, f"is larger than {limit >> 20} MiB")
            file.write(chunk)
            job.report(done / total if total else 0.0, f"{done / 2**20:.1f} MiB")
    if total and done < total:
        raise InputError(url, f"ended after {done} of {total} bytes", "try again")
