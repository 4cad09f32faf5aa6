"""Image files: exact values when read back, atomic writing, the camera in a screenshot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from renderer.backend import RenderedImage
from tests.factories import make_camera
from viewer.export.image_files import (
    check_image_path,
    over_background,
    read_png_camera,
    save_exr,
    save_png,
    save_render,
    straight_alpha,
)


def make_image(height: int = 7, width: int = 5, seed: int = 0) -> RenderedImage:
    rng = np.random.default_rng(seed)
    alpha = rng.random((height, width, 1)).astype(np.float32)
    alpha[0, 0] = 0.0
    rgba = np.concatenate([rng.random((height, width, 3)).astype(np.float32) * alpha, alpha], axis=-1)
    depth = np.where(alpha[..., 0] > 0, 3.0 + rng.random((height, width)), 0).astype(np.float32)
    return RenderedImage(rgba, depth, np.zeros((height, width, 2), np.uint16))


def test_over_background_by_hand() -> None:
    rgba = np.array([[[0.25, 0.0, 0.5, 0.5], [0, 0, 0, 0], [1, 1, 1, 1], [1.2, -0.1, 0, 1]]], np.float32)
    expected = [[[64, 0, 128], [0, 0, 0], [255, 255, 255], [255, 0, 0]]]
    np.testing.assert_array_equal(over_background(rgba), expected)
    white = over_background(rgba, (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(white[0, :2], [[191, 128, 255], [255, 255, 255]])


def test_straight_alpha_by_hand() -> None:
    rgba = np.array([[[0.25, 0.0, 0.5, 0.5], [0, 0, 0, 0]]], np.float32)
    np.testing.assert_array_equal(straight_alpha(rgba), [[[128, 0, 255, 128], [0, 0, 0, 0]]])


def test_png_over_background(tmp_path: Path) -> None:
    image = make_image()
    save_render(tmp_path / "a.png", image, make_camera(), (0.2, 0.4, 0.6), transparent=False)
    with Image.open(tmp_path / "a.png") as stored:
        assert stored.mode == "RGB" and stored.size == (5, 7)
        np.testing.assert_array_equal(np.asarray(stored), over_background(image.rgba, (0.2, 0.4, 0.6)))


def test_transparent_png_composites_like_the_render(tmp_path: Path) -> None:
    image = make_image()
    save_render(tmp_path / "a.png", image, make_camera(), (0, 0, 0), transparent=True)
    with Image.open(tmp_path / "a.png") as stored:
        assert stored.mode == "RGBA"
        over = Image.alpha_composite(Image.new("RGBA", stored.size, (255, 255, 255, 255)), stored)
    difference = np.asarray(over)[..., :3].astype(int) - over_background(image.rgba, (1, 1, 1)).astype(int)
    assert np.abs(difference).max() <= 2, "two roundings to 8 bit"


def test_npz_holds_floats(tmp_path: Path) -> None:
    image = make_image()
    save_render(tmp_path / "a.npz", image, make_camera(), (1, 1, 1), transparent=False)
    with np.load(tmp_path / "a.npz") as stored:
        assert set(stored) == {"rgba", "depth"}
        np.testing.assert_array_equal(stored["rgba"], image.rgba)
        np.testing.assert_array_equal(stored["depth"], image.depth)
        assert stored["rgba"].dtype == stored["depth"].dtype == np.float32


def test_exr_holds_floats_and_depth(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    image = make_image()
    save_exr(tmp_path / "a.exr", image.rgba, image.depth)
    channels = openexr.File(str(tmp_path / "a.exr"), separate_channels=True).channels()
    for i, name in enumerate("RGBA"):
        np.testing.assert_array_equal(channels[name].pixels, image.rgba[..., i])
    np.testing.assert_array_equal(channels["Z"].pixels, image.depth)


def test_screenshot_keeps_its_camera(tmp_path: Path) -> None:
    camera = make_camera(123, 45)
    save_png(tmp_path / "a.png", np.zeros((45, 123, 3), np.uint8), camera, {"frame": "12", "note": "ü"})
    found = read_png_camera(tmp_path / "a.png")
    assert (found.width, found.height) == (123, 45)
    for name in ("K", "R", "T"):
        np.testing.assert_array_equal(getattr(found, name), getattr(camera, name))
    with Image.open(tmp_path / "a.png") as stored:
        stored.load()
        assert stored.text["frame"] == "12" and stored.text["note"] == "ü"  # type: ignore[attr-defined]


def test_files_without_a_camera_are_refused(tmp_path: Path) -> None:
    save_png(tmp_path / "plain.png", np.zeros((2, 2, 3), np.uint8))
    (tmp_path / "text.png").write_text("hello")
    save_png(tmp_path / "odd.png", np.zeros((2, 2, 3), np.uint8), texts={"mlpvid:camera": "{"})
    save_png(tmp_path / "deep.png", np.zeros((2, 2, 3), np.uint8), texts={"mlpvid:camera": "[" * 100_000})
    Image.new("RGB", (2, 2)).save(tmp_path / "other.png", format="GIF")
    for name, fault in (
        ("plain.png", "no camera"),
        ("text.png", "read"),
        ("none.png", "no such file"),
        ("odd.png", "damaged"),
        ("deep.png", "damaged"),
        ("other.png", "read"),
    ):
        with pytest.raises(InputError, match=fault):
            read_png_camera(tmp_path / name)


def test_nothing_is_left_of_a_failed_write(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises((TypeError, KeyError)):
        save_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.complex64))  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "fault"),
    [("a.jpg", "end its name"), ("a", "end its name"), ("none/a.png", "does not exist"), ("dir.png", "folder")],
)
def test_impossible_names_are_refused(tmp_path: Path, name: str, fault: str) -> None:
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(InputError, match=fault):
        check_image_path(tmp_path / name)
