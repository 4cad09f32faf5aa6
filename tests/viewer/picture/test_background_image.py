"""Pictures and panoramas behind a volume: directions by hand, reading files, and limits."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from model.camera import Camera
from viewer.picture import image_decoding
from viewer.picture.background_image import (
    BackgroundImage,
    panorama_behind,
    panorama_position,
    panorama_rays,
    picture_behind,
    read_background,
)

random = np.random.default_rng()


def quarters() -> BackgroundImage:
    """Return a panorama of four columns from left to right: 0, 60, 120, 180; the upper half is 20 brighter."""
    pixels = np.repeat(np.array([0, 60, 120, 180], np.uint8), 16)[None, :, None].repeat(32, 0).repeat(3, 2)
    pixels[:16] += 20
    return BackgroundImage((pixels,))


def test_directions_by_hand() -> None:
    directions = [(1, 0, 0), (0, 1, 0), (0, -1, 0), (1, 0, 1), (2, 0, -2), (0, 0, 3), (1, 1, 0)]
    expected = [(0.5, 0.5), (0.25, 0.5), (0.75, 0.5), (0.5, 0.25), (0.5, 0.75), (0.5, 0.0), (0.375, 0.5)]
    assert panorama_position(directions) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(
    ("target", "turn", "u"), [((1, 0, 0), 0.0, 0.5), ((0, 1, 0), 0.0, 0.25), ((0, -1, 0), 0.0, 0.75), ((1, 0, 0), 90.0, 0.75)]
)
def test_the_middle_of_the_view(target: tuple[float, ...], turn: float, u: float) -> None:
    """Up is z: +x is in the middle of the panorama, +y to its left. A positive turn moves the panorama to the left."""
    camera = Camera.look_at((5.0, 6.0, 7.0), np.array([5.0, 6.0, 7.0]) + target, (0, 0, 1), 1.0, 3, 3)
    direction = panorama_rays(camera, (0, 0, 1), turn) @ (1.5, 1.5, 1.0)
    assert panorama_position(direction) == pytest.approx((u, 0.5))


def test_right_in_the_picture_is_right_in_the_panorama() -> None:
    camera = Camera.look_at((0, 0, 0), (1, 0, 0), (0, 0, 1), math.radians(90), 201, 101)
    seen = panorama_behind(quarters(), camera, (0, 0, 1), 0.0)
    assert (seen[10, [20, 180], 0] * 255).round().tolist() == [80, 140]
    assert (seen[90, [20, 180], 0] * 255).round().tolist() == [60, 120]
    tilted = Camera.look_at((0, 0, 0), (0, 0, 1), (0, 1, 0), math.radians(90), 201, 101)
    turned = panorama_behind(quarters(), tilted, (0, 1, 0), 0.0)  # another direction is up
    assert turned[10].mean() > turned[90].mean()


def test_a_picture_fills_the_view_without_distortion() -> None:
    """4 x 2 pixels in a square view: the two columns in the middle are left."""
    pixels = np.arange(8, dtype=np.uint8).reshape(2, 4, 1).repeat(3, 2) * 30
    seen = picture_behind(BackgroundImage((pixels,)), 2, 2)
    assert (seen[..., 0] * 255).round().tolist() == [[30, 60], [150, 180]]
    assert (picture_behind(BackgroundImage((pixels,)), 4, 2)[..., 0] * 255).round().tolist() == pixels[..., 0].tolist()


def test_a_smaller_level_is_chosen_for_a_smaller_view(tmp_path: Path) -> None:
    Image.fromarray(random.integers(0, 255, (64, 128, 3), np.uint8)).save(tmp_path / "a.png")
    image = read_background(tmp_path / "a.png")
    assert [level.shape[:2] for level in image.levels] == [(64, 128), (32, 64), (16, 32), (8, 16), (4, 8), (2, 4), (1, 2)]
    assert image.level(1.0) is image.levels[0] and image.level(4.1) is image.levels[2] and image.level(1e9) is image.levels[-1]
    assert image.level(1.0, largest=40) is image.levels[2]


def test_files_are_read_by_their_meaning(tmp_path: Path) -> None:
    red = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the left end is at the top
    Image.fromarray(red).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(np.array([[0, 65535]], np.uint16)).save(tmp_path / "gray.png")
    Image.fromarray(np.array([[[200, 100, 50, 255], [200, 100, 50, 0]]], np.uint8)).save(tmp_path / "alpha.png")
    Image.fromarray(red).convert("P").save(tmp_path / "palette.png")
    names = ("turned", "gray", "alpha", "palette")
    read = {name: read_background(tmp_path / f"{name}.png").levels[0].tolist() for name in names}
    assert read["turned"] == [[[255, 0, 0]], [[0, 0, 255]]]
    assert read["gray"] == [[[0, 0, 0], [255, 255, 255]]] and read["alpha"] == [[[200, 100, 50], [0, 0, 0]]]
    assert read["palette"][0][0][0] > 200


def test_files_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "large.png")
    whole = (tmp_path / "large.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "script.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name, fault in (("missing.png", "no such file"), ("cut.png", "cannot be read"), ("script.jpg", "cannot be read")):
        with pytest.raises(InputError, match=fault):
            read_background(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_background(tmp_path)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(InputError, match="is not a regular file"):
            read_background(tmp_path / "pipe.png")
    monkeypatch.setattr(image_decoding, "MAX_PIXELS", 1000)
    with pytest.raises(InputError, match="40x30"):
        image_decoding.decode_background(whole)
