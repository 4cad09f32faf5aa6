"""The interface of every backend: prepare a frame once, then render it from any camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.arguments import checked_number, checked_whole, shown
from common.errors import InputError
from model.camera import Camera
from model.config import RenderConfig
from model.video import VolumetricVideo

MAX_STEPS = 65536
"""Largest number of steps along the diagonal of a box."""

Corner = tuple[float, float, float]
"""x, y, z in meters."""

Region = tuple[int, int, int, int]
"""(x0, y0, x1, y1): columns x0 to x1 - 1 and rows y0 to y1 - 1 of an image."""


@dataclass(frozen=True)
class RenderSettings:
    """Overrides of the bundle's render settings. None keeps the bundle's value."""

    steps_per_diagonal: int | None = None
    """The step is the box's diagonal divided by this."""
    weight_threshold: float | None = None
    """tau2: samples with a weight w at or below it get no color."""
    crop: tuple[Corner, Corner] | None = None
    """Lower and upper corner, meters, of the part of the frame's box to render. A ray's samples begin where it enters."""
    depth_range: tuple[float, float] | None = None
    """Only samples from the first to below the second depth count, meters along the optical axis. Samples stay where they are,
    so that the images of adjacent ranges, composited front to back, are the image without a range."""

    def __post_init__(self) -> None:
        if self.steps_per_diagonal is not None:
            steps = checked_whole(self.steps_per_diagonal, "steps per diagonal", 1, MAX_STEPS)
            object.__setattr__(self, "steps_per_diagonal", steps)
        if self.weight_threshold is not None:
            threshold = checked_number(self.weight_threshold, "weight threshold", "0 to below 1")
            if not 0 <= threshold < 1:
                raise InputError("weight threshold", f"must be 0 to below 1, not {threshold:g}")
        if self.crop is not None and not _is_box(self.crop):
            raise InputError("crop box", f"needs a lower and an upper corner in meters, not {shown(self.crop)}")
        if self.depth_range is not None and not _is_interval(self.depth_range):
            raise InputError("depth range", f"must be two ascending distances in meters, not {shown(self.depth_range)}")

    def clip(self, box: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the part of a frame's box to render, (2, 3) meters; without extent if the crop leaves nothing."""
        if self.crop is None:
            return box
        low, high = np.asarray(self.crop, np.float32)
        clip = np.stack([np.maximum(box[0], low), np.minimum(box[1], high)])
        return clip if (clip[0] < clip[1]).all() else np.stack([box[0], box[0]])

    def step(self, config: RenderConfig, box: ArrayLike, origin: ArrayLike) -> float:
        """Return the distance between samples, meters: the diagonal of the box divided by the number of steps.

        It is never below the spacing of float32 numbers at the largest distance: a ray from very far away would otherwise take
        the same sample millions of times.

        Args:
            config: the bundle's settings.
            box: (2, 3), meters.
            origin: of the rays, (3,) or (R, 3), meters.
        """
        lower, upper = np.asarray(box, np.float32)
        step = float(np.linalg.norm(upper - lower)) / (self.steps_per_diagonal or config.steps_per_diagonal)
        corners, start = np.asarray(box, np.float64), np.asarray(origin, np.float64)
        reach = np.abs(corners[:, None] - start.reshape(-1, 3)).max()
        return max(step, float(reach) * float(np.finfo(np.float32).eps))


def _is_box(value: object) -> bool:
    """Return whether these are two points in order, coordinate by coordinate."""
    try:
        low, high = np.asarray(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        return False
    return bool(low.shape == high.shape == (3,) and (-np.inf < low).all() and (low <= high).all() and (high < np.inf).all())


def _is_interval(value: object) -> bool:
    """Return whether these are two distances in order; the second one may be infinite."""
    try:
        low, high = np.asarray(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        return False
    return low.shape == high.shape == () and bool(0 <= low <= high)


@dataclass
class RenderStatistics:
    """The cost of rendering one image. Times are in milliseconds."""

    density_ms: float = 0.0
    """Time of the density pass."""
    color_ms: float = 0.0
    """Time of the color pass."""
    total_ms: float = 0.0
    """Time of the whole render call, including compositing."""
    density_samples: int = 0
    """Number of samples whose density was computed."""
    color_samples: int = 0
    """Number of samples kept for the color pass."""

    def __add__(self, other: RenderStatistics) -> RenderStatistics:
        """Return the cost of two images together."""
        return RenderStatistics(**{name: value + getattr(other, name) for name, value in vars(self).items()})


SURFACE_OPACITY = 0.5
"""Pixels at least this opaque count as surface where one is needed."""


@dataclass
class RenderedImage:
    """The pixels of one view. Row 0 is at the top."""

    rgba: NDArray[np.float32]
    """(H, W, 4) float32, premultiplied color and opacity in [0, 1], display-referred."""
    depth: NDArray[np.float32]
    """(H, W) float32, meters along the camera's z axis: the mean over the kept samples, weighted by w. 0 where opacity is 0."""
    counts: NDArray[np.uint16]
    """(H, W, 2) uint16, samples per ray in the density pass and in the color pass."""
    statistics: RenderStatistics = field(default_factory=RenderStatistics)
    """The cost of this image."""
    on_cuda: ClassVar[bool] = False
    """Whether it is a `renderer.cuda.image.CudaImage`, whose module loads PyTorch."""

    @staticmethod
    def blank(width: int, height: int) -> RenderedImage:
        """Return an image that shows nothing; sides in pixels."""
        depth = np.zeros((height, width), np.float32)
        return RenderedImage(np.zeros((height, width, 4), np.float32), depth, np.zeros((height, width, 2), np.uint16))

    def finish(self) -> None:
        """Wait until the device has made the image. Whoever reads its arrays or `statistics` waits too."""

    def start_reading(self) -> None:
        """Begin to copy the color to main memory, if it is elsewhere. Read `rgba` later, after more images were begun."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels. Reading it copies no pixels from a graphics card."""
        height, width = self.depth.shape
        return width, height

    @property
    def opacity(self) -> NDArray[np.float32]:
        """(H, W) in [0, 1], the last channel of `rgba`."""
        return self.rgba[..., 3]

    def surface_depths(self) -> NDArray[np.float32]:
        """Return the depths of the surface in meters, in any order. Images on a graphics card may return only some of them."""
        return self.depth[self.opacity >= SURFACE_OPACITY]

    def squared_error(self, other: RenderedImage) -> float | None:
        """Return the mean squared difference of the colors over black to an image of the same size, where a graphics card can
        compute it; None if both have to be read."""
        return None

    def largest_counts(self) -> tuple[int, int]:
        """Return the most samples of a ray in the density pass and in the color pass; 0 for an empty image."""
        density, color = self.counts.reshape(-1, 2).max(axis=0, initial=0).tolist()
        return density, color


class DeviceFailed(InputError):
    """The device or the driver of a backend failed, so that this backend cannot go on: it was lost, its memory is full, or it
    refuses a shader.

    Any method of a renderer, of its frames and of its images may raise it. `renderer.select.next_renderer` creates the
    renderer to continue with.
    """


class RenderCancelled(Exception):
    """Raised when a `CancelToken` ends a render or a frame cache is closed. There is no image."""


class CancelToken:
    """A flag that another thread sets to end a render early.

    `flag` is one int32 that native code polls; nonzero means cancelled.
    """

    def __init__(self) -> None:
        self.flag: NDArray[np.int32] = np.zeros(1, dtype=np.int32)

    def cancel(self) -> None:
        """Ask the render that uses this token to stop soon."""
        self.flag[0] = 1

    @property
    def cancelled(self) -> bool:
        """True once `cancel` was called."""
        return bool(self.flag[0])

    def check(self) -> None:
        """Raise `RenderCancelled` if `cancel` was called."""
        if self.cancelled:
            raise RenderCancelled


class PreparedFrame(Protocol):
    """A decoded and baked frame, in the form that its backend reads. Opaque to callers."""

    @property
    def time(self) -> float:
        """Frame index. It may be fractional."""

    @property
    def box(self) -> NDArray[np.float32]:
        """(2, 3) float32, the lower and the upper corner of the frame's box, in meters."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory it occupies, counted against the frame cache's budget."""

    @property
    def decode_ms(self) -> float:
        """Milliseconds spent on decoding the latent into maps."""

    @property
    def bake_ms(self) -> float:
        """Milliseconds spent on baking the maps into this form."""


class Renderer(Protocol):
    """A backend. `prepare` and `render` may be called from different threads at the same time."""

    name: str
    """A name in `renderer.select.BACKENDS`, for example "cpu"."""
    device: str
    """Name of the processor it runs on, shown to users."""
    threads: int
    """Number of CPU threads it uses."""

    def prepare(self, video: VolumetricVideo, time: float) -> PreparedFrame:
        """Decode and bake the frame at `time`, a frame index from 0 to num_frames - 1 that may be fractional.

        Raises:
            InputError: `time` is out of range.
        """

    def render(
        self,
        frame: Any,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render one view of a frame that this backend's `prepare` returned.

        With `region`, only that part of the camera's image is rendered and returned: y1 - y0 rows of x1 - x0 pixels.

        Raises:
            RenderCancelled: `cancel` was set during the render.
        """
