"""Read images and masks of a capture as arrays, upright and without lens distortion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from common.errors import InputError
from training.captures.description import MaskRule
from training.captures.sources import DECODING_FAULTS, ImageSource, open_image

Pixels = NDArray[np.uint8]

_ORIENTATION = 0x0112  # the tag of Exif

_QUARTER_TURNS = (5, 6, 7, 8)  # orientations that exchange width and height

_FLIPS = {"none": None, "horizontal": 1, "vertical": 0, "both": -1}  # codes of cv2.flip

FLIPS = tuple(_FLIPS)
"""Ways to flip an image: mirrored, upside down, or turned by half a turn."""


@dataclass(frozen=True, eq=False)
class Undistortion:
    """Parameters for undoing a camera's distortion, as OpenCV defines them."""

    K: NDArray[np.float64]
    """3 x 3 intrinsic matrix in pixels, the top-left pixel's center at (0, 0)."""
    D: NDArray[np.float64]
    """Distortion coefficients k1, k2, p1, p2, k3, ...; k1 to k4 of a fisheye lens."""
    fisheye: bool = False
    """Whether `D` is of OpenCV's fisheye model, where even zeros distort."""

    @property
    def distorts(self) -> bool:
        """Whether the camera is not a pinhole camera."""
        return self.fisheye or bool(np.any(self.D))

    def undistort(self, pixels: Pixels, interpolation: int) -> Pixels:
        """Resample an image as the same camera without distortion would see it. Unseen pixels are 0."""
        if not self.distorts:
            return pixels
        size = pixels.shape[1::-1]
        rectify = cv2.fisheye.initUndistortRectifyMap if self.fisheye else cv2.initUndistortRectifyMap
        maps = rectify(self.K, self.D, np.eye(3), self.K, size, cv2.CV_32FC1)
        return cv2.remap(pixels, *maps, interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=0).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Optics:
    """How the images of one camera are turned into those of a pinhole camera."""

    undistortion: Undistortion
    """Undoes the lens."""
    calibrated_size: tuple[int, int] | None = None
    """Width and height of the calibrated images. They decide whether images are turned as their Exif says."""
    flip: str = "none"
    """One of `FLIPS`, applied before the lens is undone."""

    def upright(self, image: Any) -> Any:
        """Turn an image as its Exif says, unless only the stored orientation has the calibrated size."""
        return ImageOps.exif_transpose(image) if self._turns(image) else image

    def size(self, image: Any) -> tuple[int, int]:
        """Return width and height that the image has when it is turned."""
        width, height = image.size
        turned = self._turns(image) and _orientation(image) in _QUARTER_TURNS
        return (height, width) if turned else (width, height)

    def apply(self, pixels: Pixels, interpolation: int) -> Pixels:
        """Flip and undistort an image, (H, W) or (H, W, 3), that is already upright; `interpolation` is OpenCV's."""
        code = _FLIPS[self.flip]
        flipped = pixels if code is None else cv2.flip(pixels, code).astype(np.uint8)
        return self.undistortion.undistort(flipped, interpolation)

    def _turns(self, image: Any) -> bool:
        orientation = _orientation(image)
        if orientation not in _QUARTER_TURNS or self.calibrated_size is None:
            return orientation != 1
        return self.calibrated_size != image.size


def image_size(path: Path) -> tuple[int, int]:
    """Read width and height from an image file's header; raise InputError when it is missing or not an image."""
    with open_image(path, path) as image:
        return image.size


def oriented_size(source: ImageSource, optics: Optics) -> tuple[int, int]:
    """Read width and height of an image that is turned as its Exif says; raise InputError when it cannot be opened."""
    with source.open() as image:
        return optics.size(image)


def read_color(source: ImageSource, optics: Optics) -> Pixels:
    """Read an image: (H, W, 3) uint8, undistorted, composited over black if it has an alpha channel.

    Raises:
        InputError: the image is missing, not an image or too large.
    """
    with source.open() as image:
        upright = _decoded(source, lambda: optics.upright(image))
        if "A" not in upright.getbands() and "transparency" not in upright.info:
            return optics.apply(_decoded(source, lambda: _eight_bit(upright, "RGB")), cv2.INTER_LINEAR)
        colors = _decoded(source, lambda: _eight_bit(upright, "RGBA")).astype(np.uint16)
        over_black = (colors[..., :3] * colors[..., 3:] + 127) // 255
        return optics.apply(over_black.astype(np.uint8), cv2.INTER_LINEAR)


def read_mask(source: ImageSource, rule: MaskRule, optics: Optics) -> tuple[Pixels, Pixels | None]:
    """Read a mask or a human parse.

    Returns:
        The foreground, (H, W) uint8, 0 or 255; and the face in the same form, if the file is a parse (has a palette or colors).

    Raises:
        InputError: the file is missing, not an image or too large.
    """
    with source.open() as image:
        subject, face = _decoded(source, lambda: _mask_of(optics.upright(image), rule, source.path))
        # Labels cannot be interpolated, and outside the undistorted image there is no subject, inverted or not.
        faces = None if face is None else optics.apply(face, cv2.INTER_NEAREST)
        return optics.apply(subject, cv2.INTER_NEAREST), faces


def read_coverage(source: ImageSource, rule: MaskRule, optics: Optics) -> Pixels:
    """Read a mask with soft edges: how much of each pixel the subject covers, (H, W) uint8, 255 for all of it.

    Raises:
        InputError: the file is missing, not an image or too large, or has a palette, whose values are labels.
    """
    with source.open() as image:
        if image.mode == "P" and rule.channel != "alpha":
            raise InputError(source.path, "has a palette of labels, but mask_soft needs a gray image or an alpha channel")
        values, _ = _decoded(source, lambda: _mask_values(optics.upright(image), rule, source.path))
        coverage = (255 - values if rule.inverted else values).astype(np.uint8)
        return optics.apply(coverage, cv2.INTER_LINEAR)


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize an image, (H, W) or (H, W, 3), by averaging areas. One of that size is returned unchanged."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _mask_of(image: Any, rule: MaskRule, path: Path) -> tuple[Pixels, Pixels | None]:
    values, face = _mask_values(image, rule, path)
    return _binary((values > rule.threshold) != rule.inverted), face


def _mask_values(image: Any, rule: MaskRule, path: Path) -> tuple[Pixels, Pixels | None]:
    """Return (H, W) values to compare with the threshold, and the face if the image is a human parse."""
    if rule.channel == "alpha":
        if "A" not in image.getbands() and "transparency" not in image.info:
            raise InputError(path, "has no alpha channel to take the mask from")
        return np.asarray(image.convert("RGBA"))[..., 3], None
    if image.mode == "P" and rule.channel != "palette":
        labels = np.asarray(image).astype(np.uint8)
        return _binary(labels > 0), _binary(np.isin(labels, rule.face_labels))
    if image.mode in ("P", "RGB", "RGBA"):
        colors = _eight_bit(image, "RGB")
        face = np.zeros(colors.shape[:2], dtype=bool)
        for label in rule.face_labels:
            face |= (colors == label_color(label)).all(axis=-1)
        return colors.max(axis=-1), _binary(face) if face.any() else None
    return _eight_bit(image, "L"), None


def label_color(label: int) -> NDArray[np.uint8]:
    """Return the color (3,) of a label in the usual palette, which distributes its bits over red, green and blue."""
    channels = [sum(((label >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(3)) for channel in range(3)]
    return np.array(channels, dtype=np.uint8)


def _eight_bit(image: Any, mode: str) -> Pixels:
    """Convert an image to a mode with 8 bits per channel. Of 16 bits the upper 8 remain, and a mask's 1 stays above 0."""
    if image.mode.startswith("I"):
        wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        gray = Image.fromarray(((wide + 255 if mode == "L" else wide) // 256).clip(0, 255).astype(np.uint8))
        return np.asarray(gray.convert(mode))
    return np.asarray(image.convert(mode))


def _orientation(image: Any) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged Exif data raises various exceptions; the image is then taken as it is stored
        return 1


def _decoded(source: ImageSource, decode: Any) -> Any:
    try:
        return decode()
    except DECODING_FAULTS as error:
        raise InputError(source.path, "is truncated or damaged") from error


def _binary(values: Any) -> Pixels:
    return (values * np.uint8(255)).astype(np.uint8)
