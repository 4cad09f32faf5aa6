"""What every backend offers: prepare a frame once, then render it from any camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.video import VolumetricVideo

Region = tuple[int, int, int, int]
"""(x0, y0, x1, y1): columns x0 to x1 - 1 and rows y0 to y1 - 1 of an image."""


@dataclass(frozen=True)
class RenderSettings:
    """Deviations from what the bundle says of its rendering; None keeps the bundle's value."""

    steps_per_diagonal: int | None = None
    """The step is the box's diagonal divided by this."""
    weight_threshold: float | None = None
    """tau2: samples with a weight w at or below it get no color."""


@dataclass
class RenderStatistics:
    """What a frame cost. Times are milliseconds."""

    density_ms: float = 0.0
    """Density pass."""
    color_ms: float = 0.0
    """Color pass."""
    total_ms: float = 0.0
    """Whole render call, compositing included."""
    density_samples: int = 0
    """Samples of the density pass."""
    color_samples: int = 0
    """Samples kept for the color pass."""


@dataclass
class RenderedImage:
    """The pixels of one view; row 0 is at the top."""

    rgba: NDArray[np.float32]
    """(H, W, 4) premultiplied color and opacity in [0, 1], display-referred."""
    depth: NDArray[np.float32]
    """(H, W) meters along the camera's z, the weighted mean of the kept samples; 0 where opacity is 0."""
    counts: NDArray[np.uint16]
    """(H, W, 2) samples a ray took in the density and the color pass."""
    statistics: RenderStatistics = field(default_factory=RenderStatistics)
    """What it cost."""

    @property
    def opacity(self) -> NDArray[np.float32]:
        """(H, W) in [0, 1], the last channel of `rgba`."""
        return self.rgba[..., 3]


class RenderCancelled(Exception):
    """The render was cancelled by its `CancelToken`; no image results."""


class CancelToken:
    """A flag that another thread sets to end a render early.

    `flag` is one int32 that native code polls; nonzero means cancelled.
    """

    def __init__(self) -> None:
        self.flag: NDArray[np.int32] = np.zeros(1, dtype=np.int32)

    def cancel(self) -> None:
        """Ask the render that holds this token to stop soon."""
        self.flag[0] = 1

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return bool(self.flag[0])

    def check(self) -> None:
        """Raise `RenderCancelled` when cancelled."""
        if self.cancelled:
            raise RenderCancelled


class PreparedFrame(Protocol):
    """A frame in the form that its backend reads, decoded and baked; opaque to callers."""

    @property
    def time(self) -> float:
        """Frame index, may be fractional."""

    @property
    def box(self) -> NDArray[np.float32]:
        """(2, 3) corners, meters."""

    @property
    def nbytes(self) -> int:
        """Memory it holds, for the frame cache's budget."""

    @property
    def decode_ms(self) -> float:
        """Milliseconds from latent to maps."""

    @property
    def bake_ms(self) -> float:
        """Milliseconds from maps to this form."""


class Renderer(Protocol):
    """A backend. `prepare` and `render` may be called from different threads at the same time."""

    name: str
    """"reference", "cpu" or "cuda"."""
    device: str
    """The processor it runs on, for people."""
    threads: int
    """CPU threads it uses."""

    def prepare(self, video: VolumetricVideo, time: float) -> PreparedFrame:
        """Decode and bake the frame at `time` (0 to num_frames - 1, may be fractional); InputError outside."""

    def render(
        self,
        frame: Any,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render a view of a frame that this backend's `prepare` made.

        With `region` only that part of the camera's image is rendered and returned, (y1 - y0, x1 - x0) pixels.

        Raises:
            RenderCancelled: `cancel` was set meanwhile.
        """
