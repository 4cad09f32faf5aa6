"""Possible mistakes in a calibration, each with a change of how the files are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from training.captures.description import AXES, POSES
from training.inspection.footage import Footage
from training.inspection.reading import CameraReading

Change = Callable[[CameraReading], CameraReading]

SCALES = (2.0, 0.5, 4.0, 0.25, 3.0, 1 / 3, 1.5, 2 / 3, 0.75, 4 / 3)
"""Sizes of images to try, relative to those that were calibrated."""

_OFF_CENTER = 0.02  # share of the width; a principal point farther from the middle may be due to cropping
_MAX_ADDED = 0.1  # share of the width; cropping adds nothing, but principal points are not exactly in the middle

FLIPS = {
    "horizontal": "mirrored left to right",
    "vertical": "mirrored top to bottom",
    "both": "upside down (turned by 180 degrees)",
}
"""Ways to flip images, in words."""

_POSE_WORDS = {
    "world_to_camera": "R and T lead from the world to the camera",
    "camera_to_world": "R and T lead from the camera to the world",
    "transposed_rotation": "R is transposed: it leads from the camera to the world, but T leads from the world to the camera",
    "camera_center": "T is the position of the camera, while R leads from the world to the camera",
}
_AXES_WORDS = {
    "opencv": "the axes of the cameras are OpenCV's (y down, z forward)",
    "opengl": "the axes of the cameras are those of OpenGL and Blender (y up, z backward)",
    "opengl_rotation": "R is in the axes of OpenGL and Blender (y up, z backward), T in OpenCV's",
}


@dataclass(frozen=True)
class Hypothesis:
    """One possible mistake."""

    code: str
    """Kind of mistake, for programs."""
    cause: str
    """What is wrong if the hypothesis is true, as a clause."""
    change: Change
    """Returns the reading that corrects it."""


def hypotheses(footage: Footage) -> Iterator[Hypothesis]:
    """Yield the mistakes to try on all cameras, the most common first."""
    first = footage.reading[0]
    yield from pose_hypotheses(first)
    yield from flip_hypotheses()
    yield from size_hypotheses(footage, range(len(footage.calibrations)))
    if any(np.any(calibration.D) for calibration in footage.calibrations):
        yield Hypothesis("distortion", "the images are already undistorted", partial(replace, distortion=()))
    yield from _order_hypotheses(len(footage.calibrations))


def pose_hypotheses(current: CameraReading) -> Iterator[Hypothesis]:
    """Yield the other meanings of R and T."""
    pairs = [(pose, axes) for axes in AXES for pose in POSES if (pose, axes) != (current.pose, current.axes)]
    pairs.sort(key=lambda pair: (pair[0] != current.pose) + (pair[1] != current.axes))
    for pose, axes in pairs:
        if axes == "opengl_rotation" and pose in ("camera_to_world", "camera_center"):
            continue  # the same as "opengl": T is the camera's center there
        words = [_POSE_WORDS[pose]] if pose != current.pose else []
        words += [_AXES_WORDS[axes]] if axes != current.axes else []
        yield Hypothesis("pose", ", and ".join(words), partial(replace, pose=pose, axes=axes))


def flip_hypotheses() -> Iterator[Hypothesis]:
    """Yield the ways in which images can be flipped."""
    for flip, words in FLIPS.items():
        yield Hypothesis("flip", f"the images are {words}", partial(replace, flip=flip))


def size_hypotheses(footage: Footage, cameras: range | list[int]) -> Iterator[Hypothesis]:
    """Yield calibrations of other image sizes. The size for which the principal points are in the middle comes first."""
    chosen = [footage.calibrations[index] for index in cameras]
    middle = np.median([(c.K[0, 2] - c.width / 2, c.K[1, 2] - c.height / 2) for c in chosen], axis=0)
    if np.abs(middle).max() > _OFF_CENTER * chosen[0].width and is_cropping(middle, chosen[0].width):
        yield Hypothesis(
            "crop", "the images were cropped after calibration", partial(replace, crop=(float(middle[0]), float(middle[1])))
        )
    ratios = [(c.width / (2 * c.K[0, 2]), c.height / (2 * c.K[1, 2])) for c in chosen if c.K[0, 2] > 0 and c.K[1, 2] > 0]
    if ratios:
        columns, rows = (float(value) for value in np.median(ratios, axis=0))
        both = float(np.sqrt(columns * rows))
        for ratio in sorted(SCALES, key=lambda value: abs(np.log(value / both))):
            yield Hypothesis("size", _size_words(ratio), partial(replace, scale=(ratio, ratio)))
        if abs(np.log(both)) > 0.05:
            yield Hypothesis("size", _size_words(both), partial(replace, scale=(both, both)))
        if abs(np.log(columns / rows)) > 0.05:
            yield Hypothesis("size", "the images were stretched after calibration", partial(replace, scale=(columns, rows)))


def is_cropping(cut: NDArray[np.float64], width: int) -> bool:
    """Return whether images can have been cropped by these columns and rows. Images of another size look as if widened."""
    return float(cut.min()) > -_MAX_ADDED * width


def _size_words(ratio: float) -> str:
    return f"K belongs to images of another size: these images have {ratio:.3g} times as many columns and rows"


def _order_hypotheses(count: int) -> Iterator[Hypothesis]:
    for step, words in ((1, "the next"), (-1, "the previous")):
        cause = f"each camera's calibration belongs to {words} camera in the list"
        yield Hypothesis("order", cause, partial(_moved, step=step, count=count))


def _moved(reading: CameraReading, step: int, count: int) -> CameraReading:
    return replace(reading, calibration=(reading.calibration - step) % count)
