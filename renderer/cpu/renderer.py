"""The backend "cpu": native kernels that run on their own thread pool."""

from __future__ import annotations

import os
import platform
import time as clock
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.camera import Camera
from model.config import ModelConfig
from model.video import Version, VolumetricVideo
from renderer.backend import CancelToken, Region, RenderCancelled, RenderedImage, RenderSettings, RenderStatistics
from renderer.baked import BakedFrameStruct, describe_view, struct_bytes
from renderer.cpu.bake import BakedArrays, bake_frame, grid_scale
from renderer.cpu.tiles import tile_rectangles
from renderer.native import load_native
from renderer.native_decoder import FLOAT32, NativeDecoder, decoding_unit
from renderer.shared_decoder import with_same_decoder
from renderer.threads import available_cores, with_low_priority


@dataclass
class CpuFrame:
    """A frame that the native kernels can read."""

    config: ModelConfig
    """Hyper-parameters of the video."""
    time: float
    """Frame index, may be fractional."""
    box: NDArray[np.float32]
    """(2, 3) corners, meters."""
    struct: BakedFrameStruct
    """The struct that the kernels get. Its addresses point to `arrays`."""
    arrays: BakedArrays
    """The memory that `struct` points to."""
    decode_ms: float
    """Milliseconds from latent to maps."""
    bake_ms: float
    """Milliseconds from maps and hash tables to `arrays`."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it holds."""
        return self.arrays.nbytes


@dataclass(frozen=True)
class _Converted:
    """Values that are computed once from a video's weights."""

    version: Version
    decoder: NativeDecoder
    grid_scale: float


class CpuRenderer:
    """Renders with the native kernels; safe to call from several threads.

    Args:
        threads: decoding and rendering share this many threads. None takes all cores that the process may use. Images do not
            depend on the number.
        instruction_set: a name of `mlpvid_kernels.instruction_sets()`. None takes the one that the environment variable
            MLPVID_ISA names, or else the best.
        background: whether its threads have low priority, so that a window stays smooth.
        decoder: the unit that decodes, see `renderer.native_decoder.decoding_unit`.

    Raises:
        InputError: the native package is missing, or has no such build or unit for this processor.
    """

    name = "cpu"

    def __init__(
        self,
        threads: int | None = None,
        instruction_set: str | None = None,
        background: bool = False,
        decoder: str | None = None,
    ) -> None:
        self._native = load_native()
        wanted = os.environ.get("MLPVID_ISA", "") if instruction_set is None else instruction_set
        try:

            def start() -> Any:
                return self._native.Engine(threads or available_cores(), wanted)

            self.engine = with_low_priority(start) if background else start()
        except ValueError as error:
            known = ", ".join(self._native.instruction_sets())
            raise InputError(
                f"instruction set {wanted}", "is not supported by this processor", f"choose one of {known}"
            ) from error
        self.threads: int = self.engine.threads
        self._unit = decoding_unit(self._native, self.engine, decoder)
        units = self.engine.instruction_set if self._unit == FLOAT32 else f"{self.engine.instruction_set}, {self._unit}"
        self.device = f"{platform.processor() or platform.machine()} ({units})"
        self._converted: weakref.WeakKeyDictionary[VolumetricVideo, _Converted] = weakref.WeakKeyDictionary()

    def prepare(self, video: VolumetricVideo, time: float) -> CpuFrame:
        """Decode and bake the frame at `time`; InputError when it is out of range."""
        video.check_time(time)
        converted = self._convert(video)
        start = clock.perf_counter()
        maps = converted.decoder(video.latent(time))
        decoded = clock.perf_counter()
        struct, arrays, box = bake_frame(self._native, self.engine, video, time, converted.grid_scale, maps)
        baked = clock.perf_counter()
        return CpuFrame(video.config, time, box, struct, arrays, (decoded - start) * 1000, (baked - decoded) * 1000)

    def render(
        self,
        frame: CpuFrame,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render a view; see `renderer.backend.Renderer.render`."""
        start = clock.perf_counter()
        x0, y0, x1, y1 = region = region or (0, 0, camera.width, camera.height)
        shape = (y1 - y0, x1 - x0)
        image = self._new_image(*shape)
        if min(shape) > 0:
            tiles = tile_rectangles(shape[1], shape[0])
            image.statistics = self.render_tiles(frame, camera, settings, region, tiles, image, cancel)
        image.statistics.total_ms = (clock.perf_counter() - start) * 1000
        return image

    def _new_image(self, height: int, width: int) -> RenderedImage:
        """Return an image whose pixels may have any values."""
        pixels = height * width
        memory: NDArray[np.uint8] = self.engine.image_memory(24 * pixels)
        rgba, depth, counts = np.split(memory, [16 * pixels, 20 * pixels])
        shape = (height, width)
        return RenderedImage(
            rgba.view(np.float32).reshape(*shape, 4),
            depth.view(np.float32).reshape(shape),
            counts.view(np.uint16).reshape(*shape, 2),
        )

    def render_tiles(
        self,
        frame: CpuFrame,
        camera: Camera,
        settings: RenderSettings,
        region: Region,
        tiles: NDArray[np.int32],
        image: RenderedImage,
        cancel: CancelToken | None = None,
    ) -> RenderStatistics:
        """Render some tiles of a region's image into `image`; other pixels stay as they are.

        Args:
            frame, camera, settings, region, cancel: as for `render`.
            tiles: (n, 4) x0, y0, x1, y1 within the region's image, at most `TILE_SIDE` pixels along a side.
            image: of the region's size.

        Raises:
            RenderCancelled: `cancel` was set during the call; some tiles may be done.
        """
        view = describe_view(frame.config, frame.box, camera, settings, region)
        flag = cancel.flag if cancel is not None else np.zeros(1, np.int32)
        cancelled, density_ms, color_ms, density_samples, color_samples = self.engine.render(
            struct_bytes(frame.struct), struct_bytes(view), tiles, image.rgba, image.depth, image.counts, flag
        )
        if cancelled:
            raise RenderCancelled
        return RenderStatistics(density_ms, color_ms, 0.0, density_samples, color_samples)

    def _convert(self, video: VolumetricVideo) -> _Converted:
        """Return the values that are computed once per video; compute them again if the weights changed, as in training."""
        version = video.weights_version()
        converted = self._converted.get(video)
        if converted is None or converted.version != version:
            shared = with_same_decoder(self._converted, video)
            decoder = shared.decoder if shared else NativeDecoder(self._native, self.engine, video, self._unit)
            converted = _Converted(version, decoder, grid_scale(video.hash_tables))
            self._converted[video] = converted
        return converted
