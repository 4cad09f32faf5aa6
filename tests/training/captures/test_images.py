"""Read and undistort images."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from training.captures.description import MaskRule
from training.captures.images import Optics, Undistortion, label_color, oriented_size, read_color, read_mask, resize
from training.captures.sources import open_image

K = np.array([[60.0, 0, 39.5], [0, 60.0, 29.5], [0, 0, 1]])


def test_undistortion_puts_points_where_the_pinhole_sees_them() -> None:
    D = np.array([-0.25, 0.08, 0.002, -0.001, 0.0])
    points = np.random.default_rng().uniform([-0.45, -0.35, 1], [0.45, 0.35, 1], (12, 3))
    seen, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, D)
    for point, pixel in zip(points, seen[:, 0], strict=True):
        y, x = np.mgrid[:60, :80]
        blob = np.exp(-((x - pixel[0]) ** 2 + (y - pixel[1]) ** 2) / 4) * 255
        found = Undistortion(K, D).undistort(blob.astype(np.uint8), cv2.INTER_LINEAR).astype(float)
        expected = (K @ point)[:2]
        center = np.array([(found * x).sum(), (found * y).sum()]) / found.sum()
        assert np.abs(center - expected).max() < 0.25
        assert np.abs(pixel - expected).max() < 20


def test_without_distortion_nothing_is_resampled() -> None:
    image = np.random.default_rng().integers(0, 256, (6, 8, 3), dtype=np.uint8)
    assert Undistortion(K, np.zeros(5)).undistort(image, cv2.INTER_LINEAR) is image
    assert resize(image, 8, 6) is image


def test_halving_averages_four_pixels() -> None:
    image = np.random.default_rng().integers(0, 256, (6, 8), dtype=np.uint8)
    expected = image.reshape(3, 2, 4, 2).astype(float).mean((1, 3))
    assert np.abs(resize(image, 4, 3) - expected).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("size", [(3, 5), (7, 2)])
def test_resize_gives_the_size_asked_for(size: tuple[int, int]) -> None:
    assert resize(np.zeros((6, 8, 3), np.uint8), *size).shape == (size[1], size[0], 3)


@dataclass
class StoredImage:
    """An image in memory."""

    data: bytes
    path: Path = Path("image.png")

    def exists(self) -> bool:
        return True

    def open(self) -> Any:
        return open_image(io.BytesIO(self.data), self.path)

    def fingerprint(self) -> bytes:
        return self.data


def stored(image: Image.Image, kind: str = "PNG", **options: Any) -> StoredImage:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return StoredImage(stream.getvalue())


PLAIN = Optics(Undistortion(np.eye(3), np.zeros(5)))


def test_fisheye_images_are_undone() -> None:
    D = np.array([0.05, -0.02, 0.01, -0.003])
    points = np.random.default_rng().uniform([-0.45, -0.35, 1], [0.45, 0.35, 1], (12, 3))
    angle = np.arctan(np.hypot(points[:, 0], points[:, 1]))  # OpenCV's fisheye model, written out
    bent = angle * (1 + D[0] * angle**2 + D[1] * angle**4 + D[2] * angle**6 + D[3] * angle**8)
    seen = points[:, :2] * (bent / np.tan(angle))[:, None] * 60 + K[:2, 2]
    for point, pixel in zip(points, seen, strict=True):
        y, x = np.mgrid[:60, :80]
        blob = np.exp(-((x - pixel[0]) ** 2 + (y - pixel[1]) ** 2) / 4) * 255
        found = Undistortion(K, D, True).undistort(blob.astype(np.uint8), cv2.INTER_LINEAR).astype(float)
        center = np.array([(found * x).sum(), (found * y).sum()]) / found.sum()
        assert np.abs(center - (K @ point)[:2]).max() < 0.25
    assert Undistortion(K, np.zeros(4), True).distorts


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_as_their_exif_says(orientation: int) -> None:
    upright = np.random.default_rng().integers(0, 256, (6, 8, 3), dtype=np.uint8)
    turned = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1]}
    turned |= {5: upright.swapaxes(0, 1), 6: np.rot90(upright), 7: np.rot90(upright, 2).swapaxes(0, 1)}
    turned[8] = np.rot90(upright, -1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = stored(Image.fromarray(np.ascontiguousarray(turned[orientation])), exif=exif)
    assert oriented_size(source, PLAIN) == (8, 6)
    np.testing.assert_array_equal(read_color(source, PLAIN), upright)
    as_stored = Optics(PLAIN.undistortion, calibrated_size=(6, 8))
    if orientation > 4:  # the calibration is of images that were not turned
        assert oriented_size(source, as_stored) == (6, 8)
        np.testing.assert_array_equal(read_color(source, as_stored), turned[orientation])


def test_images_of_16_bits() -> None:
    values = np.array([[0, 1, 255, 256], [32768, 40000, 65279, 65535]], dtype=np.uint16)
    source = stored(Image.fromarray(values))
    assert read_color(source, PLAIN)[..., 1].tolist() == (values // 256).tolist()
    mask, _ = read_mask(source, MaskRule(), PLAIN)
    assert (mask > 0).tolist() == (values > 0).tolist()


def test_colors_are_composited_over_black() -> None:
    rgba = np.random.default_rng().integers(0, 256, (5, 4, 4), dtype=np.uint8)
    expected = np.round(rgba[..., :3].astype(float) * rgba[..., 3:] / 255)
    np.testing.assert_array_equal(read_color(stored(Image.fromarray(rgba)), PLAIN), expected)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_masks_of_every_kind(mode: str) -> None:
    subject = np.random.default_rng().random((6, 8)) < 0.5
    image = Image.fromarray((subject * (1 if mode == "P" else 255)).astype(np.uint8), "P" if mode == "P" else None)
    if mode == "P":
        image.putpalette([0, 0, 0, 9, 0, 0] + [0] * 762)
    mask, _ = read_mask(stored(image if mode == "P" else image.convert(mode)), MaskRule(), PLAIN)
    np.testing.assert_array_equal(mask > 0, subject)


def test_outside_the_lens_there_is_no_subject_even_in_inverted_masks() -> None:
    optics = Optics(Undistortion(K, np.array([0.6, 0, 0, 0, 0])))
    mask, _ = read_mask(stored(Image.new("L", (80, 60))), MaskRule(inverted=True), optics)
    assert mask[30, 40] == 255 and mask[0, 0] == 0


def test_colors_of_labels() -> None:
    assert [label_color(label).tolist() for label in (0, 1, 2, 10, 13)] == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [64, 128, 0], [192, 0, 128],
    ]  # fmt: skip


def test_other_formats_are_refused() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (2, 2)).save(stream, "TIFF")
    with pytest.raises(InputError, match=r"image\.png: cannot be read as an image; the formats PNG"):
        StoredImage(stream.getvalue()).open()
