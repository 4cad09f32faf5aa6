"""Compare the speed of this renderer, the reference and the published pipeline, interleaved in one process.

python -m benchmarks.compare [--bundle PAPER.mlpvid | --random CAPTURE] [--repeats N] [--threads N] [--json OUT.json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.bundles import add_video_options, chosen_video, with_assignment
from benchmarks.machine import measure_peaks
from benchmarks.published_pipeline import PublishedPipeline
from benchmarks.timing import Timing, median_cpu_ratio, median_ratio, time_interleaved
from benchmarks.work import bake_work, color_work, decoder_work, density_work
from common.atomic import write_text
from common.command_line import ArgumentParser, parse_count, parse_threads, run
from common.scores import psnr
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import RenderedImage, RenderSettings
from renderer.baked import struct_bytes
from renderer.cpu.renderer import CpuFrame, CpuRenderer
from renderer.decode import FastDecoder
from renderer.native import load_native
from renderer.native_decoder import NativeDecoder
from renderer.reference.rays import camera_rays
from renderer.reference.renderer import ReferenceRenderer, sample_rays
from renderer.threads import available_cores, torch_threads

_SLOW = 5  # a slow pipeline runs once in this many rounds
_SAMPLES = 400_000  # for the rates of the passes


def compare_frames(video: VolumetricVideo, camera: Camera, threads: int, repeats: int) -> dict[str, Any]:
    """Time whole frames, without decoding, in all pipelines, and compare their images with the reference."""
    cpu, reference, published = CpuRenderer(threads), ReferenceRenderer(threads), PublishedPipeline()
    bilinear = with_assignment(video, "bilinear")
    native = {"nearest": cpu.prepare(with_assignment(video, "nearest"), 0.0), "bilinear": cpu.prepare(bilinear, 0.0)}
    plain, lookups = (with_assignment(video, "nearest") for _ in range(2))
    reference_frame, published_frame = reference.prepare(plain, 0.0), published.prepare(lookups, 0.0)
    images: dict[str, RenderedImage] = {}
    passes: dict[str, list[tuple[float, float]]] = {"nearest": [], "bilinear": []}

    def render_native(assignment: str) -> None:
        image = images[assignment] = cpu.render(native[assignment], camera)
        passes[assignment].append((image.statistics.density_ms, image.statistics.color_ms))

    timings = time_interleaved(
        {
            "nearest": lambda: render_native("nearest"),
            "bilinear": lambda: render_native("bilinear"),
            "reference": lambda: images.update(reference=reference.render(reference_frame, camera)),
            "published": lambda: images.update(published=published.render(published_frame, camera)),
        },
        repeats,
        {"reference": _SLOW, "published": _SLOW},
    )
    return {
        "milliseconds": {name: _timing(t) for name, t in timings.items()},
        "ratio_to_published": median_ratio(timings["published"], timings["nearest"]),
        "ratio_to_reference": median_ratio(timings["reference"], timings["nearest"]),
        "cpu_ratio_to_published": median_cpu_ratio(timings["published"], timings["nearest"]),
        "cpu_ratio_to_reference": median_cpu_ratio(timings["reference"], timings["nearest"]),
        "passes_ms": {
            name: [statistics.median(column) for column in zip(*values, strict=True)] for name, values in passes.items()
        },
        "samples": {name: [image.statistics.density_samples, image.statistics.color_samples] for name, image in images.items()},
        "difference_from_reference": {name: difference(images[name], images["reference"]) for name in ("nearest", "published")},
    }


def difference(image: RenderedImage, reference: RenderedImage) -> dict[str, float]:
    """Return PSNR in dB, largest difference in 255ths and largest difference in depth of an image from the reference."""
    error = image.rgba.astype(np.float64) - reference.rgba
    solid = reference.rgba[..., 3] > 0.5
    depth = np.abs(image.depth - reference.depth)[solid]
    return {
        "psnr": psnr(float(np.square(error).mean())),
        "largest_255ths": float(255 * np.abs(error).max()),
        "largest_depth_meters": float(depth.max()) if solid.any() else 0.0,
    }


def sample_rates(video: VolumetricVideo, camera: Camera, threads: int, repeats: int) -> dict[str, Any]:
    """Measure samples per second of each pass alone, for the samples of the frame in ray order and shuffled."""
    cpu = CpuRenderer(threads)
    frames = {name: cpu.prepare(with_assignment(video, name), 0.0) for name in ("nearest", "bilinear")}
    decoded = video.decode(0.0)
    origin, directions, _ = camera_rays(camera)
    samples = sample_rays(decoded, origin, directions, RenderSettings().step(decoded.config.render, decoded.box, origin))
    chosen = torch.linspace(0, len(samples.points) - 1, min(_SAMPLES, len(samples.points))).long()
    points, rays = samples.points[chosen], samples.rays[chosen]
    shuffled = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))
    tasks = {}
    for order, index in (("along_rays", torch.arange(len(points))), ("shuffled", shuffled)):
        batch = _Batch(points[index], directions[rays[index]])
        tasks[f"density_{order}"] = _density_task(cpu, frames["nearest"], batch)
        for name, frame in frames.items():
            tasks[f"color_{name}_{order}"] = _color_task(cpu, frame, batch)
    timings = time_interleaved(tasks, repeats)
    return {
        name: {
            "millions_per_second": len(points) / timing.median / 1000,
            "millions_per_cpu_second": len(points) / timing.cpu_median / 1000,
        }
        for name, timing in timings.items()
    }


class _Batch:
    def __init__(self, points: torch.Tensor, directions: torch.Tensor) -> None:
        self.points, self.directions = (np.ascontiguousarray(x.numpy()) for x in (points, directions))
        self.sigma = np.empty(len(points), np.float32)
        self.features = np.zeros((len(points), 32), np.float32)
        self.colors = np.empty((len(points), 3), np.float32)


def _density_task(cpu: CpuRenderer, frame: CpuFrame, batch: _Batch) -> Any:
    field = struct_bytes(frame.struct)
    return lambda: cpu.engine.density(field, batch.points, batch.sigma, batch.features)


def _color_task(cpu: CpuRenderer, frame: CpuFrame, batch: _Batch) -> Any:
    field = struct_bytes(frame.struct)
    return lambda: cpu.engine.color(field, batch.points, batch.features, batch.directions, batch.colors)


def time_preparation(video: VolumetricVideo, threads: int, repeats: int) -> dict[str, Any]:
    """Time decode and bake of this renderer together, its decode alone, and the decoder in PyTorch:
    channels-last with converted weights, and plain."""
    cpu, fast = CpuRenderer(threads), FastDecoder(video)
    decoder = NativeDecoder(load_native(), cpu.engine, video)

    @torch.no_grad()
    def plain() -> None:
        video.decoder(torch.from_numpy(video.latents[:1]))

    tasks = {
        "decode_and_bake": lambda: cpu.prepare(video, 0.0),
        "decode": lambda: decoder(video.latent(0.0)),
        "pytorch_decoder": lambda: fast(video.latent(0.0)),
        "plain_decoder": plain,
    }
    return {name: _timing(timing) for name, timing in time_interleaved(tasks, repeats).items()}


def measure(video: VolumetricVideo, threads: int, repeats: int, rate_repeats: int) -> dict[str, Any]:
    """Measure everything; returns a JSON object."""
    camera = video.metadata.cameras[0]
    bilinear = dataclasses.replace(video.config, assignment="bilinear")
    work = {
        "decode": decoder_work(video.config),
        "bake": bake_work(video.config),
        "density": density_work(video.config, "baked"),
        "density_published": density_work(video.config, "3d"),
        "color_nearest": color_work(video.config, "baked"),
        "color_bilinear": color_work(bilinear, "baked"),
        "color_published": color_work(video.config, "3d"),
    }
    return {
        "bundle": dict(video.metadata.provenance),
        "size": [camera.width, camera.height],
        "peaks": dataclasses.asdict(measure_peaks(threads)),
        "preparation": time_preparation(video, threads, rate_repeats),
        "rates": sample_rates(video, camera, threads, rate_repeats),
        "frame": compare_frames(video, camera, threads, repeats),
        "work": {name: dataclasses.asdict(w) for name, w in work.items()},
    }


def _timing(timing: Timing) -> dict[str, float]:
    numbers = {"median": timing.median, "cpu_median": timing.cpu_median, "best": min(timing.milliseconds)}
    return numbers | {"spread": timing.spread, "repeats": len(timing.milliseconds)}


def describe(results: dict[str, Any]) -> str:
    """Format the results as text."""
    frame, preparation, peaks = results["frame"], results["preparation"], results["peaks"]
    lines = [f"{peaks['threads']} threads, {results['size'][0]}x{results['size'][1]}", ""]
    for name, timing in frame["milliseconds"].items():
        share = timing["cpu_median"] / peaks["threads"]
        lines.append(f"frame, {name:<10} {timing['median']:9.1f} ms, {share:9.1f} ms of CPU time per thread")
    for other in ("published", "reference"):
        by_cpu = frame[f"cpu_ratio_to_{other}"]
        lines.append(f"ratio to {other} {frame[f'ratio_to_{other}']:9.1f}, {by_cpu:.1f} by CPU time")
    for name, timing in preparation.items():
        share = timing["cpu_median"] / peaks["threads"]
        lines.append(f"{name:<17} {timing['median']:9.1f} ms, {share:9.1f} ms of CPU time per thread")
    for name, rate in results["rates"].items():
        by_cpu = peaks["threads"] * rate["millions_per_cpu_second"]
        lines.append(f"{name:<28} {rate['millions_per_second']:6.2f} M samples/s, {by_cpu:6.2f} by CPU time")
    for name, values in frame["difference_from_reference"].items():
        lines.append(f"{name}: {values['psnr']:.1f} dB, at most {values['largest_255ths']:.2f}/255 from the reference")
    return "\n".join(lines)


def _command(arguments: argparse.Namespace) -> None:
    video, _ = chosen_video(arguments)
    threads = arguments.threads or available_cores()
    with torch_threads(threads):
        results = measure(video, threads, arguments.repeats, max(7, arguments.repeats))
    print(describe(results))
    if arguments.json is not None:
        write_text(arguments.json, json.dumps(results, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.compare`; returns the exit status."""
    parser = ArgumentParser(
        prog="benchmarks.compare",
        description="Compare the speed of this renderer with the reference and the published pipeline.",
    )
    add_video_options(parser)
    parser.add_argument("--repeats", type=parse_count, default=15, help="rounds of measurement (default: %(default)s)")
    parser.add_argument("--threads", type=parse_threads, default=None, help="CPU threads (default: all cores)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all results to a JSON file")
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
