"""What the check needs from a capture: the numbers in its files, and functions that read images and masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.captures.calibration import Similarity
from training.captures.description import MaskRule
from training.captures.images import Pixels
from training.inspection.reading import CameraReading

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Calibration:
    """One camera's numbers as they are in the files, except that pixel centers are at +0.5 and K fits the image's size."""

    name: str
    """Name of the camera."""
    width: int
    """Pixels along a row of the camera's images."""
    height: int
    """Rows of the camera's images."""
    K: Floats
    """3 x 3 intrinsic matrix, pixels."""
    D: Floats
    """Distortion coefficients in OpenCV's order, 4 or more, or none."""
    R: Floats
    """3 x 3 rotation."""
    T: Floats
    """Translation, (3,), in the files' unit."""
    fisheye: bool = False
    """Whether `D` is of OpenCV's fisheye model."""
    transform: Similarity | None = None
    """Similarity transform of the world, applied after conversion to meters."""
    calibrated: tuple[int, int] | None = None
    """Width and height that meta.yaml or the files give for the calibrated images; None if they give none."""
    frame_offset: int = 0
    """Offset that meta.yaml already has. Frames are counted after applying it."""
    stride: int = 1
    """Frames of the files per frame of the capture."""
    frame_fraction: float = 0.0
    """Fraction of a frame by which the images are later, according to meta.yaml."""
    video_rate: float | None = None
    """Frames of the capture per second if the camera is a video, else None."""
    images_from: str = ""
    """Name of the camera whose images these are."""


@dataclass(frozen=True, eq=False)
class Footage:
    """A capture in the form that the check uses."""

    calibrations: tuple[Calibration, ...]
    """The cameras."""
    reading: tuple[CameraReading, ...]
    """How each camera is read according to its layout and `meta.yaml`."""
    num_frames: int
    """Number of frames."""
    up: Floats
    """Declared up direction, unit vector, (3,)."""
    mask: Callable[[int, int, MaskRule], Pixels | None]
    """Reads the mask of a frame and camera with lens distortion: (H, W), 0 to 255; None when it is missing."""
    image: Callable[[int, int], Pixels | None]
    """Reads the image of a frame and camera with lens distortion: (H, W, 3); None when it is missing."""
    vertices: Callable[[int], NDArray[np.float32] | None]
    """Returns the vertices of a frame in meters, (N, 3); None without vertices."""
    has_masks: bool = True
    """Whether there are masks at all."""
    missing: Callable[[int, int], list[str]] = lambda _frame, _camera: []
    """Returns the paths of missing files of a frame and camera."""
    repeats: Callable[[int, int], bool] = lambda _frame, _camera: False
    """Returns whether the image of a frame and camera is the same file as that of the frame before."""

    @property
    def names(self) -> list[str]:
        """Names of the cameras."""
        return [calibration.name for calibration in self.calibrations]
