"""Describe a recording before it starts. Its size in bytes is estimated from earlier recordings."""

from __future__ import annotations

from pathlib import Path

from common.numbers import counted
from viewer.export.record_options import RecordOptions


class MeasuredSizes:
    """Bytes per pixel in the last recording of each format and compression."""

    def __init__(self) -> None:
        self._bytes_per_pixel: dict[tuple[object, ...], float] = {}

    def record(self, output: Path, frames: int, options: RecordOptions) -> None:
        """Measure a finished recording, unless its file or its size is unknown."""
        pixels = frames * options.size[0] * options.size[1] if options.size else 0
        size = size_on_disk(output)
        if pixels and size:
            self._bytes_per_pixel[_kind(options)] = size / pixels

    def estimate(self, frames: int, options: RecordOptions) -> int | None:
        """Estimate the bytes of a recording; None before the first recording of its kind."""
        known = self._bytes_per_pixel.get(_kind(options))
        return None if known is None or options.size is None else round(known * frames * options.size[0] * options.size[1])


def _kind(options: RecordOptions) -> tuple[object, ...]:
    image = "" if options.codec else options.image_format
    return options.codec, image, options.quality if options.codec else 0, options.transparent


def size_on_disk(output: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 if there are none."""
    try:
        files = list(output.iterdir()) if output.is_dir() else [output]
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0


def size_text(size: int) -> str:
    """Format a number of bytes: "340 kB", "3.4 MB", "12 GB"."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}" if size < 10 * scale else f"{size / scale:.0f} {unit}"
    return f"{max(1, round(size / 1000))} kB"


def summary(frames: int, fps: float, options: RecordOptions, sizes: MeasuredSizes) -> str:
    """Describe what will be written: frames, length, pixels, and bytes if they can be estimated."""
    assert options.size is not None
    width, height = options.size
    text = counted(frames, "image") if options.codec is None else f"{counted(frames, 'frame')} ({frames / fps:.2f} s)"
    size, text = sizes.estimate(frames, options), f"{text} of {width} x {height} pixels"
    return text if size is None else f"{text}, about {size_text(size)}"
