"""Read and undistort images."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.captures.images import Undistortion, resize

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
