"""Camera paths from COLMAP's models, compared with numbers computed by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from viewer.camera_path.foreign import SceneTimes, load_any

TIMES = SceneTimes(num_frames=61, fps=30.0)

CAMERAS = "# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n1 PINHOLE 200 100 50 60 101 52\n7 SIMPLE_RADIAL 64 48 30 32 24 0.1\n"

# The second image stands at (0, 0, -2) and looks along z; the first is turned by 90 degrees about y, so it looks along -x.
IMAGES = (
    "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n"
    "1 1 0 0 0 0 0 2 1 frame 10.png\n"
    "2.5 8.5 -1\n"
    "2 0.7071067811865476 0 0.7071067811865476 0 0 0 3 7 frame 9.png\n"
    "\n"
)


def text_model(folder: Path, cameras: str = CAMERAS, images: str = IMAGES) -> Path:
    (folder / "cameras.txt").write_text(cameras)
    (folder / "images.txt").write_text(images)
    return folder / "images.txt"


def binary_model(folder: Path) -> Path:
    lenses = struct.pack("<QiiQQ4d", 2, 1, 1, 200, 100, 50, 60, 101, 52) + struct.pack("<iiQQ4d", 7, 2, 64, 48, 30, 32, 24, 0.1)
    half = 0.5**0.5
    first = struct.pack("<i7di", 1, 1, 0, 0, 0, 0, 0, 2, 1) + b"frame 10.png\0" + struct.pack("<Qddq", 1, 2.5, 8.5, -1)
    second = struct.pack("<i7di", 2, half, 0, half, 0, 0, 0, 3, 7) + b"frame 9.png\0" + struct.pack("<Q", 0)
    (folder / "cameras.bin").write_bytes(lenses)
    (folder / "images.bin").write_bytes(struct.pack("<Q", 2) + first + second)
    return folder / "images.bin"


@pytest.mark.parametrize("write", [text_model, binary_model])
def test_views_are_read_in_the_order_of_the_names(tmp_path: Path, write: object) -> None:
    path = load_any(write(tmp_path), TIMES)  # type: ignore[operator]
    assert [(k.time, k.frame) for k in path.keyframes] == [(0.0, 0.0), (1.0, 30.0)]
    turned, straight = (keyframe.camera for keyframe in path.keyframes)
    assert (straight.width, straight.height) == (200, 100) and (turned.width, turned.height) == (64, 48)
    np.testing.assert_allclose(straight.center, (0, 0, -2), atol=1e-12)
    pixels, depth = straight.project([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(depth, 2)
    np.testing.assert_allclose(pixels, [[101, 52], [126, 52], [101, 82]])
    np.testing.assert_allclose(turned.center, (3, 0, 0), atol=1e-9)
    np.testing.assert_allclose(turned.R[2], (-1, 0, 0), atol=1e-9)  # it looks along -x, at the origin
    np.testing.assert_allclose(turned.K, [[30, 0, 32], [0, 30, 24], [0, 0, 1]])


@pytest.mark.parametrize(
    ("cameras", "images", "fault"),
    [
        ("1 OPENCV_FISHEYE 8 8 1 1 1 1 0 0 0 0\n", IMAGES, "OPENCV_FISHEYE is not supported"),
        ("1 PINHOLE 8 8 1 1\n", IMAGES, "has 4 parameters"),
        ("1 PINHOLE 200 100 50 60 101 52\n", IMAGES, "has no camera 7"),
        (CAMERAS, "# nothing\n", "has no views"),
        (CAMERAS, "1 1 0 0\n", "is not a list of COLMAP"),
        (CAMERAS, "1 0 0 0 0 0 0 2 1 a.png\n\n", "image a.png"),
        (CAMERAS, "1 1 0 0 0 nan 0 2 1 a.png\n\n", "must be finite"),
        ("1 PINHOLE 20000 100 50 60 101 52\n7 PINHOLE 8 8 1 1 4 4\n", IMAGES, "pixels per side"),
    ],
)
def test_damaged_models_are_refused(tmp_path: Path, cameras: str, images: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        load_any(text_model(tmp_path, cameras, images), TIMES)


def test_cut_and_lonely_files_are_refused(tmp_path: Path) -> None:
    file = binary_model(tmp_path)
    content = file.read_bytes()
    for length in (0, 7, 40, len(content) - 9):
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"images\.bin"):
            load_any(file, TIMES)
    file.write_bytes(struct.pack("<Q", 1 << 60) + content[8:])
    with pytest.raises(InputError, match=r"images\.bin"):
        load_any(file, TIMES)
    (tmp_path / "cameras.bin").unlink()
    with pytest.raises(InputError, match=r"cameras\.txt or cameras\.bin next to it"):
        load_any(file, TIMES)
