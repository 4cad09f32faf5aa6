"""Estimate what a frame takes on an RTX 3090 from the kernels' machine code and counted samples. Nothing is run on a GPU.

python -m benchmarks.cuda_estimate [--bundle PAPER.mlpvid | --random CAPTURE] [--frame F] [--json OUT.json] [--markdown OUT.md]
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bundles import add_video_options, chosen_video
from benchmarks.cuda_decoder import share_together
from benchmarks.cuda_report import render_markdown
from benchmarks.cuda_sass import Instruction, disassemble, loop_with, loops, mix
from benchmarks.work import decoder_work
from common.atomic import write_text
from common.command_line import ArgumentParser, run
from model.camera import Camera
from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS, ModelConfig
from model.hash_levels import hash_levels
from model.video import VolumetricVideo
from renderer.cpu.renderer import CpuRenderer
from renderer.cuda.columns import seen_cells
from renderer.cuda.compile import compile_program
from renderer.cuda.structs import COLOR_TILE, TILE_COLUMNS, TILE_ROWS

SIZES = ((512, 512), (1125, 1536))
"""Estimated image sizes: the paper's, and the one for which point rasterizers report times."""


@dataclass(frozen=True)
class Gpu:
    """Published rates (NVIDIA Ampere GA102 whitepaper; CUDA C++ Programming Guide, arithmetic throughput for 8.6)."""

    name: str = "RTX 3090"
    multiprocessors: int = 82
    clock: float = 1.695e9
    """Boost clock, Hz."""
    issue: float = 4.0
    """Warp instructions per clock and multiprocessor."""
    conversions: float = 0.5
    """Warp conversions and special functions per clock and multiprocessor (16 lanes)."""
    wavefronts: float = 1.0
    """L1 wavefronts of 128 bytes per clock and multiprocessor."""
    tensor: float = 71e12
    """Dense half-precision operations per second, accumulated in float32."""
    dram: float = 936e9
    """Bytes per second."""


@dataclass(frozen=True)
class Assumptions:
    """Values that do not follow from machine code; the sensitivity table varies them."""

    issue_efficiency: float = 0.5
    """Share of the issue slots that are filled: 16 warps per multiprocessor hide part of the latencies."""
    wavefronts: float = 8.0
    """L1 wavefronts per 128-bit load of a warp: 4 at best, 32 when no two lanes share a line."""
    l1_hits: float = 0.7
    """Share of the bytes read in the density pass that hit L1."""
    l2_rate: float = 2e12
    """Bytes per second from L2; not published, measured by others at 2 to 3 TB/s."""
    l2_hits: float = 0.6
    """Share of the bytes requested from L2 that hit it."""
    lanes: float | None = None
    """Share of a warp's lanes that have a sample in each step; None means as counted."""
    decoder_efficiency: float = 0.3
    """Share of the tensor cores' peak rate that the convolutions of the decoder reach."""
    launch: float = 3e-6
    """Seconds between two kernels of a stream."""
    together: int = 4
    """Frames decoded together while playing."""
    host_start: float = 0.1e-3
    """CPU time of a new frame until the GPU has its first work, seconds: two calls of the driver more than the 0.03 ms that
    `CudaRenderer.prepare` takes until then with a driver that does nothing."""
    host_render: float = 0.4e-3
    """CPU time per image, seconds: some 20 calls of the driver, and 0.07 ms that `CudaRenderer.render` takes with a driver that
    does nothing (`benchmarks.cuda_host`)."""
    host_prepare: float = 0.6e-3
    """CPU time per new frame, seconds: twice the 0.30 ms that `CudaRenderer.prepare` takes with a driver that does nothing.
    Four frames prepared together take 0.26 ms each, which is left out."""
    grid_sector_use: float = 0.5
    """Share of a sector of 32 bytes that is used when a cell of a grid, 16 bytes, is read: half, unless a neighbor is too."""


@dataclass(frozen=True)
class Counts:
    """Work of an image, counted by the CPU backend, which takes the same samples."""

    width: int
    height: int
    density_samples: int
    color_samples: int
    warp_steps: int
    """Sum over warps (8 x 4 pixels) of the largest number of samples per ray."""
    heads: int
    """Number of color heads in all maps."""
    assignments: int
    """Color heads per sample."""
    baked: float = 1.0
    """Share of the grids' cells that are over an occupied column of cells, and baked."""

    @property
    def lanes(self) -> float:
        """Share of lanes that have a sample in each step of their warp."""
        return self.density_samples / max(32 * self.warp_steps, 1)


@dataclass(frozen=True)
class KernelMix:
    """Instructions of the kernels by kind, for each unit of work that they execute once."""

    bake: dict[str, int]
    """32 cells of a grid in bake_grids."""
    density: dict[str, int]
    """One step of a warp in the density pass: traversal, all three planes, and appending the sample."""
    color: dict[str, int]
    """16 samples of one head in the color pass."""
    color_tile: dict[str, int]
    """In addition, per tile of `COLOR_TILE` samples: loading the head into shared memory."""
    count: dict[str, int]
    """One warp of samples in count_heads."""
    scatter: dict[str, int]
    """One warp of samples in scatter_heads."""
    composite_sample: dict[str, int]
    """One sample per lane in composite."""
    composite_pixel: dict[str, int]
    """In addition, per warp of pixels in composite."""


def kernel_mix(architecture: str = "86") -> KernelMix:
    """Compile the kernels and read their loops; ValueError when the loops do not have the expected instructions."""
    code: dict[str, list[Instruction]] = {}
    for program in ("bake", "density_pass", "group_by_head", "color_pass", "composite"):
        code |= disassemble(compile_program(program, architecture)[0])
    density = code["density_pass"]
    features, heads = loop_with(density, "wide load", 32), loop_with(density, "wide load", 16)
    march = loop_with(density, "wide load", 48)
    bodies = loops(code["color_pass_matrix"])
    tile = max(bodies, key=len)
    rows = min((body for body in bodies if mix(body)["tensor"]), key=len)
    pixel = loop_with(code["composite"], "store", 3)
    sample = max((body for body in loops(code["composite"]) if not mix(body)["store"]), key=len)
    return KernelMix(
        bake=dict(mix(max(loops(code["bake_grids"]), key=len))),
        density=dict(mix(march) + mix(2 * features) + mix(2 * heads)),  # `march` has one of three planes
        color=dict(mix(rows)),
        color_tile=dict(mix(tile) - mix(rows)),
        count=dict(mix(loop_with(code["count_heads"], "wide load", 1))),
        scatter=dict(mix(loop_with(code["scatter_heads"], "wide load", 1))),
        composite_sample=dict(mix(sample)),
        composite_pixel=dict(mix(pixel) - mix(sample)),
    )


def measure_counts(video: VolumetricVideo, frame: float, size: tuple[int, int]) -> Counts:
    """Render with the CPU backend and count samples.

    Its rays stop at the same transmittance as the GPU's, so they take the same samples.
    """
    camera: Camera = video.metadata.cameras[0].fitted(*size)
    cpu = CpuRenderer()
    image = cpu.render(cpu.prepare(video, frame), camera)
    samples = image.counts[..., 0].astype(np.int64)
    rows, columns = (-n % m for n, m in zip(samples.shape, (TILE_ROWS, TILE_COLUMNS), strict=True))
    padded = np.pad(samples, ((0, rows), (0, columns)))
    tiles = padded.reshape(padded.shape[0] // TILE_ROWS, TILE_ROWS, padded.shape[1] // TILE_COLUMNS, TILE_COLUMNS)
    config = video.config
    return Counts(
        *size,
        int(samples.sum()),
        image.statistics.color_samples,
        int(tiles.max(axis=(1, 3)).sum()),
        len(config.mlp_planes) * config.color_map_resolution**2,
        len(config.mlp_planes) * (4 if config.assignment == "bilinear" else 1),
        float(seen_cells(config, video.box_and_occupancy(frame)[1]).mean()),
    )


_decoder_work = functools.cache(decoder_work)  # it runs the decoder to count


def density_ms(mix_: KernelMix, counts: Counts, gpu: Gpu, assumed: Assumptions) -> dict[str, float]:
    """Return the time of the density pass by each limit, milliseconds. The longest one is the estimate."""
    lanes = assumed.lanes or counts.lanes
    steps = counts.density_samples / (32 * lanes)
    machine = gpu.multiprocessors * gpu.clock
    wide = mix_.density["wide load"]
    bytes_read = counts.density_samples * wide * 16
    # A third of the loads read cells of the grids, the others whole sectors of maps.
    missed = bytes_read * (2 / 3 + 1 / 3 / assumed.grid_sector_use) * (1 - assumed.l1_hits)
    limits = {
        "issue": steps * sum(mix_.density.values()) / (machine * gpu.issue * assumed.issue_efficiency),
        "conversion": steps * mix_.density.get("conversion", 0) / (machine * gpu.conversions),
        "L1": steps * wide * assumed.wavefronts / (machine * gpu.wavefronts),
        "L2": missed / assumed.l2_rate,
        "DRAM": missed * (1 - assumed.l2_hits) / gpu.dram,
    }
    return {name: 1000 * seconds for name, seconds in limits.items()}


def color_ms(mix_: KernelMix, counts: Counts, gpu: Gpu, assumed: Assumptions) -> dict[str, float]:
    """Return the time of grouping, color pass and compositing by each limit, milliseconds. The longest one is the estimate."""
    items = counts.color_samples * counts.assignments
    tiles = items / COLOR_TILE + counts.heads / 2  # the last tile of a head is half full on average
    warps = counts.color_samples / 32
    machine = gpu.multiprocessors * gpu.clock
    instructions = (
        tiles * COLOR_TILE / 16 * sum(mix_.color.values())
        + tiles * 4 * sum(mix_.color_tile.values())
        + warps * (sum(mix_.count.values()) + sum(mix_.scatter.values()))
        + 2 * warps * sum(mix_.composite_sample.values())  # twice, since lanes with fewer samples wait
        + counts.width * counts.height / 32 * sum(mix_.composite_pixel.values())
    )
    flops = 2 * items * 16 * (48 * HIDDEN_CHANNELS + HIDDEN_CHANNELS * 8) / 16
    traffic = counts.color_samples * (64 + 40) * 2 + items * (64 + 32 + 16 * 2 + 4 * 2) + counts.width * counts.height * 64
    limits = {
        "issue": instructions / (machine * gpu.issue * assumed.issue_efficiency),
        "tensor": flops / gpu.tensor,
        "DRAM": traffic / gpu.dram,
    }
    return {name: 1000 * seconds for name, seconds in limits.items()}


BAKE_CHECK = 60
"""Instructions of bake_grids for a cell that is not baked, counted in the machine code."""


def decode_ms(config: ModelConfig, gpu: Gpu, assumed: Assumptions) -> float:
    """Return the time of the decoder in half precision, milliseconds."""
    work = _decoder_work(config)
    compute = 2 * work.multiply_adds / (gpu.tensor * assumed.decoder_efficiency)
    return 1000 * max(compute, work.bytes / 2 / gpu.dram)


def bake_ms(config: ModelConfig, counts: Counts, mix_: KernelMix, gpu: Gpu, assumed: Assumptions) -> dict[str, float]:
    """Return the time of baking by each limit, milliseconds. The longest one is the estimate.

    Bytes moved are entries at two times and quads of nodes, maps, heads. Instructions are those of the grids.
    """
    nodes = 3 * sum(level.resolution**2 for level in hash_levels(config.hash)) * config.hash.features_per_level / 2
    instructions = nodes / 32 * (BAKE_CHECK + counts.baked * (sum(mix_.bake.values()) - BAKE_CHECK))
    maps = 3 * config.feature_plane_resolution**2 + len(config.mlp_planes) * config.density_map_resolution**2
    heads = len(config.mlp_planes) * config.color_map_resolution**2
    rest = maps * FEATURE_CHANNELS * 2 * 2 + heads * (config.color_head_parameters * 2 + 6400 + 3584)
    issue = instructions / (gpu.multiprocessors * gpu.clock * gpu.issue * assumed.issue_efficiency)
    limits = {"issue": issue + rest / gpu.dram, "DRAM": (counts.baked * nodes * (2 * 4 + 16) + rest) / gpu.dram}
    return {name: 1000 * seconds for name, seconds in limits.items()}


def estimate(
    config: ModelConfig, counts: Counts, mix_: KernelMix, gpu: Gpu = Gpu(), assumed: Assumptions = Assumptions()
) -> dict[str, float]:
    """Return the time of each stage of one image, milliseconds.

    "render" is the whole image of a decoded frame, the CPU's part before the GPU's. "frame" is that of a new frame: the GPU
    decodes after the first calls, and renders when all calls were made. "play" is the time from one new frame to the next
    while frames are decoded ahead, several together: the GPU's work or the CPU's, whichever takes longer, because neither
    `prepare` nor `render` waits for its own work. All three include the CPU's part.
    """
    launches = 1000 * assumed.launch
    stages = {
        "decode": decode_ms(config, gpu, assumed) + launches,
        "bake": max(bake_ms(config, counts, mix_, gpu, assumed).values()) + 3 * launches,
        "density": max(density_ms(mix_, counts, gpu, assumed).values()) + 2 * launches,
        "color": max(color_ms(mix_, counts, gpu, assumed).values()) + 5 * launches,
    }
    cpu_ms, start = 1000 * (assumed.host_render + assumed.host_prepare), 1000 * assumed.host_start
    image = stages["density"] + stages["color"]
    share = share_together(config, assumed.together, gpu.multiprocessors, gpu.tensor, assumed.launch)
    stages["render"] = image + 1000 * assumed.host_render
    stages["frame"] = max(start + stages["decode"] + stages["bake"], cpu_ms) + image
    stages["play"] = max(share * stages["decode"] + stages["bake"] + image, cpu_ms)
    return stages


VARIATIONS: dict[str, dict[str, Any]] = {
    "as assumed": {},
    "issue slots 30 % filled": {"issue_efficiency": 0.3},
    "issue slots 70 % filled": {"issue_efficiency": 0.7},
    "16 wavefronts per wide load": {"wavefronts": 16.0},
    "32 wavefronts per wide load": {"wavefronts": 32.0},
    "L1 hits 40 %": {"l1_hits": 0.4},
    "L1 hits 40 %, L2 hits 30 %": {"l1_hits": 0.4, "l2_hits": 0.3},
    "a third of the lanes active": {"lanes": 1 / 3},
    "decoder at 15 % of the tensor cores": {"decoder_efficiency": 0.15},
    "whole sectors of the grids used": {"grid_sector_use": 1.0},
    "frames decoded one by one": {"together": 1},
    "CPU three times as slow": {"host_start": 0.3e-3, "host_render": 1.2e-3, "host_prepare": 1.8e-3},
    "all pessimistic values together": {
        "issue_efficiency": 0.3,
        "wavefronts": 16.0,
        "l1_hits": 0.4,
        "l2_hits": 0.3,
        "lanes": 1 / 3,
        "decoder_efficiency": 0.15,
        "together": 1,
        "host_start": 0.3e-3,
        "host_render": 1.2e-3,
        "host_prepare": 1.8e-3,
    },
}
"""Variations of the assumptions in the sensitivity table."""


def report(video: VolumetricVideo, frame: float, source: str) -> dict[str, object]:
    """Return counts, estimates and sensitivities for all sizes, as plain data."""
    mix_, gpu = kernel_mix(), Gpu()
    sizes = []
    for size in SIZES:
        counts = measure_counts(video, frame, size)
        table = {
            name: estimate(video.config, counts, mix_, gpu, dataclasses.replace(Assumptions(), **changes))
            for name, changes in VARIATIONS.items()
        }
        limits = {
            "bake": bake_ms(video.config, counts, mix_, gpu, Assumptions()),
            "density": density_ms(mix_, counts, gpu, Assumptions()),
            "color": color_ms(mix_, counts, gpu, Assumptions()),
        }
        sizes.append({"counts": {**dataclasses.asdict(counts), "lanes": counts.lanes}, "limits": limits, "table": table})
    return {
        "status": "estimated, not run",
        "source": source,
        "gpu": dataclasses.asdict(gpu),
        "assumptions": dataclasses.asdict(Assumptions()),
        "instructions": dataclasses.asdict(mix_),
        "sizes": sizes,
    }


def command(options: argparse.Namespace) -> int:
    """Estimate, write the files that were requested, and print the page."""
    video, source = chosen_video(options)
    result = report(video, options.frame, source)
    text = render_markdown(result)
    for path, content in ((options.json, json.dumps(result, indent=1)), (options.markdown, text)):
        if path:
            write_text(path, content)
    print(text)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.cuda_estimate`; returns the exit status."""
    parser = ArgumentParser(prog="benchmarks.cuda_estimate", description="Estimate frame times on an RTX 3090, without a GPU.")
    add_video_options(parser)
    parser.add_argument("--frame", type=float, default=0.0, help="frame to render (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write all results to a JSON file")
    parser.add_argument("--markdown", type=Path, help="write the page to a Markdown file")
    return run(command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
