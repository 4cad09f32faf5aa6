"""The backend "opengl": shaders on any graphics card with OpenGL 3.3."""

from __future__ import annotations

import time as clock
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import moderngl
import numpy as np
import torch
from numpy.typing import NDArray

from model.camera import Camera
from model.config import ModelConfig
from model.video import VolumetricVideo
from renderer.backend import CancelToken, Region, RenderedImage, RenderSettings, RenderStatistics
from renderer.baked import describe_view
from renderer.decode import weights_version
from renderer.opengl.bake import Baker, Tables, limit, upload_tables
from renderer.opengl.context import create_context, device_name, driver_version, is_software
from renderer.opengl.decoding import Decoding, Measured, choose_decoding, decodings, measure_decodings
from renderer.opengl.frame import OpenGLFrame
from renderer.opengl.gl_thread import GlThread, Result
from renderer.opengl.passes import PassTimes, RenderOptions, RenderPasses
from renderer.opengl.targets import TileTargets
from renderer.opengl.tiles import TileSize, blocks, tiles
from renderer.threads import available_cores, torch_threads


@dataclass(frozen=True)
class _Converted:
    """The results of converting a video's weights, which is done once."""

    version: tuple[tuple[int, int], ...]
    decoding: Decoding
    tables: Tables


class OpenGLRenderer:
    """Renders with shaders, in its own context and thread. It may be called from several threads.

    Args:
        threads: CPU threads that decode a frame; None means all cores that the process may use.
        options: how the shaders compute; for tests and benchmarks.

    Raises:
        InputError: this machine has no OpenGL 3.3.
    """

    name = "opengl"

    def __init__(self, threads: int | None = None, options: RenderOptions = RenderOptions()) -> None:
        self.threads = min(threads or available_cores(), torch.get_num_threads())
        self._options = options
        self._gl = GlThread(create_context)
        self._context = self._gl.context
        self.device, self.driver, self.software = self._gl.run(
            lambda: (device_name(self._context), driver_version(self._context), is_software(self._context))
        )
        """The graphics card, its driver with version, and whether the driver computes on the CPU."""
        self._bakers: dict[ModelConfig, Baker] = {}
        self._passes: dict[ModelConfig, RenderPasses] = {}
        self._targets: TileTargets | None = None
        self._tile_size = TileSize()
        self._converted: weakref.WeakKeyDictionary[VolumetricVideo, _Converted] = weakref.WeakKeyDictionary()

    def prepare(self, video: VolumetricVideo, time: float) -> OpenGLFrame:
        """Decode and bake the frame at `time`; InputError when it is out of range."""
        video.check_time(time)
        converted = self._convert(video)
        start = clock.perf_counter()
        with torch_threads(self.threads):
            started = converted.decoding.start(video.latent(time))
        started_seconds = clock.perf_counter() - start
        return self._gl.run(lambda: self._bake(video, time, converted, started, started_seconds))

    def render(
        self,
        frame: OpenGLFrame,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render a view; see `renderer.backend.Renderer.render`."""
        start = clock.perf_counter()
        x0, y0, x1, y1 = region or (0, 0, camera.width, camera.height)
        shape = (y1 - y0, x1 - x0)
        image = RenderedImage(np.zeros((*shape, 4), np.float32), np.zeros(shape, np.float32), np.zeros((*shape, 2), np.uint16))
        token = cancel or CancelToken()
        for block in blocks(*shape[::-1]):
            part = (x0 + block[0], y0 + block[1], x0 + block[2], y0 + block[3])
            rendered = self._gl.run(lambda part=part: self._render(frame, camera, settings, part, token))  # type: ignore[misc]
            insert(rendered, image, block)
        image.statistics.total_ms = (clock.perf_counter() - start) * 1000
        return image

    def close(self) -> None:
        """Free the context and end its thread; the renderer and its frames cannot be used any more."""
        self._gl.close()

    def run(self, function: Callable[[moderngl.Context], Result]) -> Result:
        """Run a function with the context in its thread."""
        return self._gl.run(lambda: function(self._context))

    def measure_decodings(self, video: VolumetricVideo) -> dict[str, Measured]:
        """Decode a frame in every way that this machine can, also with shaders in software."""

        def measure() -> dict[str, Measured]:
            baker = self._baker(video.config)
            found = decodings(self._context, video, baker, software=True)
            return measure_decodings(self._context, video, baker, found)

        return self._gl.run(measure)

    def driver_error(self) -> str:
        """Return the name of the driver's oldest unread error, "GL_NO_ERROR" when there is none."""
        return self.run(lambda context: str(context.error))

    def limit(self, name: str) -> int:
        """Return one of the driver's limits, such as GL_MAX_TEXTURE_SIZE."""
        return self.run(lambda context: limit(context, name))

    def _render(
        self, frame: OpenGLFrame, camera: Camera, settings: RenderSettings, region: Region, cancel: CancelToken
    ) -> RenderedImage:
        width, height = region[2] - region[0], region[3] - region[1]
        passes, targets = self._render_passes(frame.config), self._tile_targets()
        passes.begin(frame, view_uniforms(frame, camera, settings, region))
        total = PassTimes()
        image = _Image(self._context, width, height)
        for tile in tiles(width, height, self._tile_size):
            cancel.check()
            size = tile[2] - tile[0], tile[3] - tile[1]
            matrix = pixel_to_world(camera, region[0] + tile[0], region[1] + tile[1])
            times = passes.render(frame, targets, size, matrix, cancel.check)
            passes.resolve(targets, image.framebuffer, tile, matrix)
            self._tile_size.record(size[0] * size[1], max(times.density_ms, times.color_ms))
            total.density_ms += times.density_ms
            total.color_ms += times.color_ms
        return image.read(total)

    def _bake(
        self, video: VolumetricVideo, time: float, converted: _Converted, started: object, started_seconds: float
    ) -> OpenGLFrame:
        """Finish decoding, and bake."""
        begun = clock.perf_counter()
        maps = converted.decoding.finish(started)
        self._context.finish()
        decoded = clock.perf_counter()
        box, occupancy = video.box_and_occupancy(time)
        baker = self._baker(video.config)
        textures, scales = baker.bake(converted.tables, time / video.num_frames, maps, occupancy.numpy())
        self._context.finish()
        decode_ms, bake_ms = 1000 * (started_seconds + decoded - begun), 1000 * (clock.perf_counter() - decoded)
        return OpenGLFrame(video.config, time, box.numpy(), textures, scales, decode_ms, bake_ms)

    def _convert(self, video: VolumetricVideo) -> _Converted:
        """Convert a video's weights once, and again when they have changed, as they do in training."""
        version = weights_version(video)
        converted = self._converted.get(video)
        if converted is None or converted.version != version:
            converted = self._gl.run(lambda: self._converter(video, version))
            self._converted[video] = converted
        return converted

    def _converter(self, video: VolumetricVideo, version: tuple[tuple[int, int], ...]) -> _Converted:
        with torch_threads(self.threads):
            baker = self._baker(video.config)
            decoding = choose_decoding(self._context, video, baker, decodings(self._context, video, baker))
        return _Converted(version, decoding, upload_tables(self._context, video.hash_encoding.tables))

    def _baker(self, config: ModelConfig) -> Baker:
        if config not in self._bakers:
            self._bakers[config] = Baker(self._context, config)
        return self._bakers[config]

    def _render_passes(self, config: ModelConfig) -> RenderPasses:
        if config not in self._passes:
            self._passes[config] = RenderPasses(self._context, config, self._baker(config).atlas, self._options)
        return self._passes[config]

    def _tile_targets(self) -> TileTargets:
        self._targets = self._targets or TileTargets(self._context)
        return self._targets


class _Image:
    """The textures of a whole image."""

    def __init__(self, context: moderngl.Context, width: int, height: int) -> None:
        formats = ((4, "f4"), (1, "f4"), (2, "u2"))
        self._textures = [context.texture((width, height), components, dtype=dtype) for components, dtype in formats]
        self.framebuffer = context.framebuffer(self._textures)
        self._shape = (height, width)

    def read(self, times: PassTimes) -> RenderedImage:
        """Download the image."""
        rgba, depth, counts = (texture.read(alignment=1) for texture in self._textures)
        samples = np.frombuffer(counts, np.uint16).reshape(*self._shape, 2)
        density_samples, color_samples = samples.sum((0, 1), dtype=np.int64).tolist()
        return RenderedImage(
            np.frombuffer(rgba, np.float32).reshape(*self._shape, 4),
            np.frombuffer(depth, np.float32).reshape(self._shape),
            samples,
            RenderStatistics(times.density_ms, times.color_ms, 0.0, density_samples, color_samples),
        )


def insert(part: RenderedImage, image: RenderedImage, block: Region) -> None:
    """Copy a rendered part into an image, and add its statistics."""
    x0, y0, x1, y1 = block
    image.rgba[y0:y1, x0:x1], image.depth[y0:y1, x0:x1], image.counts[y0:y1, x0:x1] = part.rgba, part.depth, part.counts
    for name, value in vars(part.statistics).items():
        setattr(image.statistics, name, getattr(image.statistics, name) + value)


def view_uniforms(frame: OpenGLFrame, camera: Camera, settings: RenderSettings, region: Region) -> dict[str, object]:
    """Return the uniforms that are the same for all tiles of a view."""
    view = describe_view(frame.config, frame.box, camera, settings, region)
    return {
        "origin": tuple((camera.center - frame.box[0]).tolist()),
        "box_extent": tuple((frame.box[1] - frame.box[0]).tolist()),
        "step_length": view.step,
        "weight_threshold": view.weight_threshold,
        "min_transmittance": view.min_transmittance,
    }


def pixel_to_world(camera: Camera, column: int, row: int) -> bytes:
    """Return R^T K^-1 for pixels counted from a corner, as a mat3 uniform."""
    to_image = np.array([[1.0, 0.0, column], [0.0, 1.0, row], [0.0, 0.0, 1.0]])
    matrix: NDArray[np.float64] = camera.pixel_to_world @ to_image
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()
