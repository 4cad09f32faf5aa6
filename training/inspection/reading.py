"""A way to read the files of one camera: conventions and corrections. A hypothesis changes one thing in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.captures.calibration import world_to_camera
from training.captures.description import MaskRule
from training.inspection.camera_model import CameraModel

if TYPE_CHECKING:
    from training.inspection.footage import Calibration

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CameraReading:
    """How the numbers and images of one camera are interpreted."""

    calibration: int
    """Index of the calibration that belongs to this camera's images."""
    pose: str = "world_to_camera"
    """One of `POSES` in training/captures/description.py."""
    axes: str = "opencv"
    """One of `AXES` there."""
    meters_per_unit: float = 0.001
    """Factor that converts T to meters."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Factors of K for columns and rows: size of the images divided by the calibrated size."""
    crop: tuple[float, float] = (0.0, 0.0)
    """Columns and rows that were cut off at the left and top after calibration, pixels of the image."""
    flip: str = "none"
    """How the images have to be flipped before K applies: "none", "horizontal", "vertical" or "both"."""
    distortion: tuple[float, ...] | None = None
    """Coefficients that replace the file's; empty for images without distortion."""
    mask: MaskRule = MaskRule()
    """Which pixels of the masks are the subject."""
    frame_offset: float = 0.0
    """Frame of this camera that was taken at the same time as frame 0 of the others."""
    moved: tuple[float, ...] | None = None
    """R and T that replace the file's: 12 numbers, world to camera in OpenCV's axes and meters."""

    def model(self, calibrations: tuple[Calibration, ...], images: Calibration) -> CameraModel:
        """Return the camera, given all calibrations and the size of the camera's own images."""
        source = calibrations[self.calibration]
        if self.moved is None:
            R, T = world_to_camera(source.R, source.T * self.meters_per_unit, self.pose, self.axes)
            R, T = (R, T) if source.transform is None else source.transform.pose(R, T)
        else:
            R, T = np.reshape(self.moved[:9], (3, 3)), np.array(self.moved[9:])
        K = np.diag([*self.scale, 1.0]) @ source.K
        K[:2, 2] -= self.crop
        for axis, size in ((0, images.width), (1, images.height)):
            if self.flip in (("horizontal", "vertical")[axis], "both"):
                K[axis] *= -1
                K[axis, 2] += size
        D = source.D if self.distortion is None else np.array(self.distortion, dtype=np.float64)
        fisheye = source.fisheye and self.distortion is None
        return CameraModel(images.width, images.height, K, R, T, D, fisheye)
