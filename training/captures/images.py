"""Read images and masks of a capture as arrays, without lens distortion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import InputError
from model.camera import MAX_IMAGE_SIDE

Pixels = NDArray[np.uint8]

FACE_LABEL = 13
"""The face in the label sets of human parsers (LIP and CIHP)."""

_FACE_COLOR = (192, 0, 128)
"""Color of `FACE_LABEL` in the usual palette, which distributes the bits of the label over red, green and blue in turn."""

_DECODING_FAULTS = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, MemoryError)


@dataclass(frozen=True, eq=False)
class Undistortion:
    """Parameters for undoing a camera's distortion, as OpenCV defines them."""

    K: NDArray[np.float64]
    """3 x 3 intrinsic matrix in pixels, the top-left pixel's center at (0, 0)."""
    D: NDArray[np.float64]
    """Distortion coefficients k1, k2, p1, p2, k3, ..."""

    @property
    def distorts(self) -> bool:
        """Whether any coefficient is nonzero."""
        return bool(np.any(self.D))

    def undistort(self, pixels: Pixels, interpolation: int) -> Pixels:
        """Resample an image as the same camera without distortion would see it. Unseen pixels are 0."""
        if not self.distorts:
            return pixels
        height, width = pixels.shape[:2]
        maps = cv2.initUndistortRectifyMap(self.K, self.D, np.eye(3), self.K, (width, height), cv2.CV_32FC1)
        return cv2.remap(pixels, *maps, interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=0).astype(np.uint8)


def image_size(path: Path) -> tuple[int, int]:
    """Read width and height from an image file's header; raise InputError when it is missing or not an image."""
    with _opened(path) as image:
        return image.size


def read_color(path: Path, undistortion: Undistortion) -> Pixels:
    """Read an image: (H, W, 3) uint8, undistorted; raise InputError when it is missing, not an image or too large."""
    with _opened(path) as image:
        return undistortion.undistort(_decode(path, image, "RGB"), cv2.INTER_LINEAR)


def read_mask(path: Path, undistortion: Undistortion) -> tuple[Pixels, Pixels | None]:
    """Read a mask or a human parse.

    Returns:
        The foreground, (H, W) uint8, 0 or 255; and the face in the same form, if the file is a parse (has a palette or colors).

    Raises:
        InputError: the file is missing, not an image or too large.
    """
    with _opened(path) as image:
        if image.mode == "P":
            labels = undistortion.undistort(_decode(path, image, "P"), cv2.INTER_NEAREST)
            return _binary(labels > 0), _binary(labels == FACE_LABEL)
        if image.mode in ("RGB", "RGBA"):
            colors = undistortion.undistort(_decode(path, image, "RGB"), cv2.INTER_NEAREST)
            face = (colors == np.array(_FACE_COLOR, dtype=np.uint8)).all(axis=-1)
            return _binary((colors > 0).any(axis=-1)), _binary(face) if face.any() else None
        return _binary(undistortion.undistort(_decode(path, image, "L"), cv2.INTER_NEAREST) > 0), None


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize by averaging areas. An image of that size is returned unchanged."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _opened(path: Path) -> Any:
    try:
        image = Image.open(path)
    except FileNotFoundError as error:
        raise InputError(path, "no such file") from error
    except _DECODING_FAULTS as error:
        raise InputError(path, "cannot be read as an image") from error
    if max(image.size) > MAX_IMAGE_SIDE:
        image.close()
        raise InputError(path, f"has more than {MAX_IMAGE_SIDE} pixels per side")
    return image


def _decode(path: Path, image: Any, mode: str) -> Pixels:
    try:
        return np.asarray(image if mode == "P" else image.convert(mode)).astype(np.uint8)
    except _DECODING_FAULTS as error:
        raise InputError(path, "is truncated or damaged") from error


def _binary(values: Any) -> Pixels:
    return (values * np.uint8(255)).astype(np.uint8)
