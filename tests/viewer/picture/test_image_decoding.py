"""Untrusted image files are decoded in a child process: nothing that a decoder does ends this one."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from common.image_reading import read_image
from common.limited_process import LimitedProcess, Limits
from tests.common.limited_functions import misbehave
from tests.factories import make_camera
from viewer.app.training_view import load_view
from viewer.export.image_files import read_png_camera, save_png
from viewer.picture import image_decoding
from viewer.picture.background_image import read_background

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names of signals")


def pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng().integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("crash", r"ended the process that read it \(SIGSEGV\)"),
        ("kill", r"ended the process that read it \(SIGKILL\)"),
        ("endless", "takes more than 1 s of processor time"),
        pytest.param(
            *("memory", "takes more than 300 MB of memory"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="others watch what is used, not what is reserved"),
        ),
    ],
)
def test_a_crash_of_the_decoder_is_one_line_that_names_the_file(
    what: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_decoding, "decode_background", misbehave)
    monkeypatch.setattr(image_decoding, "BACKGROUND_LIMITS", Limits(300_000_000, 1.0))
    (tmp_path / "sky.png").write_text(what)
    with pytest.raises(InputError, match=f"^{tmp_path}/sky.png: {fault}"):
        read_background(tmp_path / "sky.png")


def test_all_three_readers_decode_in_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colors = pixels(30, 40)
    save_png(tmp_path / "a.png", colors, make_camera(40, 30))
    monkeypatch.setattr(image_decoding, "open_image", lambda *_, **__: pytest.fail("decoded in this process"))
    np.testing.assert_array_equal(read_background(tmp_path / "a.png").levels[0], colors)
    assert read_png_camera(tmp_path / "a.png").width == 40
    with contextlib.closing(LimitedProcess()) as process:
        np.testing.assert_array_equal(load_view(tmp_path / "a.png", process)[..., :3], colors)
        number = read_image(_empty(tmp_path), misbehave, Limits(1 << 30), process)
        assert number == read_image(_empty(tmp_path), misbehave, Limits(1 << 30), process) != os.getpid(), "one child for all"
        (tmp_path / "bad.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
        with pytest.raises(InputError, match=r"bad\.png: cannot be read as an image; only PNG is read"):
            load_view(tmp_path / "bad.png", process)


def _empty(folder: Path) -> Path:
    (folder / "empty").write_bytes(b"")
    return folder / "empty"


def test_a_background_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (8000, 5000)).save(tmp_path / "large.png")  # 42 KB
    monkeypatch.setattr(image_decoding, "BACKGROUND_LIMITS", Limits(200_000_000))
    with pytest.raises(InputError, match=r"large.png: needs about 0.5 GB of memory.*; use a smaller image"):
        read_background(tmp_path / "large.png")


def test_large_captured_images_are_refused(tmp_path: Path) -> None:
    Image.new("1", (4097, 1)).save(tmp_path / "wide.png")
    with pytest.raises(InputError, match="has 4097x1 pixels; reduce it to 4096 pixels or less along each side"):
        image_decoding.decode_captured((tmp_path / "wide.png").read_bytes())
