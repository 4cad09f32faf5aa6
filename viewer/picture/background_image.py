"""Pictures and panoramas behind a volume: reading them, and the pixels that a camera sees of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from common.image_reading import read_image
from model.camera import Camera
from renderer.ground_shadow import bilinear, pixel_rays
from viewer.camera.rotations import basis_of_up
from viewer.picture import image_decoding
from viewer.picture.image_decoding import LARGEST

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BackgroundImage:
    """An image in several sizes. Images are equal only to themselves."""

    levels: tuple[NDArray[np.uint8], ...]
    """(H, W, 3) each, row 0 at the top. Every level has half of the pixels of the previous one along each side."""

    def level(self, texels_per_pixel: float, largest: int = LARGEST) -> NDArray[np.uint8]:
        """Return the level whose pixels are about as large as those of a picture.

        Args:
            texels_per_pixel: pixels of the first level per pixel of the picture along a side.
            largest: most pixels along a side that can be used.
        """
        index = min(max(math.floor(math.log2(max(texels_per_pixel, 1e-9)) + 0.5), 0), len(self.levels) - 1)
        while index < len(self.levels) - 1 and max(self.levels[index].shape) > largest:
            index += 1
        return self.levels[index]


def read_background(path: Path) -> BackgroundImage:
    """Read a picture or a panorama. Transparent parts become black; photos are turned as their cameras noted.

    A child process decodes the file, which may come from a stranger.

    Raises:
        InputError: the file is missing, not an image of `image_decoding.FORMATS`, damaged, or too large.
    """
    return BackgroundImage(levels_of(read_image(path, image_decoding.decode_background, image_decoding.BACKGROUND_LIMITS)))


def levels_of(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    """Return an image (H, W, 3) and its smaller levels, each with half of the pixels along each side."""
    levels, image = [pixels], Image.fromarray(pixels)
    while min(image.size) > 1:
        image = image.reduce(2)
        levels.append(np.asarray(image))
    return tuple(levels)


def panorama_level(image: BackgroundImage, camera: Camera, largest: int = LARGEST) -> NDArray[np.uint8]:
    """Return the level (h, w, 3) of an equirectangular panorama that fits a camera."""
    return image.level(image.levels[0].shape[1] / (2 * math.pi * float(camera.K[0, 0])), largest)


def picture_level(image: BackgroundImage, width: int, height: int, largest: int = LARGEST) -> NDArray[np.uint8]:
    """Return the level (h, w, 3) of a picture that fits a view of this size in pixels."""
    rows, columns = image.levels[0].shape[:2]
    return image.level(min(columns / width, rows / height), largest)


def picture_scale(pixels: NDArray[np.uint8], width: int, height: int) -> tuple[float, float]:
    """Return the shares of a picture (H, W, 3), across and down, that fill a view without a border and without distortion."""
    shape, view = pixels.shape[1] / pixels.shape[0], width / height
    return min(1.0, view / shape), min(1.0, shape / view)


def picture_behind(image: BackgroundImage, width: int, height: int) -> Floats:
    """Return a picture that fills a view; what does not fit is cut off evenly.

    Returns:
        (height, width, 3), 0 to 1.
    """
    pixels = picture_level(image, width, height)
    across, down = picture_scale(pixels, width, height)
    fitted = np.array([[across / width, 0, 0.5 - across / 2], [0, down / height, 0.5 - down / 2], [0, 0, 1]])
    found = np.zeros((height, width, 3), np.float32)
    for rows, (u, v, _) in pixel_rays(fitted, width, height):
        found[rows] = bilinear(pixels, u.ravel(), v.ravel()).reshape(-1, width, 3) / np.float32(255)
    return found


def panorama_rays(camera: Camera, up: ArrayLike, turn: float) -> NDArray[np.float64]:
    """Return the matrix from homogeneous pixels to directions of a panorama, (3, 3): forward, left and up of its middle.

    Args:
        camera: the view.
        up: (3,), direction of the panorama's upper border.
        turn: of the panorama about `up`, degrees; positive moves it to the left.
    """
    angle = math.radians(turn)
    about_up = np.array([[math.cos(angle), math.sin(angle), 0], [-math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    rays: NDArray[np.float64] = about_up @ basis_of_up(up) @ camera.pixel_to_world
    return rays


def panorama_position(directions: ArrayLike) -> NDArray[np.float64]:
    """Return where directions are in an equirectangular panorama.

    Args:
        directions: (..., 3): forward, left and up, relative to the middle of the panorama; of any length.

    Returns:
        (..., 2): 0 to 1 from left to right and from top to bottom.
    """
    forward, left, up = np.moveaxis(np.asarray(directions, np.float64), -1, 0)
    longitude, latitude = np.arctan2(left, forward), np.arctan2(up, np.hypot(forward, left))
    return np.stack([0.5 - longitude / (2 * math.pi), 0.5 - latitude / math.pi], -1)


def panorama_behind(image: BackgroundImage, camera: Camera, up: ArrayLike, turn: float) -> Floats:
    """Return what a camera sees of a panorama that is infinitely far away.

    Args:
        image: equirectangular: 360 degrees wide and 180 degrees high.
        camera: the view.
        up, turn: as `panorama_rays`.

    Returns:
        (H, W, 3), 0 to 1.
    """
    found, pixels = np.zeros((camera.height, camera.width, 3), np.float32), panorama_level(image, camera)
    for rows, rays in pixel_rays(panorama_rays(camera, up, turn), camera.width, camera.height):
        u, v = panorama_position(np.moveaxis(rays, 0, -1)).reshape(-1, 2).T
        found[rows] = bilinear(pixels, u, v, wrap=True).reshape(-1, camera.width, 3) / np.float32(255)
    return found
