"""The backend "cuda": decode, bake and render on an NVIDIA GPU. No pixels return to the CPU before the image is finished."""

from __future__ import annotations

import ctypes
import threading
import time as clock
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, Region, RenderSettings, RenderStatistics
from renderer.baked import BakedFrameStruct, ViewStruct, describe_view
from renderer.cuda.compile import PROGRAMS, compiler_version, load_program
from renderer.cuda.driver import RENDER_STREAM, CudaFault, Driver, Event, Reading, as_input_errors, code_in
from renderer.cuda.frame import CudaFrame, VideoOnGpu
from renderer.cuda.image import CudaImage
from renderer.cuda.structs import COLOR_THREADS, DENSITY_THREADS, GROUP_THREADS, RenderBuffers, describe_rays
from renderer.cuda.usable import usable_devices
from renderer.cuda.workspace import GROWTH, SAMPLES_PER_PIXEL, BufferSizes, Need, Workspace, samples_in
from renderer.shared_decoder import with_same_decoder

MAX_BAND_PIXELS = 1 << 22
"""Pixels rendered at once; larger images are made in bands of rows, which limits the memory needed besides the image."""

FRAME_SHARE = 0.5
"""Share of the GPU's free memory for decoded frames. The rest is for networks, images and other programs."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Shot:
    """What an image shows, and the image."""

    frame: CudaFrame
    """The frame."""
    camera: Camera
    """The camera."""
    settings: RenderSettings
    """Step and thresholds."""
    region: Region
    """The part of the camera's image."""
    image: CudaImage
    """Where the pixels go."""


@dataclass(frozen=True)
class Band:
    """Rows of an image that are rendered together."""

    struct: BakedFrameStruct
    """The frame."""
    view: ViewStruct
    """The camera, restricted to the band."""
    rays: ctypes.Structure
    """Its rays, restricted to the band."""
    buffers: RenderBuffers
    """The buffers."""


@dataclass(frozen=True)
class EnqueuedBand:
    """A band that the GPU works on or has finished."""

    rows: tuple[int, int]
    """The first row of the image, and the one after the last."""
    capacity: int
    """Kept samples that there was room for."""
    events: tuple[Event, Event, Event]
    """Start of the density pass, its end, end of the band."""
    counters: Reading
    """The number of samples, see `renderer.cuda.workspace.samples_in`."""


class CudaRenderer:
    """Renders on an NVIDIA GPU; safe to call from several threads, which take turns on the render stream.

    Where a kernel's work depends on earlier results (how many samples, how many tiles), it reads these numbers on the GPU, and
    its grid is just large enough to fill the GPU. `render` does not wait for its image but for the one before, so the GPU
    always has work, and never more than two images. Buffers that were too small for an image's samples are noticed when the
    image is finished, and it is rendered again with larger ones.

    Args:
        driver: the GPU; None takes the best one.
        tensor_cores: multiply halves on tensor cores in the color pass; else floats on the plain path.
        cache: folder of compiled kernels; None takes the user's.
        prove: called with a renderer on each GPU that `use_device` would move to; raises InputError if that must not be used.

    Raises:
        InputError: there is no usable GPU, or its kernels do not compile or load.
    """

    name = "cuda"
    threads = 1
    frames_at_once = 4

    def __init__(
        self,
        driver: Driver | None = None,
        *,
        tensor_cores: bool = True,
        cache: Path | None = None,
        prove: Callable[[CudaRenderer], None] = lambda _: None,
    ) -> None:
        self.tensor_cores = tensor_cores
        self._prove = prove
        self._cache = cache
        self._lock = threading.Lock()
        self._frame_bytes: dict[int, int] = {}
        self._previous: Callable[[], CudaImage | None] = lambda: None
        self._videos: weakref.WeakKeyDictionary[VolumetricVideo, VideoOnGpu] = weakref.WeakKeyDictionary()
        self._use(driver or open_driver(usable_devices()[0]))

    def use_device(self, index: int) -> bool:
        """Move to another GPU, as CUDA counts them. Once a frame was prepared, change nothing and return False.

        The window calls it with the GPU that draws it, so that images need not leave it.

        Raises:
            InputError: that GPU cannot be used; the current one still can.
        """
        with self._lock:
            if self._videos:
                return False
            if self.driver.device.index != index:
                driver = open_driver(index)
                self._prove(CudaRenderer(driver, cache=self._cache))
                self._use(driver)
            return True

    def _use(self, driver: Driver) -> None:
        kernels = self._explained(lambda: self._load_kernels(driver))
        self.driver: Driver = driver
        self.device = f"{driver.name} (sm_{driver.architecture})"
        self._kernels: dict[str, Any] = kernels
        self.workspace = Workspace(driver)
        """What the last image was made in."""
        self._resident: dict[tuple[str, int], int] = {}

    @property
    def versions(self) -> str:
        """The GPU, its driver and the compilers of its kernels: everything that images depend on."""
        compilers = f"NVRTC {compiler_version()}, torch {torch.__version__}"
        return f"{self.device}, driver {self.driver.driver_version}, {compilers}"

    @property
    def frame_memory(self) -> int:
        """Bytes that all frames together may use: a share of what was free when the GPU was opened."""
        return int(self.driver.free_memory * FRAME_SHARE)

    @property
    def frame_memory_left(self) -> int:
        """Bytes of `frame_memory` that no frame uses yet."""
        return self.frame_memory - sum(list(self._frame_bytes.values()))

    def capture_fault(self, video: VolumetricVideo) -> str:
        """Return why a video's decoder does not run as a CUDA graph; empty when it does. For the self-test."""
        return self._explained(lambda: self._on_gpu(video).capture_fault)

    def prepare(self, video: VolumetricVideo, time: float) -> CudaFrame:
        """Decode and bake the frame at `time`; return while the GPU is still working on it.

        Raises:
            InputError: `time` is out of range, or the GPU failed.
            DeviceFailed: memory ran out although the buffers of images were freed, or nothing works on the GPU any more.
        """
        return self.prepare_together(video, [time])[0]

    def prepare_together(self, video: VolumetricVideo, times: Sequence[float]) -> list[CudaFrame]:
        """Decode and bake several frames at once, which takes less time than one after the other.

        Raises:
            InputError: as `prepare`.
        """
        for time in times:
            video.check_time(time)
        frames = self._explained(lambda: self._with_room(lambda: self._on_gpu(video).prepare(video, times)))
        for frame in frames:
            self._frame_bytes[id(frame)] = frame.nbytes
            weakref.finalize(frame, self._frame_bytes.pop, id(frame))
        return frames

    def render(
        self,
        frame: CudaFrame,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> CudaImage:
        """Render a view; see `renderer.backend.Renderer.render`. Its pixels stay on the GPU until they are read.

        It returns while the GPU is still working on the image, but not before the previous image is finished.

        Raises:
            InputError: the GPU failed, perhaps on the previous image.
            DeviceFailed: memory ran out even for one row of pixels, or nothing works on the GPU any more.
        """
        region = region or (0, 0, camera.width, camera.height)
        with self._lock:
            image = self._explained(lambda: self._render(frame, camera, settings, cancel, region))
            previous, self._previous = self._previous(), weakref.ref(image)
        if previous is not None:  # after the lock: finishing an image takes its own lock first
            previous.finish()
        return image

    def _load_kernels(self, driver: Driver) -> dict[str, Any]:
        kernels: dict[str, Any] = {}
        for program, names in PROGRAMS.items():
            kernels |= driver.load(load_program(program, driver.architecture, self._cache), names)
        return kernels

    def _on_gpu(self, video: VolumetricVideo) -> VideoOnGpu:
        known = self._videos.get(video)
        if known is not None:  # without the lock: decoding ahead need not wait for the image that is being rendered
            return known
        with self._lock:
            if video not in self._videos:
                shared = with_same_decoder(self._videos, video)
                self._videos[video] = VideoOnGpu(self.driver, self._kernels, video, shared)
            return self._videos[video]

    def _explained(self, action: Callable[[], Result]) -> Result:
        try:
            return action()
        except CudaFault as fault:
            raise fault.explain(shrunk=True) from fault
        except RuntimeError as error:  # torch's own operations between our calls raise it and its subclasses
            raise CudaFault("torch", code_in(str(error))).explain(shrunk=True) from error

    def _with_room(self, action: Callable[[], Result]) -> Result:
        """If memory runs out, free the buffers of images and try once more."""
        try:
            return action()
        except CudaFault as fault:
            if not fault.out_of_memory:
                raise
        except torch.OutOfMemoryError:
            pass
        with self._lock:
            self.workspace.release()
        return action()

    def _render(
        self, frame: CudaFrame, camera: Camera, settings: RenderSettings, cancel: CancelToken | None, region: Region
    ) -> CudaImage:
        start = clock.perf_counter()
        with self.driver.stream(RENDER_STREAM):
            image = self._new_image(region[3] - region[1], region[2] - region[0])
            shot = Shot(frame, camera, settings, region, image)
            frame.ready.wait()
            self.driver.share(list(frame.tensors.values()))
            bands = self._render_bands(shot, (0, region[3] - region[1]), cancel)
            image.ready = self.driver.mark()
        need = self.workspace.give_back()
        cpu_ms = (clock.perf_counter() - start) * 1000
        image.expect(lambda: self._explained(lambda: self._complete(shot, bands, need, cpu_ms)))
        return image

    def _complete(self, shot: Shot, bands: list[EnqueuedBand], need: Need, cpu_ms: float) -> RenderStatistics:
        """Wait for the bands of an image, render those again that had too little room, and return the cost of the image."""
        statistics = RenderStatistics()
        while bands:
            band = bands.pop(0)
            density_samples, color_samples = samples_in(band.counters.take())
            fits = color_samples <= band.capacity
            with self._lock:
                if not fits:
                    self.workspace.need(int(color_samples * GROWTH))
                    with self.driver.stream(RENDER_STREAM):
                        bands += self._render_bands(shot, band.rows)
                        shot.image.ready = self.driver.mark()
                self.workspace.used(need, color_samples)
            if not fits:
                continue
            start, middle, end = band.events
            statistics.density_ms += middle.milliseconds_since(start)
            statistics.color_ms += end.milliseconds_since(middle)
            statistics.density_samples += density_samples
            statistics.color_samples += color_samples
        statistics.total_ms = max(cpu_ms, statistics.density_ms + statistics.color_ms)
        return statistics

    def _new_image(self, height: int, width: int) -> CudaImage:
        """Allocate an image. If there is no room, the buffers of earlier images are freed for it."""
        shapes = {"rgba": (height, width, 4), "depth": (height, width), "counts": (height, width)}
        types = {"rgba": torch.float32, "depth": torch.float32, "counts": torch.int32}

        def allocate() -> CudaImage:
            return CudaImage(self.driver, {name: self.driver.empty(shape, types[name]) for name, shape in shapes.items()})

        try:
            return allocate()
        except CudaFault as fault:
            if not fault.out_of_memory:
                raise
        self.workspace.release()
        return allocate()

    def _render_bands(self, shot: Shot, rows: tuple[int, int], cancel: CancelToken | None = None) -> list[EnqueuedBand]:
        """Render bands of rows from the top. If memory runs out, continue with bands of half as many rows."""
        x0, _, x1, _ = shot.region
        height, (top, bottom) = max(1, MAX_BAND_PIXELS // max(x1 - x0, 1)), rows
        bands: list[EnqueuedBand] = []
        while top < bottom and x0 < x1:
            if cancel is not None:
                cancel.check()
            height = min(height, bottom - top)
            try:
                bands.append(self._render_band(shot, (top, top + height)))
            except CudaFault as fault:
                self.workspace.release()
                if not fault.out_of_memory or height == 1:
                    raise
                height //= 2
            else:
                top += height
        return bands

    def _render_band(self, shot: Shot, rows: tuple[int, int]) -> EnqueuedBand:
        x0, y0, x1, _ = shot.region
        part = (x0, y0 + rows[0], x1, y0 + rows[1])
        pixels = (x1 - x0) * (rows[1] - rows[0])
        self.workspace.need(SAMPLES_PER_PIXEL * pixels)
        buffers = self.workspace.fit(self._size(shot.frame, pixels))
        for name in ("rgba", "depth", "counts"):
            setattr(buffers, name, shot.image.tensors[name][rows[0] :].data_ptr())
        buffers.head_fragments = shot.frame.tensors["head_fragments"].data_ptr()
        view = describe_view(shot.frame.config, shot.frame.box, shot.camera, shot.settings, part)
        events = self._enqueue(Band(shot.frame.struct, view, describe_rays(shot.camera, part), buffers))
        return EnqueuedBand(rows, buffers.capacity, events, self.workspace.read_counters())

    def _size(self, frame: CudaFrame, pixels: int) -> BufferSizes:
        struct = frame.struct
        blended = struct.bilinear and struct.color_resolution > 1
        assignments = struct.num_color_maps * (4 if blended else 1)
        return BufferSizes(pixels, self.workspace.capacity, struct.num_color_maps * struct.color_resolution**2, assignments)

    def _enqueue(self, band: Band) -> tuple[Event, Event, Event]:
        """Enqueue the kernels of a band. Return its start, the end of the density pass, and its end."""
        struct, view, rays, buffers = band.struct, band.view, band.rays, band.buffers
        histogram = 4 * buffers.keys
        self.workspace.clear()
        start = self.driver.mark()
        self._launch("density_pass", DENSITY_THREADS, 0, [struct, view, rays, buffers])
        middle = self.driver.mark()
        self._launch("count_heads", GROUP_THREADS, histogram, [struct, buffers])
        self.driver.launch(self._kernels["scan_heads"], (1, 1, 1), GROUP_THREADS, 0, [buffers])
        self._launch("scatter_heads", GROUP_THREADS, histogram, [struct, buffers])
        if self.tensor_cores:
            self._launch("color_pass_matrix", COLOR_THREADS, 0, [buffers])
        else:
            self._launch("color_pass_plain", COLOR_THREADS, 0, [struct, buffers])
        self._launch("composite", GROUP_THREADS, 0, [struct, view, rays, buffers])
        return start, middle, self.driver.mark()

    def _launch(self, name: str, threads: int, shared_bytes: int, arguments: list[ctypes.Structure]) -> None:
        """Launch as many blocks as run at once; each takes work until none is left."""
        key = (name, shared_bytes)
        if key not in self._resident:
            self._resident[key] = self.driver.blocks_per_multiprocessor(self._kernels[name], threads, shared_bytes)
        blocks = max(1, self._resident[key]) * self.driver.multiprocessors
        self.driver.launch(self._kernels[name], (blocks, 1, 1), threads, shared_bytes, arguments)


def open_driver(index: int) -> Driver:
    """Open a GPU, as CUDA counts them; InputError if it cannot be used."""
    from renderer.cuda.core_driver import CoreDriver  # noqa: PLC0415 - loads an optional package

    with as_input_errors():
        return CoreDriver(index)
