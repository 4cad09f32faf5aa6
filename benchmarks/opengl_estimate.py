"""Estimate frame times of the OpenGL backend on five graphics cards, from counted samples and published rates.

python -m benchmarks.opengl_estimate [--bundle PAPER.mlpvid | --random CAPTURE] [--frame F] [--size N] [--markdown OUT.md]

It needs no graphics card.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from benchmarks.bundles import add_video_options, chosen_video
from benchmarks.work import decoder_work
from common.atomic import write_text
from common.command_line import ArgumentParser, run
from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS, ModelConfig
from model.decoder import EqualizedUpsample, MapDecoder
from model.hash_levels import hash_levels
from model.video import VolumetricVideo
from renderer.baked import density_planes
from renderer.cpu.renderer import CpuRenderer
from renderer.opengl.bake import FOLD_FETCHES
from renderer.opengl.color_pass import PART_SIDE
from renderer.opengl.targets import MAX_KEPT
from renderer.opengl.tiles import blocks

WAVE = (8, 4)
"""Columns and rows of the block of pixels whose rays a graphics card marches together, one step at a time."""

EFFICIENCY = 0.5
"""Share of the published rates that shaders are assumed to reach."""

LAUNCH = 5e-6
"""Seconds that are assumed between two draw calls or dispatches."""

COLOR_TILE = 64
"""Samples that share a head in the color pass with compute shaders."""


@dataclass(frozen=True)
class Card:
    """Published rates of a graphics card at its boost clock."""

    name: str
    """Name of the card."""
    texels: float
    """Bilinear fetches of 32-bit texels per second; those of 64-bit texels are assumed to take twice as long."""
    operations: float
    """Single-precision operations per second; a multiply-add counts as two."""
    memory: float
    """Bytes per second."""
    clock: float
    """Boost clock, Hz."""
    units: int
    """Units that have a shared memory of their own, each with 128 bytes per clock. 0: OpenGL has no compute shaders there."""

    @property
    def rates(self) -> dict[str, float]:
        """Rates by the fields of `Work`, per second. Atomics are assumed to take a clock each, one after the other."""
        return {
            "texels": self.texels,
            "operations": self.operations,
            "bytes": self.memory,
            "shared": self.units * 128 * self.clock,
            "atomics": self.clock,
        }


CARDS = (
    Card("Intel UHD 770", 24.8e9, 0.79e12, 76.8e9, 1.55e9, 2),
    Card("Radeon 780M", 129.6e9, 4.15e12, 102.4e9, 2.7e9, 12),
    Card("Apple M2 (10 cores)", 111e9, 3.6e12, 100e9, 1.398e9, 0),
    Card("RTX 3060", 199e9, 12.7e12, 360e9, 1.777e9, 28),
    Card("RTX 3090", 556e9, 35.6e12, 936e9, 1.695e9, 82),
)
"""The cards of the table. Apple's OpenGL ends at 4.1, without compute shaders."""


@dataclass(frozen=True)
class Work:
    """Work of a stage."""

    texels: float
    """Texel fetches; those of 64-bit texels count twice."""
    operations: float
    """Single-precision operations."""
    bytes: float = 0.0
    """Bytes that must go through the card's memory because no cache can hold them."""
    shared: float = 0.0
    """Bytes that threads read from and write to shared memory."""
    atomics: float = 0.0
    """Atomic operations in memory."""
    launches: float = 0.0
    """Draw calls and dispatches."""

    def times(self, count: float) -> Work:
        """Return the work of `count` such units."""
        return Work(*(value * count for value in dataclasses.astuple(self)))

    def __add__(self, other: Work) -> Work:
        return Work(*map(sum, zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))

    def milliseconds(self, card: Card) -> float:
        """Return the time on a card: that of its slowest limit, and of its launches, milliseconds."""
        limits = [work / card.rates[name] for name, work in vars(self).items() if work and name != "launches"]
        return 1000 * (max(limits, default=0.0) / EFFICIENCY + self.launches * LAUNCH)


def density_sample(config: ModelConfig) -> Work:
    """Count the fetches and operations of a sample of the density pass (shaders/opengl/density_pass.frag)."""
    features, maps = _feature_fetches(config), 8 * len(density_planes(config))
    operations = 3 * config.hash.num_levels * 20 + 8 * (3 + len(density_planes(config))) * 16 + 2 * FEATURE_CHANNELS + 60
    return Work(features + 2 * maps + 1, operations)


def color_sample(config: ModelConfig) -> Work:
    """Count the fetches and operations of a sample of the color pass with fragments (shaders/opengl/color_pass.frag)."""
    weights = _head_weights(config)
    return _features(config) + Work(2 * weights / 4, 2 * weights).times(heads_per_sample(config)) + Work(0, 100)


def grouped_sample(config: ModelConfig) -> Work:
    """Count the work of listing a sample, sorting its items by head and summing their outputs (list_samples.comp to
    scatter_heads.comp, composite.frag)."""
    items = heads_per_sample(config)
    moved = 2 * 16 + 96 + items * (4 + 2 * 16)
    return _features(config) + Work(0, 100 + 40 * items, bytes=moved, atomics=2 * items)


def color_tile(config: ModelConfig) -> Work:
    """Count the work of a tile of samples that share a head (shaders/opengl/color_pass.comp)."""
    weights, inputs = _head_weights(config), FEATURE_CHANNELS + config.view_channels
    staged = 4 * weights + 4 * inputs * COLOR_TILE
    read = COLOR_TILE * (48 * inputs + 96 + 2 * 4 * 12)
    return Work(2 * weights / 4, 2 * weights * COLOR_TILE, bytes=(96 + 4) * COLOR_TILE, shared=staged + read)


def heads_per_sample(config: ModelConfig) -> int:
    """Return the number of heads that color a sample."""
    return len(config.mlp_planes) * (4 if config.assignment == "bilinear" else 1)


def _head_weights(config: ModelConfig) -> int:
    return HIDDEN_CHANNELS * (FEATURE_CHANNELS + config.view_channels + 3)


def _features(config: ModelConfig) -> Work:
    return Work(_feature_fetches(config), 3 * config.hash.num_levels * 20 + 8 * 3 * 16)


@functools.cache
def decode(config: ModelConfig, compute: bool) -> Work:
    """Count the work of decoding a frame with shaders.

    With compute shaders (shaders/opengl/convolution.comp) a thread reads 16 floats from shared memory for 64 products, and a
    tile of 64 x 64 sums stages 2 x 64 halves per input. A fragment (convolution.frag) fetches five texels for 16 products.
    """
    products = decoder_work(config).multiply_adds
    layers = sum(1 for module in MapDecoder(config).modules() if isinstance(module, nn.Conv2d | EqualizedUpsample))
    if not compute:
        return Work(2 * products * 5 / 16, 2 * products, launches=layers)
    return Work(0, 2 * products, bytes=products / 16, shared=products * (1 + 1 / 8), launches=layers)


def bake(config: ModelConfig) -> Work:
    """Count the work of baking a frame: two entries per node, packing the maps, merging the first two layers of heads."""
    features = config.hash.features_per_level
    nodes = 3 * sum(level.resolution**2 for level in hash_levels(config.hash)) * max(1, features // 4)
    planes = 3 * config.feature_plane_resolution**2 + len(config.mlp_planes) * config.density_map_resolution**2
    heads = len(config.mlp_planes) * config.color_map_resolution**2
    folded = heads * FEATURE_CHANNELS * HIDDEN_CHANNELS // 4 * FOLD_FETCHES
    texels = 4 * nodes + planes * FEATURE_CHANNELS + 2 * folded
    written = nodes * 2 * features * 3 + planes * FEATURE_CHANNELS * 4
    return Work(texels, 30 * nodes + 8 * folded, written)


def _feature_fetches(config: ModelConfig) -> float:
    wide = 1 if config.hash.features_per_level == 2 else 2 * max(1, config.hash.features_per_level // 4)
    return 3 * (config.hash.num_levels * wide + 2 * FEATURE_CHANNELS // 4)


@dataclass(frozen=True)
class Counts:
    """Samples of an image."""

    samples: tuple[int, int]
    """Number of samples in the density and the color pass."""
    lanes: tuple[float, float]
    """Share of a wave's rays that have a sample in each of its steps, in both passes."""
    rounds: int
    """Rounds until the ray with the most kept samples has ended."""
    parts: int
    """Parts of the image whose samples are sorted separately."""


def count(video: VolumetricVideo, frame: float, size: tuple[int, int]) -> Counts:
    """Count the samples of the first capture camera's view with the cpu backend, which takes the same samples."""
    renderer = CpuRenderer()
    image = renderer.render(renderer.prepare(video, frame), video.metadata.cameras[0].fitted(*size))
    density, color = image.counts[..., 0].astype(np.int64), image.counts[..., 1].astype(np.int64)
    lanes = (active_share(density), active_share(color))
    parts = len(list(blocks(*size, PART_SIDE)))
    return Counts((int(density.sum()), int(color.sum())), lanes, -(-int(color.max()) // MAX_KEPT), parts)


def active_share(counts: NDArray[np.int64]) -> float:
    """Return the share of active lanes when each wave runs until its longest ray ends; counts (H, W)."""
    columns, rows = WAVE
    padded = np.pad(counts, [(0, -counts.shape[0] % rows), (0, -counts.shape[1] % columns)])
    waves = padded.reshape(padded.shape[0] // rows, rows, padded.shape[1] // columns, columns)
    steps = int(waves.max(axis=(1, 3)).sum())
    return float(counts.sum()) / max(1, columns * rows * steps)


def stages(config: ModelConfig, counts: Counts, grouped: bool) -> dict[str, Work]:
    """Return the work of an image by stage, with or without compute shaders. Lanes without a sample take the same time."""
    (density, color), (density_lanes, color_lanes) = counts.samples, counts.lanes
    work = {
        "decode": decode(config, grouped),
        "bake": bake(config),
        "density": density_sample(config).times(density / max(density_lanes, 1e-9)) + Work(0, 0, launches=counts.rounds + 1),
    }
    if not grouped:
        fragments = color_sample(config).times(color / max(color_lanes, 1e-9))
        return work | {"group": Work(0, 0), "color": fragments + Work(0, 0, launches=counts.rounds)}
    launches = Work(0, 0, launches=counts.rounds * counts.parts)
    tiles = color * heads_per_sample(config) / COLOR_TILE + counts.parts * num_heads(config) / 2
    return work | {
        "group": grouped_sample(config).times(color) + launches.times(4),
        "color": color_tile(config).times(tiles) + launches,
    }


def num_heads(config: ModelConfig) -> int:
    """Return the number of heads of all maps."""
    return len(config.mlp_planes) * config.color_map_resolution**2


def report(config: ModelConfig, counts: Counts, size: tuple[int, int], source: str) -> str:
    """Return the estimates as a Markdown page."""
    units = {
        "density sample": density_sample(config),
        "color sample, fragment shaders": color_sample(config),
        "color sample, sorting and summing": grouped_sample(config),
        f"tile of {COLOR_TILE} color samples of a head": color_tile(config),
        "baked frame": bake(config),
        "decoded frame": decode(config, compute=True),
        "decoded frame, fragment shaders": decode(config, compute=False),
    }
    lines = [
        "# Estimated, not run: the OpenGL backend on five graphics cards",
        "",
        "Nothing on this page was measured on a graphics card. The estimates combine sample counts from the cpu backend, the "
        "fetches and operations of the shaders, and published rates. `python -m benchmarks.opengl_estimate` makes this page.",
        "",
        f"Bundle: {source}, {size[0]}x{size[1]} pixels: {counts.samples[0]:,} density samples and {counts.samples[1]:,} "
        f"color samples. A wave of {WAVE[0]}x{WAVE[1]} rays executes the same instructions, so rays without a sample wait: "
        f"{counts.lanes[0]:.0%} have one in a step of the density pass, and {counts.lanes[1]:.0%} in a step of the color pass.",
        "",
        "| work per | fetches (64-bit texels count twice) | operations | bytes of memory | bytes of shared memory | atomics |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_unit_row(name, unit) for name, unit in units.items()),
        "",
        f"Assumed: {EFFICIENCY:.0%} of the published rates, 128 bytes of shared memory per clock and unit, one atomic "
        f"operation per clock, {LAUNCH * 1e6:.0f} microseconds per draw call or dispatch, and for each head and part of the "
        "image a tile that is half empty. Each stage takes the time of its slowest limit.",
        "",
        "Where the driver has compute shaders (OpenGL 4.3), they sort the color samples by head. A tile of samples then shares "
        'one fetch of its head. Without them ("fragments" in the table), each sample fetches its heads. A new frame is decoded '
        "by shaders, baked and rendered. Where the CPU or PyTorch's accelerator is faster, it decodes instead.",
        "",
        "| card | decode, ms | bake, ms | density, ms | sorting, ms | color, ms | views per second | new frames per second |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [(card, grouped) for card in CARDS for grouped in (True, False) if card.units or not grouped]
    lines += [_card_row(card, stages(config, counts, grouped), grouped) for card, grouped in rows]
    return "\n".join(lines) + "\n"


def _unit_row(name: str, unit: Work) -> str:
    numbers = (unit.texels, unit.operations, unit.bytes, unit.shared, unit.atomics)
    return f"| {name} | " + " | ".join(f"{number:,.0f}" for number in numbers) + " |"


def _card_row(card: Card, work: dict[str, Work], grouped: bool) -> str:
    ms = {name: stage.milliseconds(card) for name, stage in work.items()}
    view = ms["density"] + ms["group"] + ms["color"]
    cells = {name: f"{value:.2f}" if value else "-" for name, value in ms.items()}
    name, frames = card.name if grouped else f"{card.name}, fragments", 1000 / sum(ms.values())
    return f"| {name} | {' | '.join(cells.values())} | {1000 / view:.0f} | {frames:.0f} |"


def command(options: argparse.Namespace) -> int:
    """Estimate, write the page if requested, and print it."""
    video, source = chosen_video(options)
    size = (options.size, options.size)
    text = report(video.config, count(video, options.frame, size), size, source)
    if options.markdown:
        write_text(options.markdown, text)
    print(text)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.opengl_estimate`; returns the exit status."""
    parser = ArgumentParser(
        prog="benchmarks.opengl_estimate", description="Estimate frame times of the OpenGL backend, without a graphics card."
    )
    add_video_options(parser)
    parser.add_argument("--frame", type=float, default=0.0, help="frame to render (default: %(default)s)")
    parser.add_argument("--size", type=int, default=512, help="width and height of the image in pixels (default: %(default)s)")
    parser.add_argument("--markdown", type=Path, help="write the page to a Markdown file")
    return run(command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
