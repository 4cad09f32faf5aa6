"""Measure how soon a video from a slow server is seen, and whether it then plays without stalls.

python -m benchmarks.streaming [BUNDLE] [--megabits 20]
python -m benchmarks.streaming --segments 10 --frame-kilobytes 50 [--megabits 20]

The first form opens a bundle over a server in this process and renders its first picture. The second one plays a file of random
bytes at 30 frames per second, segment by segment, and measures the streaming alone: no segment is decoded.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.file_server import FileServer
from common.command_line import ArgumentParser, parse_count, run
from common.errors import InputError
from common.streaming.address import parse_address
from common.streaming.block_cache import CacheSettings
from common.streaming.open import open_address
from common.streaming.streamed_file import StreamedFile
from model.bundle.info import read_bundle
from renderer.select import create_renderer

DEMO = Path(__file__).parent.parent / "assets" / "demo.mlpvid"
HEAD_BYTES = 1 << 20
"""Bytes before the first segment: header and decoder."""
SEGMENT_FRAMES = 30
"""Frames of a segment."""
FRAMES_PER_SECOND = 30.0


def measure_bundle(file: Path, megabits: float) -> dict[str, float]:
    """Open a bundle over a slow line. Return the seconds until each step, and the bytes that were fetched."""
    renderer, content = create_renderer("auto"), file.read_bytes()
    with FileServer(content, megabits * 1e6) as server, tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        source = open_address(parse_address(server.url), CacheSettings(Path(folder)))
        with contextlib.closing(source):
            source.prefetch([(0, len(content))])
            _ = source.size
            answered = time.monotonic() - begun
            video = read_bundle(source)
            loaded = time.monotonic() - begun
            if not video.metadata.cameras:
                raise InputError(file, "has no capture cameras", "choose another bundle")
            renderer.render(renderer.prepare(video, 0.0), video.metadata.cameras[0])
            return {
                "first_answer_seconds": answered,
                "loaded_seconds": loaded,
                "first_picture_seconds": time.monotonic() - begun,
                "line_seconds": len(content) * 8 / (megabits * 1e6),
                "bytes": float(len(content)),
                "fetched_bytes": float(source.received),
            }


def measure_playback(segments: int, frame_bytes: int, megabits: float) -> dict[str, float]:
    """Play random segments over a slow line. Return the seconds until the first one is there, and the stalls after it."""
    size = frame_bytes * SEGMENT_FRAMES
    content = random.Random(0).randbytes(HEAD_BYTES + segments * size)
    ranges = [(0, HEAD_BYTES), *((HEAD_BYTES + k * size, HEAD_BYTES + (k + 1) * size) for k in range(segments))]
    with FileServer(content, megabits * 1e6) as server, tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        with contextlib.closing(open_address(parse_address(server.url), CacheSettings(Path(folder)))) as source:
            source.prefetch(ranges)
            for start, stop in ranges[:2]:
                source.read(start, stop - start)
            first = time.monotonic() - begun
            stalls = [seconds for seconds in _play(source, ranges[1:], time.monotonic) if seconds > 0.0]
        return {
            "first_segment_seconds": first,
            "stalls": float(len(stalls)),
            "stalled_seconds": sum(stalls),
            "needed_megabits": frame_bytes * 8 * FRAMES_PER_SECOND / 1e6,
        }


def _play(source: StreamedFile, segments: list[tuple[int, int]], clock: Callable[[], float]) -> list[float]:
    """Read each segment when its first frame is due. Return how late it came; 0 if it was there within a frame's time."""
    late, due = [], clock()
    for start, stop in segments:
        time.sleep(max(0.0, due - clock()))
        source.read(start, stop - start)
        delay = clock() - due
        late.append(delay if delay > 1 / FRAMES_PER_SECOND else 0.0)
        due = max(due, clock() - 1 / FRAMES_PER_SECOND) + SEGMENT_FRAMES / FRAMES_PER_SECOND
    return late


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = ArgumentParser(prog="benchmarks.streaming", description="Measure videos from a slow server.")
    parser.add_argument("bundle", nargs="?", type=Path, default=DEMO, help="a .mlpvid file (default: the demo)")
    parser.add_argument("--megabits", type=float, default=20.0, help="speed of the line, Mbit/s (default: 20)")
    parser.add_argument("--segments", type=parse_count, help="play this many segments of random bytes instead of a bundle")
    parser.add_argument("--frame-kilobytes", type=parse_count, default=50, help="kilobytes of a frame (default: 50)")
    return run(_command, parser.parse_args(arguments))


def _command(options: argparse.Namespace) -> int:
    if options.segments:
        values = measure_playback(options.segments, options.frame_kilobytes * 1000, options.megabits)
    else:
        values = measure_bundle(options.bundle, options.megabits)
    for name, value in values.items():
        print(f"{name}: {value:.0f}" if value == int(value) else f"{name}: {value:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
