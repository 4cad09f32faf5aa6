"""Measure how long the cpu backend takes to stop after an image is cancelled.

python -m benchmarks.cancellation BUNDLE [--repeats N] [--threads N]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import threading
import time as clock
from pathlib import Path

from common.command_line import ArgumentParser, parse_count, parse_threads, run
from common.errors import InputError
from model.bundle.info import read_bundle
from model.video import VolumetricVideo
from renderer.backend import CancelToken, RenderCancelled, RenderSettings
from renderer.cpu.renderer import CpuRenderer

SECONDS_BEFORE = 0.1
"""Seconds of rendering before it is cancelled."""

STEPS_PER_DIAGONAL = 20_000
"""Steps so small that the image takes far longer than `SECONDS_BEFORE`."""


def measure_delays(video: VolumetricVideo, repeats: int, threads: int | None = None) -> list[float]:
    """Return the milliseconds from each cancellation to the end of the render call, for the first camera and frame 0."""
    renderer, delays = CpuRenderer(threads), []
    frame, camera = renderer.prepare(video, 0.0), video.metadata.cameras[0].resized(4096, 4096)
    for _ in range(repeats):
        token = CancelToken()
        moments: list[float] = []

        def cancel(token: CancelToken = token, moments: list[float] = moments) -> None:
            moments.append(clock.perf_counter())
            token.cancel()

        threading.Timer(SECONDS_BEFORE, cancel).start()
        with contextlib.suppress(RenderCancelled):
            renderer.render(frame, camera, RenderSettings(steps_per_diagonal=STEPS_PER_DIAGONAL), cancel=token)
        if not moments:
            raise InputError("the image", "was finished before it was cancelled", "use fewer threads")
        delays.append((clock.perf_counter() - moments[0]) * 1000)
    return delays


def measure(options: argparse.Namespace) -> None:
    """Run the command."""
    video = read_bundle(options.bundle)
    if not video.metadata.cameras:
        raise InputError(options.bundle, "has no capture cameras")
    delays = measure_delays(video, options.repeats, options.threads)
    print(f"milliseconds until a cancelled image ends: median {statistics.median(delays):.2f}, maximum {max(delays):.2f}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = ArgumentParser(prog="benchmarks.cancellation", description="Measure how soon a cancelled image ends.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="a .mlpvid file with capture cameras")
    parser.add_argument("--repeats", type=parse_count, default=20, help="images (default: 20)")
    parser.add_argument("--threads", type=parse_threads, help="CPU threads (default: one per core)")
    return run(measure, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
