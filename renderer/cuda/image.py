"""A rendered image on the GPU. It is copied to the CPU only when its arrays are read."""

from __future__ import annotations

import threading

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.backend import RenderedImage, RenderStatistics
from renderer.cuda.driver import RENDER_STREAM, Driver, Event, as_input_errors


class CudaImage(RenderedImage):
    """A `RenderedImage` whose arrays are downloaded when they are first read; InputError when the GPU fails then.

    Args:
        driver: the GPU.
        tensors: "rgba" (H, W, 4) float32, "depth" (H, W) float32, "counts" (H, W) int32 with two numbers of 16 bits.
    """

    def __init__(self, driver: Driver, tensors: dict[str, torch.Tensor]) -> None:
        self.driver = driver
        self.tensors = tensors
        self.ready: Event | None = None
        """The point at which the GPU has finished it."""
        self.statistics = RenderStatistics()
        self._arrays: dict[str, NDArray[np.generic]] = {}
        self._lock = threading.Lock()

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
            if name not in self._arrays:
                with as_input_errors(), self.driver.stream(RENDER_STREAM):
                    opacity = name == "opacity"
                    tensor = self.device_rgba[..., 3].contiguous() if opacity else self.tensors[name]
                    self._arrays[name] = self.driver.download(tensor)
            return self._arrays[name]
