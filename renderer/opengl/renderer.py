"""The backend "opengl": shaders on any graphics card with OpenGL 3.3."""

from __future__ import annotations

import time as clock
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace

import moderngl
import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.config import ModelConfig
from model.video import Version, VolumetricVideo
from renderer.backend import CancelToken, Region, RenderedImage, RenderSettings, RenderStatistics
from renderer.baked import describe_view
from renderer.opengl.bake import Baker, Tables, limit, upload_tables
from renderer.opengl.color_pass import uses_compute
from renderer.opengl.context import StandaloneContext, device_name, driver_version, is_software
from renderer.opengl.context_source import ContextSource
from renderer.opengl.count_sums import CountSums
from renderer.opengl.decoding import Decoding, Measured, choose_decoding, decodings, measure_decodings
from renderer.opengl.frame import OpenGLFrame
from renderer.opengl.gl_thread import GlThread, Result
from renderer.opengl.image import ImageTextures, OpenGLImage, create_textures
from renderer.opengl.measures import ImageSummaries, SquaredErrors
from renderer.opengl.passes import PassTimes, RenderOptions, RenderPasses
from renderer.opengl.pixel_buffers import PixelBuffers
from renderer.opengl.programs import SharedPrograms
from renderer.opengl.targets import TileTargets
from renderer.opengl.tiles import TileSize, blocks, tiles
from renderer.shared_decoder import with_same_decoder
from renderer.threads import available_cores

MAX_PIXELS = 1 << 24
"""Larger images are rendered in parts, each read back, because their textures might not fit into the card's memory."""


@dataclass(frozen=True)
class _Scratch:
    """Textures that all images are rendered with. They are freed with the last prepared video."""

    targets: TileTargets
    sums: CountSums
    summaries: ImageSummaries
    errors: SquaredErrors


@dataclass(frozen=True)
class _Converted:
    """The results of converting a video's weights, which is done once."""

    version: Version
    decoding: Decoding
    tables: Tables
    scratch: _Scratch


@dataclass(frozen=True)
class _View:
    """What is rendered."""

    frame: OpenGLFrame
    camera: Camera
    settings: RenderSettings
    cancel: CancelToken


class OpenGLRenderer:
    """Renders with shaders, in its own context and thread. It may be called from several threads.

    Its images stay on the graphics card until their arrays are read. After `share`, a window can show their textures.

    Args:
        threads: CPU threads that decode a frame; None means all cores that the process may use.
        options: how the shaders compute; for tests and benchmarks.

    Raises:
        InputError: this machine has no OpenGL 3.3.
    """

    name = "opengl"

    def __init__(self, threads: int | None = None, options: RenderOptions = RenderOptions()) -> None:
        self.threads = threads or available_cores()
        self._options = options
        self.shared = False
        """Whether a window can show the textures of its images."""
        self.fetch_images = False
        """Whether images are read back as soon as they are rendered, for a window that cannot show their textures."""
        self._open(StandaloneContext())

    def _open(self, source: ContextSource) -> None:
        self._gl = GlThread(source)
        # Without this, the thread and the context of a renderer that nobody closes would stay.
        self._finalizer = weakref.finalize(self, self._gl.end)
        self._finalizer.atexit = False
        self._context = self._gl.context
        self.device, self.driver, self.software = self._gl.run(
            lambda: (device_name(self._context), driver_version(self._context), is_software(self._context))
        )
        """The graphics card, its driver with version, and whether the driver computes on the CPU."""
        self._buffers = self._gl.run(lambda: PixelBuffers(self._context))
        self._largest_texture = self.limit("GL_MAX_TEXTURE_SIZE")
        self._bakers: dict[ModelConfig, Baker] = {}
        self._passes: dict[ModelConfig, RenderPasses] = {}
        self._programs = SharedPrograms(self._context)  # of decoders: those of a long video's segments use the same ones
        self._scratch: weakref.ref[_Scratch] | None = None
        self._tile_size = TileSize()
        self._converted: weakref.WeakKeyDictionary[VolumetricVideo, _Converted] = weakref.WeakKeyDictionary()

    def share(self, source: ContextSource | None) -> None:
        """Move to a context that shares textures with a window's, or with None to one of its own.

        Frames that were prepared before cannot be rendered any more.

        Raises:
            Exception: the context cannot be made. The renderer continues as before.
        """
        before = self._gl, self._finalizer
        self._open(source or StandaloneContext())
        self.shared = source is not None
        before[1].detach()
        before[0].close()

    def prepare(self, video: VolumetricVideo, time: float) -> OpenGLFrame:
        """Decode and bake the frame at `time`; InputError when it is out of range."""
        video.check_time(time)
        converted = self._convert(video)
        start = clock.perf_counter()
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
        region = region or (0, 0, camera.width, camera.height)
        width, height = region[2] - region[0], region[3] - region[1]
        view = _View(frame, camera, settings, cancel or CancelToken())
        whole = 0 < width * height <= MAX_PIXELS and max(width, height) <= self._largest_texture
        image = self._render_whole(view, region) if whole else self._render_parts(view, region)
        image.statistics.total_ms = (clock.perf_counter() - start) * 1000
        return image

    def avoid_compute(self) -> bool:
        """Color samples with fragment shaders from now on; return whether compute shaders have done it so far."""
        used = self.run(lambda context: uses_compute(context, self._options.grouped))
        self._options = replace(self._options, grouped=False)
        self.run(lambda _: self._passes.clear())
        return used

    def close(self) -> None:
        """Free the context and end its thread; the renderer and its frames cannot be used any more."""
        self._gl.close()

    def run(self, function: Callable[[moderngl.Context], Result]) -> Result:
        """Run a function with the context in its thread."""
        return self._gl.run(lambda: function(self._context))

    def summary(self, textures: ImageTextures) -> NDArray[np.float32]:
        """Return what the legends of an image need, see `ImageSummaries`."""
        return self._gl.run(lambda: self._shared_scratch().summaries.of(**vars(textures)))

    def squared_error(self, first: ImageTextures, second: ImageTextures) -> float:
        """Return the mean squared difference of the colors over black of two images of one size."""
        return self._gl.run(lambda: self._shared_scratch().errors.mean(first.rgba, second.rgba))

    def measure_decodings(self, video: VolumetricVideo) -> dict[str, Measured]:
        """Decode a frame in every way that works on this machine, including shaders in software."""

        def measure() -> dict[str, Measured]:
            baker = self._baker(video.config)
            found = decodings(self._context, video, baker, software=True, programs=self._programs)
            return measure_decodings(self._context, video, baker, found)

        return self._gl.run(measure)

    def driver_error(self) -> str:
        """Return the name of the driver's oldest unread error, "GL_NO_ERROR" when there is none."""
        return self.run(lambda context: str(context.error))

    def limit(self, name: str) -> int:
        """Return one of the driver's limits, such as GL_MAX_TEXTURE_SIZE."""
        return self.run(lambda context: limit(context, name))

    def _render_whole(self, view: _View, region: Region) -> RenderedImage:
        """Render a view into textures, one block after the other: the thread is free for other calls between two of them."""
        left, top, width, height = region[0], region[1], region[2] - region[0], region[3] - region[1]
        textures = self._gl.run(lambda: create_textures(self._context, width, height))
        total = PassTimes()
        for block in blocks(width, height):
            self._gl.run(lambda block=block: self._render(view, (left, top), block, textures, total))  # type: ignore[misc]
        image: OpenGLImage = self._gl.run(lambda: self._finish(textures, total))
        if self.fetch_images:
            image.fetch()
        return image

    def _render_parts(self, view: _View, region: Region) -> RenderedImage:
        """Render an image that is too large for textures."""
        x0, y0, x1, y1 = region
        image = RenderedImage.blank(x1 - x0, y1 - y0)
        for block in blocks(*image.size):
            part = (x0 + block[0], y0 + block[1], x0 + block[2], y0 + block[3])
            insert(self._render_whole(view, part), image, block)
        return image

    def _render(self, view: _View, corner: tuple[int, int], block: Region, textures: ImageTextures, total: PassTimes) -> None:
        """Render a block of an image whose upper left pixel is the camera's `corner`; add its times to `total`."""
        x0, y0, x1, y1 = block
        passes, targets = self._render_passes(view.frame.config), self._shared_scratch().targets
        region = (corner[0] + x0, corner[1] + y0, corner[0] + x1, corner[1] + y1)
        passes.begin(view.frame, view_uniforms(view.frame, view.camera, view.settings, region))
        target = textures.framebuffer(self._context)
        for tile in tiles(x1 - x0, y1 - y0, self._tile_size):
            view.cancel.check()
            size = tile[2] - tile[0], tile[3] - tile[1]
            matrix = pixel_to_world(view.camera, region[0] + tile[0], region[1] + tile[1])
            times = passes.render(view.frame, targets, size, matrix, view.cancel.check)
            place = (x0 + tile[0], y0 + tile[1], x0 + tile[2], y0 + tile[3])
            passes.resolve(targets, target, place, matrix)
            self._tile_size.record(size[0] * size[1], max(times.density_ms, times.color_ms))
            total.density_ms += times.density_ms
            total.color_ms += times.color_ms

    def _finish(self, textures: ImageTextures, times: PassTimes) -> OpenGLImage:
        """Add up the samples of an image whose blocks are rendered."""
        samples = self._shared_scratch().sums.total(textures.counts)
        statistics = RenderStatistics(times.density_ms, times.color_ms, 0.0, *samples)
        if self.shared:
            self._context.finish()  # the sums are known, so there is hardly anything to wait for; the window need not wait
        return OpenGLImage(self, textures, statistics, self._buffers, self.shared)

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
        textures, scales = baker.bake(converted.tables, time / video.num_frames, maps, occupancy)
        self._context.finish()
        decode_ms, bake_ms = 1000 * (started_seconds + decoded - begun), 1000 * (clock.perf_counter() - decoded)
        return OpenGLFrame(video.config, time, box, textures, scales, decode_ms, bake_ms)

    def _convert(self, video: VolumetricVideo) -> _Converted:
        """Convert a video's weights once, and again when they have changed, as they do in training."""
        version = video.weights_version()
        converted = self._converted.get(video)
        if converted is None or converted.version != version:
            converted = self._gl.run(lambda: self._convert_now(video))
            self._converted[video] = converted
        return converted

    def _convert_now(self, video: VolumetricVideo) -> _Converted:
        baker = self._baker(video.config)
        shared = with_same_decoder(self._converted, video)
        if shared is not None:
            decoding = shared.decoding
        else:
            found = decodings(self._context, video, baker, threads=self.threads, programs=self._programs)
            decoding = choose_decoding(self._context, video, baker, found)
        tables = upload_tables(self._context, video.hash_tables)
        version = video.weights_version()  # again: decoding with PyTorch makes the decoder a module, which counts
        return _Converted(version, decoding, tables, self._shared_scratch())

    def _baker(self, config: ModelConfig) -> Baker:
        if config not in self._bakers:
            self._bakers[config] = Baker(self._context, config)
        return self._bakers[config]

    def _render_passes(self, config: ModelConfig) -> RenderPasses:
        if config not in self._passes:
            self._passes[config] = RenderPasses(self._context, config, self._baker(config).atlas, self._options)
        return self._passes[config]

    def _shared_scratch(self) -> _Scratch:
        scratch = self._scratch() if self._scratch is not None else None
        if scratch is None:
            measures = ImageSummaries(self._context), SquaredErrors(self._context)
            scratch = _Scratch(TileTargets(self._context), CountSums(self._context), *measures)
            self._scratch = weakref.ref(scratch)
        return scratch


def insert(part: RenderedImage, image: RenderedImage, block: Region) -> None:
    """Copy a rendered part into an image, and add its statistics."""
    x0, y0, x1, y1 = block
    image.rgba[y0:y1, x0:x1], image.depth[y0:y1, x0:x1], image.counts[y0:y1, x0:x1] = part.rgba, part.depth, part.counts
    image.statistics += part.statistics


def view_uniforms(frame: OpenGLFrame, camera: Camera, settings: RenderSettings, region: Region) -> dict[str, object]:
    """Return the uniforms that are the same for all tiles of a view."""
    view = describe_view(frame.config, frame.box, camera, settings, region)
    return {
        "origin": tuple(view.origin),
        "box_extent": tuple((frame.box[1] - frame.box[0]).tolist()),
        "clip_lower": tuple(view.clip_lower),
        "clip_upper": tuple(view.clip_upper),
        "depth_range": tuple(view.depth_range),
        "step_length": view.step,
        "weight_threshold": view.weight_threshold,
        "min_transmittance": view.min_transmittance,
    }


def pixel_to_world(camera: Camera, column: int, row: int) -> bytes:
    """Return R^T K^-1 for pixels counted from a corner, as a mat3 uniform."""
    to_image = np.array([[1.0, 0.0, column], [0.0, 1.0, row], [0.0, 0.0, 1.0]])
    matrix: NDArray[np.float64] = camera.pixel_to_world @ to_image
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()
