"""A rendered image on the GPU. It is copied to the CPU only when its arrays are read."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.backend import RenderedImage, RenderStatistics
from renderer.cuda.driver import RENDER_STREAM, Driver, Event, Reading, as_input_errors


class CudaImage(RenderedImage):
    """A `RenderedImage` that the GPU may still be working on. Its arrays are downloaded when they are first read.

    All of it raises InputError when the GPU fails.

    Args:
        driver: the GPU.
        tensors: "rgba" (H, W, 4) float32, "depth" (H, W) float32, "counts" (H, W) int32 with two numbers of 16 bits.
    """

    on_cuda = True

    def __init__(self, driver: Driver, tensors: dict[str, torch.Tensor]) -> None:
        self.driver = driver
        self.tensors = tensors
        self.ready: Event | None = None
        """The point at which the GPU has finished it."""
        self._complete: Callable[[], RenderStatistics] | None = None
        self._statistics = RenderStatistics()
        self._copy: Reading | None = None
        self._arrays: dict[str, NDArray[np.generic]] = {}
        self._lock = threading.RLock()

    def expect(self, complete: Callable[[], RenderStatistics]) -> None:
        """Set what waits for the GPU, repeats what it had no room for, and returns the cost. It is called once."""
        self._complete = complete

    def finish(self) -> None:
        """Wait for the GPU. Where its buffers were too small, it renders that part again."""
        with self._lock:
            if self._complete is not None:
                ready = self.ready
                self._statistics = self._complete()
                self._complete = None
                if self.ready is not ready:
                    self._copy = None  # of an image without the samples that there was no room for

    def start_reading(self) -> None:
        """Begin to copy the color to the CPU's memory."""
        with self._lock, as_input_errors(), self.driver.stream(RENDER_STREAM):
            self._copy = self.driver.read(self.device_rgba)

    @property
    def statistics(self) -> RenderStatistics:  # type: ignore[override]
        """The cost of this image; waits for it."""
        self.finish()
        return self._statistics

    @property
    def rgba(self) -> NDArray[np.float32]:  # type: ignore[override]
        """(H, W, 4) premultiplied color and opacity."""
        return self._array("rgba")  # type: ignore[return-value]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        height, width = self.tensors["depth"].shape
        return width, height

    @property
    def opacity(self) -> NDArray[np.float32]:
        """(H, W) in [0, 1]; downloaded without the color, which the window needs only on the GPU."""
        return self.rgba[..., 3] if "rgba" in self._arrays else self._array("opacity")  # type: ignore[return-value]

    @property
    def depth(self) -> NDArray[np.float32]:  # type: ignore[override]
        """(H, W) meters along the camera's z."""
        return self._array("depth")  # type: ignore[return-value]

    @property
    def counts(self) -> NDArray[np.uint16]:  # type: ignore[override]
        """(H, W, 2) samples of both passes."""
        packed = self._array("counts")
        return packed.view(np.uint16).reshape(*packed.shape, 2)

    @property
    def device_rgba(self) -> torch.Tensor:
        """(H, W, 4) float32 in the GPU's memory."""
        return self.tensors["rgba"]

    def _array(self, name: str) -> NDArray[np.generic]:
        with self._lock:
            self.finish()
            if name not in self._arrays:
                with as_input_errors():
                    self._arrays[name] = self._copied(name)
            return self._arrays[name]

    def _copied(self, name: str) -> NDArray[np.generic]:
        if name == "rgba" and self._copy is not None:
            copy, self._copy = self._copy, None
            return copy.take()
        with self.driver.stream(RENDER_STREAM):
            if name == "opacity":
                return self.driver.download(self.driver.lend(self.device_rgba[..., 3], torch.float32))
            return self.driver.download(self.tensors[name])
