"""Find the subject of an image by its difference from the background that a still camera sees without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.captures.images import Pixels

_MIN_NOISE = 1.5  # of 255; compression removes noise but adds errors that are larger
_SHADOW = 0.5  # the darkest shadow still has this share of the background's light
_SHADOW_NOISE = 6.0  # noise of a shadow's light, relative to that of colors
_SMALL = 5e-4  # parts and holes with a smaller share of the image are noise


@dataclass(frozen=True, eq=False)
class Background:
    """What a still camera sees without the subject."""

    color: NDArray[np.float32]
    """(H, W, 3), 0 to 255."""
    noise: NDArray[np.float32]
    """(H, W) standard deviation of a channel."""


def background_of(images: Sequence[Pixels]) -> Background:
    """Return the background of several images of a still camera: the median over time of each pixel.

    Args:
        images: (H, W, 3) uint8 each, of the same size. A single one is a clean plate. Where the subject covers a pixel in half
            of several images, the subject becomes a part of the background.
    """
    stack = np.stack(images)
    color = np.median(stack, axis=0).astype(np.float32)
    # 1.4826 times the median absolute deviation is the standard deviation of normally distributed noise.
    deviation = np.zeros(color.shape[:2], dtype=np.float32)
    if len(images) > 2:
        deviation = 1.4826 * np.median(np.abs(stack - color), axis=0).mean(axis=-1)
    smooth = cv2.GaussianBlur(deviation, (0, 0), 3)
    return Background(color, np.maximum(smooth, _MIN_NOISE).astype(np.float32))


def subject_mask(image: Pixels, background: Background, threshold: float) -> Pixels:
    """Return the subject of an image as a mask with soft edges.

    A pixel belongs to the subject if its color differs from the background's by more than noise, and not only as in a shadow,
    where the same color is darker.

    Args:
        image: (H, W, 3) uint8.
        background: of the same camera.
        threshold: smallest difference, in standard deviations of the noise.

    Returns:
        (H, W) uint8, 255 on the subject. The edge is one to two pixels wide and crosses 127 where the subject ends.
    """
    distance = _difference(image, background)
    # Neighbors decide whether a difference is noise; the pixel itself decides where the subject ends.
    inside = (cv2.GaussianBlur(distance, (0, 0), 0.8) > threshold) & (distance > 0.6 * threshold)
    closed = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), dtype=np.uint8))
    smallest = _SMALL * inside.size
    solid = _without_small_parts(closed, smallest)
    filled = 1 - _without_small_parts(1 - solid, smallest)
    return np.round(cv2.GaussianBlur(filled.astype(np.float32) * 255, (0, 0), 0.7)).astype(np.uint8)


def _difference(image: Pixels, background: Background) -> NDArray[np.float32]:
    """Return how far each pixel is from the background, (H, W), in standard deviations."""
    color, plate = image.astype(np.float32), background.color
    light = (color * plate).sum(axis=-1) / np.maximum((plate**2).sum(axis=-1), 1.0)  # share of the background's light
    other_color = np.linalg.norm(color - light[..., None] * plate, axis=-1)
    brightness = np.linalg.norm(plate, axis=-1)
    shaded = (light < 1) & (light > _SHADOW)
    change = np.abs(light - 1) * brightness / np.where(shaded, _SHADOW_NOISE, 1.0)
    return (np.hypot(other_color, change) / background.noise).astype(np.float32)


def _without_small_parts(mask: NDArray[Any], smallest: float) -> NDArray[np.uint8]:
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    keep = statistics[:, cv2.CC_STAT_AREA] >= smallest
    keep[0] = False
    return keep[labels].astype(np.uint8)
