"""What a layout finds in a capture's folder, in one form for all layouts. Numbers are still those of the files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.captures.sources import ImageSource

Array = NDArray[np.float64]

MAX_CAMERAS = 4096
"""Maximum number of cameras of a capture."""

MAX_FRAMES = 100_000
"""Maximum number of frames of a capture."""

SMOOTH_THRESHOLD = 127
"""Threshold of masks with compression noise or soft edges."""


POSES = ("world_to_camera", "camera_to_world", "transposed_rotation", "camera_center")
"""What R and T of a calibration mean, in the order of the names:

Both lead from the world to the camera: x_camera = R x_world + T.
Both lead from the camera to the world, so T is the camera's center.
R leads from the camera to the world, but T from the world to the camera.
R leads from the world to the camera, but T is the camera's center.
"""

AXES = ("opencv", "opengl", "opengl_rotation")
"""Axes of a camera: x right, y down, z forward; x right, y up, z backward; or the latter for R and the former for T."""


@dataclass(frozen=True)
class Conventions:
    """What the numbers of a calibration mean. Each field can be overridden in meta.yaml."""

    units_per_meter: float = 1.0
    """Length of a meter in the cameras' translations: 1000 for millimeters."""
    vertex_units_per_meter: float = 1.0
    """Length of a meter in the vertices and boxes."""
    pose: str = "world_to_camera"
    """One of `POSES`."""
    axes: str = "opencv"
    """One of `AXES`."""
    pixel_center: float = 0.0
    """Image coordinate of the first pixel's center: 0 or 0.5."""
    up_axis: str = "z"
    """Axis of the world that points up."""
    fps: float = 30.0
    """Frames per second."""


@dataclass(frozen=True, eq=False)
class RawCamera:
    """A camera as the files describe it."""

    name: str
    """Name that is unique in the capture."""
    K: Array
    """3 x 3 intrinsic matrix in pixels of an image of `size`."""
    D: Array
    """Distortion coefficients in OpenCV's order: k1, k2, p1, p2, k3, ...; k1 to k4 of a fisheye lens."""
    R: Array
    """3 x 3 rotation."""
    T: Array
    """Translation, 3 numbers."""
    size: tuple[int, int] | None = None
    """Width and height of the images that were calibrated; None if the files do not have them."""
    fisheye: bool = False
    """Whether `D` is of OpenCV's fisheye model."""


CHANNELS = ("color", "alpha", "palette")
"""Where in the file of a mask the subject can be marked."""


@dataclass(frozen=True)
class MaskRule:
    """Which pixels of a mask are the subject. Each field can be overridden in meta.yaml."""

    channel: str = "color"
    """One of `CHANNELS`. "color": gray, color, or a palette's labels. "alpha": the alpha channel. "palette": its colors."""
    threshold: int = 0
    """Values from 0 to 255 above this one are the subject, in any channel. Labels of a palette are the subject unless 0."""
    inverted: bool = False
    """Whether the other pixels are the subject."""
    face_labels: tuple[int, ...] = (13,)
    """Labels of the face in a human parse; 13 in the label sets LIP and CIHP."""


@dataclass(frozen=True, eq=False)
class FrameFiles:
    """Where the images of one frame are, in the order of the cameras."""

    name: str
    """Name or number, for messages."""
    images: tuple[ImageSource, ...]
    """One image per camera."""
    masks: tuple[ImageSource, ...] | None
    """One mask per camera; None without masks."""
    vertices: Callable[[], NDArray[np.float32]] | None = None
    """Reads the points of the subject's surface, (N, 3); None if there are none."""
    box: Array | None = None
    """Box of the subject, (2, 3); None if the files have none."""


@dataclass(frozen=True, eq=False)
class Description:
    """A capture as a layout finds it."""

    cameras: tuple[RawCamera, ...]
    """The cameras."""
    frames: tuple[FrameFiles, ...]
    """The frames in their order in time."""
    calibration_file: str
    """Name of the file with the cameras, for messages."""
    conventions: Conventions = Conventions()
    """What the numbers mean."""
    mask_rule: MaskRule = MaskRule()
    """Which pixels of a mask are the subject."""
    notes: tuple[str, ...] = field(default=())
    """What the user should know: frames that were left out, for instance."""
