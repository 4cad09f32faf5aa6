"""Compare the decoder in float32 and with products of bfloat16: its time, and the images of its maps.

python -m benchmarks.decoder_precision [--bundle BUNDLE | --random CAPTURE] [--frame F] [--repeats N] [--threads N]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from benchmarks.bundles import add_video_options, chosen_video
from benchmarks.compare import difference
from benchmarks.timing import Timing, median_cpu_ratio, time_interleaved
from common.command_line import ArgumentParser, parse_count, parse_threads, run
from model.video import VolumetricVideo
from renderer.cpu.renderer import CpuRenderer
from renderer.native import load_native
from renderer.native_decoder import FLOAT32, NativeDecoder, decoding_unit
from renderer.threads import available_cores

_VIEWS = 4


@dataclass(frozen=True)
class Measurement:
    """What a unit costs, and how much its images differ from those of float32."""

    timing: Timing
    """Of one frame's decoding."""
    psnr: float
    """Of the view that differs most, dB."""
    largest_255ths: float
    """Largest difference of a color or an opacity in any view."""


def measure(video: VolumetricVideo, frame: float, threads: int, repeats: int) -> dict[str, Measurement]:
    """Decode a frame in float32 and with the fastest unit, in turn, and render it from cameras of the capture."""
    native = load_native()
    units = dict.fromkeys([FLOAT32, decoding_unit(native, native.Engine(1, ""))])
    renderers = {unit: CpuRenderer(threads, decoder=unit) for unit in units}
    cameras = video.metadata.cameras[:: max(1, len(video.metadata.cameras) // _VIEWS)][:_VIEWS]
    images = {}
    for unit, renderer in renderers.items():
        prepared = renderer.prepare(video, frame)
        images[unit] = [renderer.render(prepared, camera) for camera in cameras]
    decoders = {unit: NativeDecoder(native, renderer.engine, video, unit) for unit, renderer in renderers.items()}
    latent = video.latent(frame)
    timings = time_interleaved({unit: lambda d=decoder: d(latent) for unit, decoder in decoders.items()}, repeats)  # type: ignore[misc]
    found = {}
    for unit in units:
        views = [difference(a, b) for a, b in zip(images[unit], images[FLOAT32], strict=True)]
        worst, largest = min(v["psnr"] for v in views), max(v["largest_255ths"] for v in views)
        found[unit] = Measurement(timings[unit], worst, largest)
    return found


def describe(found: dict[str, Measurement], threads: int) -> str:
    """Format the results as text."""
    lines = [f"{threads} threads"]
    for unit, result in found.items():
        timing = result.timing
        best = min(timing.milliseconds), min(timing.cpu_milliseconds)
        lines.append(
            f"{unit:<9} {timing.median:7.1f} ms (best {best[0]:.1f}), {timing.cpu_median / threads:7.1f} ms of CPU time per "
            f"thread (best {best[1] / threads:.1f}); {result.psnr:.1f} dB, at most {result.largest_255ths:.2f}/255"
        )
    for unit, result in found.items():
        if unit != FLOAT32:
            lines.append(f"{unit} is {median_cpu_ratio(found[FLOAT32].timing, result.timing):.2f} times as fast by CPU time")
    return "\n".join(lines)


def _command(arguments: argparse.Namespace) -> None:
    video, _ = chosen_video(arguments)
    threads = arguments.threads or available_cores()
    print(describe(measure(video, arguments.frame, threads, arguments.repeats), threads))


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.decoder_precision`; returns the exit status."""
    parser = ArgumentParser(
        prog="benchmarks.decoder_precision",
        description="Compare the decoder in float32 and in bfloat16: its time and the images of its maps.",
    )
    add_video_options(parser)
    parser.add_argument("--frame", type=float, default=0.0, help="frame to decode (default: %(default)s)")
    parser.add_argument("--repeats", type=parse_count, default=15, help="rounds of measurement (default: %(default)s)")
    parser.add_argument("--threads", type=parse_threads, default=None, help="CPU threads (default: all cores)")
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
