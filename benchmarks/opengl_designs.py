"""Compare designs of the OpenGL backend's shaders: time in software OpenGL, and work as a graphics card would execute it.

python -m benchmarks.opengl_designs [--bundle BUNDLE] [--frame F] [--size N] [--repeats R] [--markdown OUT.md]

It needs no graphics card. The designs that were rejected have their shaders in benchmarks/shaders/.
"""

from __future__ import annotations

import argparse
import functools
import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from benchmarks.bundles import add_bundle_option, load_paper_bundle
from benchmarks.opengl_estimate import (
    CARDS,
    COLOR_TILE,
    Work,
    color_sample,
    color_tile,
    density_sample,
    grouped_sample,
    heads_per_sample,
)
from benchmarks.opengl_waves import LANES, color_waves, head_fetches, union_of_steps, waves
from benchmarks.timing import time_interleaved
from common.atomic import write_text
from common.command_line import ArgumentParser, run
from model.camera import Camera
from model.config import PLANE_AXES
from model.video import VolumetricVideo
from renderer.backend import RenderSettings
from renderer.decode import FastDecoder, as_arrays
from renderer.opengl.bake import Baker, upload_tables
from renderer.opengl.color_pass import ColorPass, GroupedColorPass
from renderer.opengl.context import create_context, device_name
from renderer.opengl.decode_compute import ComputeDecoder
from renderer.opengl.decoding import map_agreement
from renderer.opengl.frame import OpenGLFrame
from renderer.opengl.passes import RenderOptions, RenderPasses, config_uniforms, shader_definitions
from renderer.opengl.programs import ComputeProgram, Program
from renderer.opengl.renderer import pixel_to_world, view_uniforms
from renderer.opengl.targets import TileTargets
from renderer.opengl.tiles import MAX_SIDE

SHADERS = Path(__file__).parent / "shaders"
"""Shaders of the rejected designs."""

RECORDED = 16
"""Samples with a color of which one_pass.frag records the step."""


@dataclass(frozen=True)
class Scene:
    """One view of a baked frame."""

    context: moderngl.Context
    """The context; current in this thread."""
    frame: OpenGLFrame
    """The frame."""
    baker: Baker
    """What baked it."""
    targets: TileTargets
    """Textures that the passes write."""
    uniforms: dict[str, object]
    """Uniforms of the view and the config."""
    definitions: dict[str, int]
    """Preprocessor symbols of the config."""
    matrix: bytes
    """`pixel_to_world`."""
    size: tuple[int, int]
    """Width and height, pixels."""

    def begin(self, passes: RenderPasses) -> None:
        """Set the uniforms of the render passes."""
        passes.begin(self.frame, self.uniforms)


def make_scene(video: VolumetricVideo, frame: float, camera: Camera) -> Scene:
    """Bake a frame in a new context."""
    context = create_context()
    context.gc_mode = "context_gc"
    baker, config = Baker(context, video.config), video.config
    tables = upload_tables(context, video.hash_tables)
    box, occupancy = video.box_and_occupancy(frame)
    maps = FastDecoder(video)(video.latent(frame))
    textures, scales = baker.bake(tables, frame / video.num_frames, baker.upload(as_arrays(maps)), occupancy)
    baked = OpenGLFrame(config, frame, box, textures, scales, 0.0, 0.0)
    size = (camera.width, camera.height)
    uniforms = view_uniforms(baked, camera, RenderSettings(), (0, 0, *size)) | config_uniforms(config, baker.atlas)
    definitions = shader_definitions(config, RenderOptions())
    return Scene(context, baked, baker, TileTargets(context), uniforms, definitions, pixel_to_world(camera, 0, 0), size)


def decoding_agreement(scene: Scene, video: VolumetricVideo) -> float:
    """Return the agreement of the maps that shaders and the CPU decode, dB (see `map_agreement`)."""
    latent, decoder = video.latent(scene.frame.time), ComputeDecoder(scene.context, video)
    expected = scene.baker.upload(as_arrays(FastDecoder(video, bfloat16=False)(latent)))
    return map_agreement(decoder(decoder.first_activation(latent)), expected)


class OnePass:
    """Colors inside the march, in one draw call."""

    def __init__(self, scene: Scene, leaps: bool) -> None:
        self._scene = scene
        self._program = Program(scene.context, str(SHADERS / "one_pass.frag"), scene.definitions | {"LEAPS": int(leaps)})
        names = ("grid_scale", "feature_scale", "density_scale")
        scales = dict(zip(names, scene.frame.scales, strict=True))
        self._program.set(**scales, **scene.uniforms, pixel_to_world=scene.matrix)
        made = [scene.context.texture((MAX_SIDE, MAX_SIDE), 4, dtype="f4") for _ in range(RECORDED // 4)]
        self._framebuffer = scene.context.framebuffer([*scene.targets.sums, *made])
        self._steps = made

    def draw(self) -> None:
        """Render the view into the sums."""
        self._framebuffer.viewport = (0, 0, *self._scene.size)
        self._framebuffer.use()
        self._scene.context.disable(moderngl.BLEND)
        self._framebuffer.clear()
        self._program.bind(**self._scene.frame.textures.as_dict())
        self._program.draw()

    def steps(self) -> NDArray[np.int64]:
        """Return (H, W, 16): the step of each recorded sample, 0 where there is none."""
        return np.concatenate([pixels(texture, self._scene.size) for texture in self._steps], -1).astype(np.int64)


class AloneColorPass(GroupedColorPass):
    """Lists the samples, but each fetches the weights of its heads alone; sorted by head or as listed."""

    def __init__(self, scene: Scene, sorted_: bool) -> None:
        super().__init__(scene.context, scene.frame.config, scene.definitions)
        definitions = scene.definitions | {"SORTED": int(sorted_)}
        self._color = ComputeProgram(scene.context, str(SHADERS / "color_alone.comp"), definitions)


class RecordingColorPass:
    """Records the heads of the samples that the first round keeps."""

    heads: NDArray[np.int64] | None = None
    """(H, W, 8, planes), -1 where there is no sample."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def set(self, **uniforms: object) -> None:
        """Need no uniforms."""

    def draw(self, frame: OpenGLFrame, targets: TileTargets, turn: int, size: tuple[int, int]) -> None:
        """Read the kept samples."""
        if turn > 0:
            return
        k = np.concatenate([pixels(texture, size) for texture in targets.kept], -1)[..., 0::2] - 1
        points, heads = np.clip(self._points(k), 0, 1 - 1e-7), frame.config.color_map_resolution
        cells = (points * heads).astype(np.int64)
        axes = [PLANE_AXES[plane] for plane in frame.config.mlp_planes]
        found = np.stack([cells[..., u] * heads + cells[..., v] for u, v in axes], -1)
        self.heads = np.where(k[..., None] < 0, -1, found)

    def _points(self, k: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (H, W, 8, 3): the points of samples k in [0, 1]^3 of the box."""
        rows, columns = np.mgrid[: k.shape[0], : k.shape[1]] + 0.5
        matrix = np.frombuffer(self._scene.matrix, np.float32).reshape(3, 3).T
        direction = np.stack([columns, rows, np.ones_like(rows)], -1) @ matrix.T
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        origin, extent = (np.array(self._scene.uniforms[name]) for name in ("origin", "box_extent"))
        near = np.maximum(np.minimum(-origin / direction, (extent - origin) / direction).max(-1), 0)
        t = near[..., None] + (k + 0.5) * float(self._scene.uniforms["step_length"])  # type: ignore[arg-type]
        return (origin + t[..., None] * direction[..., None, :]) / extent


class CountingColorPass(GroupedColorPass):
    """Counts the tiles of samples that share a head."""

    tiles = 0

    def _color_samples(self, frame: OpenGLFrame, targets: TileTargets, *arguments: Any) -> None:
        super()._color_samples(frame, targets, *arguments)
        self.tiles += int(np.frombuffer(targets.samples.counters.read(), np.uint32)[2])


def pixels(texture: moderngl.Texture, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the pixels (H, W, 4) of the view from a texture of a tile."""
    return np.frombuffer(texture.read(), np.float32).reshape(MAX_SIDE, MAX_SIDE, 4)[: size[1], : size[0]]


def density_first(scene: Scene, grouped: bool) -> RenderPasses:
    """Return the passes of the backend, with fragment or compute shaders."""
    made = RenderPasses(scene.context, scene.frame.config, scene.baker.atlas, RenderOptions(grouped=grouped))
    scene.begin(made)
    return made


def listed(scene: Scene, color_pass: ColorPass) -> RenderPasses:
    """Return the passes of the backend with another color pass."""
    made = density_first(scene, grouped=False)
    made.color_pass = color_pass
    made.color_pass.set(**scene.uniforms)
    scene.begin(made)
    return made


def draw_functions(scene: Scene) -> dict[str, Callable[[], object]]:
    """Return a function for each design that renders the view into `scene.targets.sums`."""
    passes = {
        "density first, color per ray": density_first(scene, grouped=False),
        "density first, samples listed": listed(scene, AloneColorPass(scene, sorted_=False)),
        "density first, samples sorted by head": listed(scene, AloneColorPass(scene, sorted_=True)),
        "density first, sorted, tiles share a head": density_first(scene, grouped=True),
    }

    def render(made: RenderPasses) -> Callable[[], object]:
        return lambda: made.render(scene.frame, scene.targets, scene.size, scene.matrix, lambda: None)

    return {
        "color in the march, no leaps": OnePass(scene, leaps=False).draw,
        "color in the march": OnePass(scene, leaps=True).draw,
        **{name: render(made) for name, made in passes.items()},
    }


def measure(scene: Scene, draws: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median time of each design in milliseconds. The designs take turns."""

    def finished(draw: Callable[[], object]) -> Callable[[], None]:
        def task() -> None:
            draw()
            scene.context.finish()

        return task

    timings = time_interleaved({name: finished(draw) for name, draw in draws.items()}, repeats)
    return {name: timing.median for name, timing in timings.items()}


@dataclass(frozen=True)
class Counts:
    """Work of a view."""

    density_samples: int
    """Samples of the density pass."""
    color_samples: int
    """Samples of the color pass."""
    steps: tuple[int, int]
    """Steps of all rays, without and with leaps."""
    density_waves: int
    """Executions of the density by waves, each with at least one ray that has a sample."""
    march_waves: int
    """Executions of the color by waves when it is inside the march."""
    ray_waves: int
    """The same when each ray colors its kept samples one after the other."""
    tiles: int
    """Tiles of samples that share a head."""
    fetched_heads: tuple[int, int, int]
    """Heads that waves fetch in the first round, when each ray colors 1, 2 or 4 samples at once (nearest heads)."""


def count(scene: Scene) -> Counts:
    """Count the work of a view by rendering it."""
    slow, fast = OnePass(scene, leaps=False), OnePass(scene, leaps=True)
    slow.draw()
    without_leaps = int(pixels(scene.targets.sums[1], scene.size)[..., 3].sum())
    fast.draw()
    sums = pixels(scene.targets.sums[1], scene.size).astype(np.int64)
    density, color = sums[..., 1], sums[..., 2]
    counting = CountingColorPass(scene.context, scene.frame.config, scene.definitions)
    recording = RecordingColorPass(scene)
    for made in (counting, recording):
        listed(scene, made).render(scene.frame, scene.targets, scene.size, scene.matrix, lambda: None)
    assert recording.heads is not None
    one, two, four = (head_fetches(recording.heads, group) for group in (1, 2, 4))
    return Counts(
        int(density.sum()),
        int(color.sum()),
        (without_leaps, int(sums[..., 3].sum())),
        int(waves(density[..., None]).max((1, 2)).sum()),
        union_of_steps(waves(fast.steps())),
        color_waves(color),
        counting.tiles,
        (one, two, four),
    )


def work_of(scene: Scene, counts: Counts) -> dict[str, tuple[list[Work], float]]:
    """Return the work of each design by stage, idle lanes included, and the share of active lanes in the color pass."""
    config, heads = scene.frame.config, heads_per_sample(scene.frame.config)
    density = density_sample(config).times(LANES * counts.density_waves)
    slow, fast = (Work(1, 30).times(steps) + density for steps in counts.steps)
    color, samples, tile = color_sample(config), counts.color_samples, color_tile(config)
    grouped = grouped_sample(config).times(samples)
    alone = Work(heads * tile.texels, heads * tile.operations / COLOR_TILE, bytes=heads * 100).times(samples)
    in_march, per_ray = LANES * counts.march_waves, LANES * counts.ray_waves
    return {
        "color in the march, no leaps": ([slow + color.times(in_march)], samples / in_march),
        "color in the march": ([fast + color.times(in_march)], samples / in_march),
        "density first, color per ray": ([fast, color.times(per_ray)], samples / per_ray),
        "density first, samples listed": ([fast, grouped, alone], 1.0),
        "density first, samples sorted by head": ([fast, grouped, alone], 1.0),
        "density first, sorted, tiles share a head": (
            [fast, grouped, tile.times(counts.tiles)],
            samples * heads / (COLOR_TILE * counts.tiles),
        ),
    }


def report(scene: Scene, counts: Counts, times: dict[str, float], agreement: float, source: str) -> str:
    """Return the comparison as Markdown."""
    one, two, four = counts.fetched_heads
    cards = [card for card in CARDS if card.name in ("Intel UHD 770", "RTX 3090")]
    rows = []
    for name, (stages, active) in work_of(scene, counts).items():
        work = functools.reduce(operator.add, stages)
        estimates = " | ".join(f"{sum(stage.milliseconds(card) for stage in stages):.1f}" for card in cards)
        rows.append(
            f"| {name} | {times[name]:.0f} | {active:.0%} | {work.texels / 1e6:.0f} M | {work.operations / 1e9:.1f} G | "
            f"{estimates} |"
        )
    return "\n".join(
        [
            f"`python -m benchmarks.opengl_designs`: {source}, {scene.size[0]}x{scene.size[1]} pixels, on "
            f"{device_name(scene.context)}. Rays make {counts.steps[1]:,} steps with leaps over empty space and "
            f"{counts.steps[0]:,} without. {counts.density_samples:,} samples have a density and {counts.color_samples:,} of "
            f"them a color. Waves of {LANES} rays execute the color {counts.march_waves:,} times inside the march and "
            f"{counts.ray_waves:,} times in a pass of its own.",
            "",
            "| design | software OpenGL, ms | active lanes in the color pass | fetches | operations | "
            + " | ".join(f"estimate for {card.name}, ms" for card in cards)
            + " |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"If a ray colored two or four samples at once, waves would fetch a head {one / two:.1f} or {one / four:.1f} times "
            "less often.",
            "",
            f"Decoding with shaders agrees with the CPU to {agreement:.1f} dB.",
            "",
        ]
    )


def command(options: argparse.Namespace) -> int:
    """Measure, count, write the text if requested, and print it."""
    video = load_paper_bundle(options.bundle)
    scene = make_scene(video, options.frame, video.metadata.cameras[0].fitted(options.size, options.size))
    times = measure(scene, draw_functions(scene), options.repeats)
    text = report(scene, count(scene), times, decoding_agreement(scene, video), options.bundle.name)
    if options.markdown:
        write_text(options.markdown, text)
    print(text)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.opengl_designs`; returns the exit status."""
    parser = ArgumentParser(prog="benchmarks.opengl_designs", description="Compare designs of the OpenGL backend's shaders.")
    add_bundle_option(parser)
    parser.add_argument("--frame", type=float, default=0.0, help="frame to render (default: %(default)s)")
    parser.add_argument(
        "--size",
        type=int,
        default=512,
        help=f"width and height of the image in pixels, up to {MAX_SIDE} (default: %(default)s)",
    )
    parser.add_argument("--repeats", type=int, default=5, help="times that each design is measured (default: %(default)s)")
    parser.add_argument("--markdown", type=Path, help="write the text to a Markdown file")
    return run(command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
