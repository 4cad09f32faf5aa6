"""Read bundles in the background, and again when their files change."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from common.errors import InputError
from common.streaming.address import Address
from model.bundle.info import read_bundle
from model.run.files import CHECKPOINT, LOG, SCENE, is_run
from model.run.video import read_run
from model.scene import Scene
from model.sound.stored import sound_beside
from model.video import VolumetricVideo
from viewer import SCENE_SUFFIX
from viewer.app.places import Place, Progress, read_streamed, users_cache
from viewer.app.scene_file import Entry, placed_videos, read_scene
from viewer.playback.run_video import RunVideo

WATCH_INTERVAL = 1.0
"""Seconds between checks of the files."""

Stamp = tuple[int, int] | None
"""Time of the last change (ns) and size of a file; None when there is no file."""

Loaded = tuple[Place, "VolumetricVideo | Exception", Stamp]
"""A file, its content or the error instead, and its state before it was read."""


def read_video(path: Place, progress: Progress = lambda *_: None, config: Path | None = None) -> VolumetricVideo:
    """Read a bundle, a scene of several bundles, or the last checkpoint of a training run from its folder.

    A bundle on disk without a sound gets that of the sound file with its name, if there is one.

    Args:
        path: a file, the folder of a training run, or an address.
        progress: called while this waits for a server.
        config: settings file that names the cache of streamed videos; by default the user's.

    Raises:
        InputError: it cannot be read, or a folder is not that of a training run.
    """
    if isinstance(path, Address):
        return read_streamed(path, users_cache(config), progress)
    if not os.path.isdir(path):  # False for names that no file can have, where Path.is_dir raises
        return read_scene(path, _read_with_sound) if path.suffix == SCENE_SUFFIX else _read_with_sound(path)
    if not is_run(path):
        remedy = f"name a .mlpvid file, or the folder of a training run, which has a file {SCENE}"
        raise InputError(path, "is a folder, but not that of a training run", remedy)
    return RunVideo(read_run(path))


def _read_with_sound(path: Path) -> VolumetricVideo:
    """Read a bundle. If it has no sound, it gets that of the file next to it, if there is one."""
    video = read_bundle(path)
    if video.metadata.sound is None:
        video.metadata.sound = sound_beside(path)
    return video


def file_stamp(path: Place) -> Stamp:
    """Return the state of a file, or of the last checkpoint in a run's folder; None if there is none, and for addresses.

    Take it before reading, so that a change during the reading is noticed.
    """
    if isinstance(path, Address):
        return None
    try:
        status = os.stat(path / CHECKPOINT if path.is_dir() else path)
    except (OSError, ValueError):  # ValueError: the name has a null character
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
        self._loading: set[Place] = set()
        self._again: set[Place] = set()
        self._loaded: list[Loaded] = []
        self._entries: dict[Place, Sequence[tuple[Place, Entry]]] = {}

    @property
    def loading(self) -> list[Place]:
        """Files that are being read now."""
        with self._lock:
            return sorted(self._loading, key=str)

    @property
    def busy(self) -> bool:
        """Whether files are being read, or were read and not taken yet."""
        with self._lock:
            return bool(self._loading or self._loaded)

    def load(self, path: Place, again: bool = False, entries: Sequence[tuple[Place, Entry]] = ()) -> None:
        """Start to read a bundle, unless it is being read already.

        Args:
            path: the file.
            again: whether the file changed, so that it must be read once more after a reading that is under way.
            entries: videos of a scene that is read under this name, instead of the file.
        """
        with self._lock:
            if path in self._loading:
                self._again.update([path] if again else [])
                return
            self._entries[path] = entries
            self._loading.add(path)
        threading.Thread(target=self._run, args=(path,), name="open", daemon=True).start()

    def add(self, place: Place, outcome: VolumetricVideo | Exception) -> None:
        """Take what was read elsewhere."""
        with self._lock:
            self._loaded.append((place, outcome, None))
        self._wake()

    def take(self) -> list[Loaded]:
        """Return the videos, or the errors instead, since the last call."""
        with self._lock:
            loaded, self._loaded = self._loaded, []
            return loaded

    def _run(self, path: Place) -> None:
        again = True
        while again:
            stamp = file_stamp(path)
            try:
                entries = self._entries[path]
                outcome: VolumetricVideo | Exception
                outcome = Scene(placed_videos(entries, read_video)) if entries else read_video(path)
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
        self._seen: dict[Place, Stamp] = {}

    def changed(self, known: dict[Place, Stamp]) -> list[Place]:
        """Return the files that differ from their known state and have stopped changing; looks once per second."""
        now = time.monotonic()
        if now - self._looked < WATCH_INTERVAL:
            return []
        self._looked = now
        stamps = {path: file_stamp(path) for path in known}
        settled = [p for p in known if stamps[p] not in (None, known[p]) and self._seen.get(p) == stamps[p]]
        self._seen = stamps
        return settled


class LogWatch:
    """Notices when training runs append to their logs."""

    def __init__(self) -> None:
        self._looked = 0.0
        self._seen: dict[Path, int] = {}

    def grown(self, paths: Sequence[Place]) -> bool:
        """Return whether the log of any run among these files and folders has changed; looks once per second."""
        now = time.monotonic()
        if now - self._looked < WATCH_INTERVAL:
            return False
        before, self._looked = self._seen, now
        self._seen = {path: size for path in paths if isinstance(path, Path) and (size := _size(path / LOG)) is not None}
        return self._seen != before


def _size(path: Path) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None
