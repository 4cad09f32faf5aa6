"""Measure how fast a very long video opens, and whether its memory stays flat while it plays.

python -m benchmarks.long_video [BUNDLE] [--frames 10000] [--seconds 20]

A bundle of several segments is measured as it is. Any other one, by default the demo, is cut into three segments, which are
repeated by reference. Each is read, checked and converted again whenever playback reaches it, because only two are
kept in memory.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from common.command_line import ArgumentParser, parse_count, run
from common.errors import InputError
from model.bundle.read import read_bundle
from model.bundle.segment_write import contents_of_video, row_of_segments, write_segments
from model.segment_store import LEAST_SEGMENTS
from model.segmented_video import SegmentedVideo
from model.video import VolumetricVideo
from renderer.frame_cache import FrameCache
from renderer.segments import SegmentRenderer
from renderer.select import create_renderer

DEMO = Path(__file__).parent.parent / "assets" / "demo.mlpvid"
SEGMENTS = 3
"""Segments with data of their own. With two, all would stay in memory."""
CACHE_BYTES = 128 << 20
"""Budget of decoded frames."""
STEPS = {"hash.tables": (0.01,)}
"""How the tables of the made segments are rounded. A bundle of exact tables would only be larger."""
SEEKS = 20
"""Frames that are sought."""


@dataclass(frozen=True)
class LongVideo:
    """What was measured."""

    frames: int
    """Number of frames of the video."""
    segments: int
    """Number of its segments."""
    file_bytes: int
    """Size of its file."""
    open_seconds: float
    """Seconds until it is open, with the decoder and the first segment in memory."""
    played_frames: int
    """Frames that were prepared, one after another."""
    passed_segments: int
    """Segments that playback went through."""
    first_half_bytes: int
    """Highest memory of the process in the first half of the time."""
    second_half_bytes: int
    """Highest memory of the process in the second half."""
    longest_stall_ms: float
    """The longest time from asking for a frame until it was prepared."""
    median_seek_ms: float
    """The same after seeking to a random frame whose segment is not in memory: the median of `SEEKS`."""
    longest_seek_ms: float
    """The longest of these."""


def make_long_bundle(source: VolumetricVideo, frames: int, path: Path) -> None:
    """Write a video of about `frames` frames that repeats the frames of another one.

    Raises:
        InputError: the other one has fewer than four frames per segment.
    """
    length = source.num_frames // SEGMENTS
    if length < 4:
        raise InputError("the bundle", f"has {source.num_frames} frames, fewer than {4 * SEGMENTS}", "choose a longer one")
    parts = []
    for index in range(SEGMENTS):
        own = slice(index * length, (index + 1) * length)
        arrays = source.latents[own], source.boxes[own], source.occupancy[own]
        parts.append(VolumetricVideo(source.config, source.metadata, *arrays, source.decoder_weights, source.hash_tables))
    segments = row_of_segments([length] * SEGMENTS, repeats=max(1, round(frames / (SEGMENTS * length))))
    write_segments([contents_of_video(part, STEPS) for part in parts], segments, source.metadata, path)


def measure(path: Path, seconds: float, skip: int) -> LongVideo:
    """Open a long bundle and play it for some seconds, every `skip`-th frame as fast as they are prepared."""
    begun = time.perf_counter()
    video = read_bundle(path)
    opened = time.perf_counter() - begun
    if not isinstance(video, SegmentedVideo):
        raise InputError(path, "has a single segment")
    video.store.count = LEAST_SEGMENTS
    cache = FrameCache(SegmentRenderer(create_renderer("auto")), video, CACHE_BYTES)
    memory = psutil.Process()
    peaks, played, stall, passed, before = [0, 0], 0, 0.0, 0, 0
    times, start = _times(video.num_frames, skip), time.perf_counter()
    while (share := (time.perf_counter() - start) / seconds) < 1:
        now = next(times)
        cache.decode_ahead([now + skip * ahead for ahead in range(1, 4) if now + skip * ahead < video.num_frames])
        asked = time.perf_counter()
        cache.get(now)
        index = video.parts(now)[0][0].index
        passed, before = passed + (index != before), index
        half = int(2 * share)
        peaks[half] = max(peaks[half], memory.memory_info().rss)
        stall = max(stall, time.perf_counter() - asked) if played else 0.0  # the first frame loads the backend
        played += 1
    seeks = [1000 * _seek(cache, video, random.Random(seed)) for seed in range(SEEKS)]
    cache.close()
    found = statistics.median(seeks), max(seeks)
    counts = len(video.segments), path.stat().st_size, opened, played, passed
    return LongVideo(video.num_frames, *counts, peaks[0], peaks[1], 1000 * stall, *found)


def _seek(cache: FrameCache, video: SegmentedVideo, chance: random.Random) -> float:
    """Return the seconds until a random frame is shown whose segment is not in memory."""
    cache.decode_ahead([])
    video.store.load_ahead(None, ())
    video.store.wait_until_idle(60)
    cache.clear()
    frames = [frame for frame in range(video.num_frames) if not video.is_loaded(float(frame))]
    chosen = float(chance.choice(frames or range(video.num_frames)))
    begun = time.perf_counter()
    cache.get(chosen)
    return time.perf_counter() - begun


def _times(count: int, skip: int) -> Iterator[float]:
    while True:
        yield from map(float, range(0, count, skip))


def _command(options: argparse.Namespace) -> int:
    source = read_bundle(options.bundle)
    with tempfile.TemporaryDirectory() as folder:
        path = options.bundle
        if not isinstance(source, SegmentedVideo):
            path = Path(folder) / "long.mlpvid"
            make_long_bundle(source, options.frames, path)
        result = asdict(measure(path, options.seconds, options.skip))
    lines = (f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value:,}" for name, value in result.items())
    print(json.dumps(result, indent=2) if options.json else "\n".join(lines))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = ArgumentParser(prog="benchmarks.long_video", description="Measure a very long video.")
    parser.add_argument("bundle", nargs="?", type=Path, default=DEMO, help="a .mlpvid file (default: the demo)")
    parser.add_argument(
        "--frames", type=parse_count, default=10_000, help="frames of the video that is made (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=parse_count, default=20, help="time to play (default: %(default)s)")
    parser.add_argument("--skip", type=parse_count, default=1, help="play every n-th frame (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
