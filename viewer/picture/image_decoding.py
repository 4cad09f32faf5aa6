"""The functions that decode image files in a child process (`common/image_reading.py`). The child imports only this file."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from common.image_opening import FORMATS, open_image
from common.image_reading import damage_as_input_errors
from common.limited_process import Limits
from common.memory import check_memory
from model.camera import MAX_IMAGE_SIDE

LARGEST = 8192
"""Larger backgrounds are reduced to at most this many pixels along each side."""

MAX_SIDE, MAX_PIXELS = 32768, 1 << 27
"""Largest side and number of pixels of a background: a panorama of 16384 x 8192."""

MAX_CAPTURED_SIDE = 4096
"""Longest side of a captured image, pixels."""

_BYTES = {"deep": 28, "transparent": 20, "plain": 12}
"""Memory per pixel while a background is decoded: its copies at once."""

_WORKER = 200_000_000
"""Bytes that the child needs for anything else."""

BACKGROUND_LIMITS = Limits(_BYTES["deep"] * MAX_PIXELS + _WORKER, 60.0)
CAPTURED_LIMITS = Limits(20 * MAX_CAPTURED_SIDE**2 + _WORKER)
SCREENSHOT_LIMITS = Limits(4 * MAX_IMAGE_SIDE**2 + _WORKER)

CAMERA_KEY = "mlpvid:camera"
"""Key of the PNG text that holds the camera in the format of CAM.json."""


def decode_background(content: bytes) -> NDArray[np.uint8]:
    """Decode a picture or panorama: (H, W, 3), upright, over black, at most `LARGEST` pixels along each side.

    Raises:
        InputError: it is not an image of `FORMATS`, damaged, or too large. It does not name the file.
    """
    with damage_as_input_errors(FORMATS), open_image(io.BytesIO(content), FORMATS, MAX_SIDE, MAX_PIXELS) as opened:
        width, height = opened.size
        check_memory(_BYTES[_kind(opened)] * width * height, "", "use a smaller image")
        colors = _colors(ImageOps.exif_transpose(opened))
        return np.asarray(colors.reduce(max(1, math.ceil(max(colors.size) / LARGEST))))


def decode_captured(content: bytes) -> NDArray[np.uint8]:
    """Decode a captured image of a training run, a PNG: (H, W, 4).

    Raises:
        InputError: it is not a PNG, damaged, or has more than `MAX_CAPTURED_SIDE` pixels along a side.
    """
    with damage_as_input_errors(("PNG",)), open_image(io.BytesIO(content), ("PNG",), MAX_CAPTURED_SIDE) as image:
        return np.array(image.convert("RGBA"))


def decode_camera_text(content: bytes) -> str | None:
    """Return the text of a screenshot, a PNG, that has its camera; None if it has none.

    Raises:
        InputError: it is not a PNG, damaged, or has more than `MAX_IMAGE_SIDE` pixels along a side.
    """
    largest = (MAX_IMAGE_SIDE, MAX_IMAGE_SIDE**2)
    with damage_as_input_errors(("PNG",)), open_image(io.BytesIO(content), ("PNG",), *largest) as image:
        text = image.info.get(CAMERA_KEY)
        if text is None:  # other programs may write the texts after the pixels
            image.load()
            text = getattr(image, "text", {}).get(CAMERA_KEY)
    return None if text is None else str(text)


def _kind(image: Image.Image) -> str:
    if _is_deep(image):
        return "deep"
    return "transparent" if _is_transparent(image) else "plain"


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _is_transparent(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def _colors(image: Image.Image) -> Image.Image:
    if _is_deep(image):
        values = np.asarray(image, np.float64)
        scale = 255 / 65535 if values.max(initial=0) > 255 else 1.0  # 16-bit gray
        return Image.fromarray((values * scale).clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if _is_transparent(image):
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image).convert("RGB")
    return image.convert("RGB")
