"""Frames of videos, decoded once and kept as images on disk within a limit."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import platformdirs
from PIL import Image

from common.atomic import atomic_write
from common.errors import InputError
from common.progress import progress
from training.captures.video import Video, read_frames

DEFAULT_LIMIT = 32 << 30
"""Bytes that decoded frames may take on disk."""


class FrameStore:
    """A folder of decoded frames, shared by all captures.

    The frames of each video are in a separate folder, named by the file's path, size and time of change, so that a changed
    video is decoded again. When the limit is reached, the videos that were used least recently are removed.

    Args:
        folder: where; None means the user's cache folder.
        limit: bytes on disk.
    """

    def __init__(self, folder: Path | None = None, limit: int = DEFAULT_LIMIT) -> None:
        self.folder = folder or Path(platformdirs.user_cache_dir("mlpvid", appauthor=False)) / "frames"
        self.limit = limit

    def path(self, video: Video, index: int) -> Path:
        """Return the path of a frame's image, whether or not the frame has been decoded."""
        return self._folder_of(video) / f"{index:06d}.png"

    def decode(self, video: Video, indices: Sequence[int]) -> None:
        """Decode those frames of a video that are not kept yet; show progress on stderr.

        Raises:
            InputError: the video is damaged, the disk is full, or these frames alone exceed the limit.
        """
        folder = self._folder_of(video)
        missing = sorted({index for index in indices if not self.path(video, index).is_file()})
        if not missing:
            if folder.is_dir():
                os.utime(folder)
            return
        folder.mkdir(parents=True, exist_ok=True)
        used = _bytes_in(self.folder)
        for index, pixels in progress(read_frames(video, missing), len(missing), f"decoding {video.path.name}"):
            target = self.path(video, index)
            with atomic_write(target) as temporary:
                Image.fromarray(pixels).save(temporary, "PNG", compress_level=1)
            used += target.stat().st_size
            if used > self.limit:
                used = self._make_room(folder)
        os.utime(folder)

    def _folder_of(self, video: Video) -> Path:
        status = video.path.stat()
        identity = f"{video.path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}"
        return self.folder / hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:24]

    def _make_room(self, current: Path) -> int:
        """Remove the videos used least recently, but not `current`; return the bytes that remain."""
        others = sorted((other for other in self.folder.iterdir() if other != current), key=lambda other: other.stat().st_mtime)
        used = _bytes_in(self.folder)
        for other in others:
            if used <= 0.9 * self.limit:
                break
            used -= _bytes_in(other)
            with contextlib.suppress(OSError):  # another program may be removing it, too
                shutil.rmtree(other)
        if used > self.limit:
            advice = "use fewer frames, or lower the resolution of the videos"
            raise InputError(current, f"decoded frames take more than {self.limit / (1 << 30):.3g} GiB", advice)
        return used


def _bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*.png"):
        with contextlib.suppress(OSError):
            total += file.stat().st_size
    return total
