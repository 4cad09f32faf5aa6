"""Images are opened within the limits of this program: large ones without Pillow's warning, larger ones refused in one line."""

from __future__ import annotations

import argparse
import io
import os
import re
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from common.command_line import run
from common.errors import InputError
from common.image_opening import FORMATS, MAX_PIXELS, open_image
from common.webp_size import HEADER_BYTES, webp_size
from model.camera import MAX_IMAGE_SIDE
from tests.factories import make_camera
from training.captures import images, sources
from viewer.export.image_files import save_png
from viewer.picture import image_decoding

ROOT = Path(__file__).parents[2]
PANORAMA = (16384, 8192)
"""134 megapixels: Pillow warns about them."""
SQUARE = (MAX_IMAGE_SIDE, MAX_IMAGE_SIDE)
"""268 megapixels: Pillow refuses them."""


@pytest.fixture(autouse=True)
def warnings_are_faults() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def stored(size: tuple[int, int], name: str = "PNG") -> bytes:
    """Return an image that is black, one bit per pixel where the format allows it, so that large ones are small files."""
    content = io.BytesIO()
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt(image_decoding.CAMERA_KEY, "{}")
    Image.new("1" if name in ("PNG", "BMP") else "L", size).save(content, name, pnginfo=texts)
    return content.getvalue()


def header_of_webp(width: int, height: int) -> bytes:
    """Return the start of a WebP file in its extended format, which has 24 bits for each side, less one."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<II", 10, 0) + sides
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.mark.parametrize("name", ["PNG", "JPEG", "BMP"])
def test_large_images_open_without_a_warning(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(stored(PANORAMA, name))
    with open_image(tmp_path / "a", FORMATS, MAX_IMAGE_SIDE) as image:
        assert image.size == PANORAMA and image.format == name
    with open_image(io.BytesIO(stored((5, 3), name)), FORMATS, 5, 15) as image:
        assert np.asarray(image.convert("L")).shape == (3, 5)


def test_webp_opens_too(tmp_path: Path) -> None:
    with open_image(io.BytesIO(stored((5, 3), "WEBP")), FORMATS, 5, 15) as image:
        assert image.size == (5, 3) and image.format == "WEBP"


@pytest.mark.parametrize("parameters", [{"lossless": True}, {"quality": 80}, {"exif": b"Exif\0\0"}])
@pytest.mark.parametrize("from_path", [True, False])
def test_the_decoder_of_webp_takes_no_memory_for_images_that_are_refused(
    parameters: dict[str, Any], from_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a fuzzer found took 524 MB for a file of 272 bytes. The three kinds have their sizes in different places."""
    path = tmp_path / "a.webp"
    Image.new("RGB", (57, 23), "navy").save(path, **parameters)
    assert webp_size(path.read_bytes()[:HEADER_BYTES]) == (57, 23)

    def file() -> Path | io.BytesIO:
        return path if from_path else io.BytesIO(path.read_bytes())

    open_image(file(), FORMATS, 57, 57 * 23).close()
    monkeypatch.setattr("common.image_opening._PLUGINS", {"WEBP": lambda _: pytest.fail("the decoder was called")})
    for limits in ((56, 57 * 23), (57, 57 * 23 - 1)):
        with pytest.raises(InputError, match="has 57x23 pixels"):
            open_image(file(), ("WEBP",), *limits)


def test_the_sizes_of_webp_are_read_to_their_ends() -> None:
    assert webp_size(header_of_webp(1 << 24, 3)) == (1 << 24, 3)
    lossy = header_of_webp(1, 1)[:12] + b"VP8 " + bytes(7) + b"\x9d\x01\x2a" + struct.pack("<HH", 0xFFFF, 0x4001)
    assert webp_size(lossy) == (0x3FFF, 1), "the highest two bits are a scale"
    for end in range(HEADER_BYTES):
        with pytest.raises(SyntaxError):
            webp_size(lossy[:end])
    with pytest.raises(SyntaxError, match="without an image"):
        webp_size(lossy[:12] + b"ALPH" + lossy[16:])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (lambda: stored(SQUARE), "a.png: has 16384x16384 pixels; reduce it to 178 megapixels or less"),
        (lambda: stored((20000, 2)), "a.png: has 20000x2 pixels; reduce it to 16384 pixels or less along each side"),
        (lambda: header_of_webp(*SQUARE), "a.png: has 16384x16384 pixels; reduce it to 178 megapixels or less"),
        (lambda: header_of_webp(*SQUARE)[:20], "a.png: cannot be read as an image; the formats PNG, JPEG, WEBP, BMP are read"),
        (lambda: stored((3, 3), "GIF"), "a.png: cannot be read as an image; the formats PNG, JPEG, WEBP, BMP are read"),
        (lambda: b"", "a.png: cannot be read as an image; the formats PNG, JPEG, WEBP, BMP are read"),
    ],
)
def test_images_that_a_capture_cannot_have_are_refused_in_one_line(content: Callable[[], bytes], fault: str) -> None:
    with pytest.raises(InputError) as refused:
        sources.open_image(io.BytesIO(content()), Path("a.png"))
    assert str(refused.value) == fault


def test_the_limits_are_inclusive() -> None:
    for size, side, pixels in (((7, 4), 7, 28), ((4, 7), 7, 28)):
        open_image(io.BytesIO(stored(size)), FORMATS, side, pixels).close()
        for limits in ((side - 1, pixels), (side, pixels - 1)):
            with pytest.raises(InputError, match="7"):
                open_image(io.BytesIO(stored(size)), FORMATS, *limits)
    assert MAX_PIXELS < 2 * (1024**3 // 12), "what Pillow's WebP decoder refuses"


def test_the_readers_of_captures_read_large_images_silently(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(stored(PANORAMA))
    assert images.image_size(tmp_path / "a.png") == PANORAMA
    optics = images.Optics(images.Undistortion(np.eye(3), np.zeros(5)))
    assert images.oriented_size(sources.FileImage(tmp_path, "a.png"), optics) == PANORAMA


@pytest.mark.parametrize("size", [PANORAMA, SQUARE])
def test_every_screenshot_that_the_viewer_renders_gives_its_camera(size: tuple[int, int]) -> None:
    assert image_decoding.decode_camera_text(stored(size)) == "{}"


def test_a_camera_behind_the_pixels_is_found(tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", np.zeros((3, 4, 3), np.uint8), make_camera(4, 3))
    content = (tmp_path / "a.png").read_bytes()
    (start, end), (pixels, after) = ((content.index(kind) - 4, content.index(kind) + 8) for kind in (b"iTXt", b"IDAT"))
    end, after = (at + int.from_bytes(content[at - 12 : at - 8], "big") for at in (end, after))
    moved = content[:start] + content[pixels:after] + content[start:end] + content[after:]
    assert (
        moved != content and image_decoding.decode_camera_text(moved) == image_decoding.decode_camera_text(content) is not None
    )


def test_other_readers_of_the_viewer_say_what_is_too_large() -> None:
    for decode, size, fault in (
        (
            image_decoding.decode_camera_text,
            (16385, 1),
            "has 16385x1 pixels; reduce it to 16384 pixels or less along each side",
        ),
        (image_decoding.decode_background, SQUARE, "has 16384x16384 pixels; reduce it to 134 megapixels or less"),
        (image_decoding.decode_captured, SQUARE, "has 16384x16384 pixels; reduce it to 4096 pixels or less along each side"),
    ):
        with pytest.raises(InputError, match=re.escape(fault)):
            decode(stored(size))


def test_commands_do_not_print_what_pillow_remarks(capsys: pytest.CaptureFixture[str]) -> None:
    palette = Image.new("P", (2, 2))
    palette.info["transparency"] = b"\x00\xff"

    def command(_: argparse.Namespace) -> int:
        palette.convert("RGB")
        return 0

    with pytest.warns(UserWarning, match="Palette images"):
        palette.convert("RGB")
    assert run(command, argparse.Namespace(debug=False)) == 0
    assert not capsys.readouterr().err


@pytest.mark.slow
def test_a_command_prints_its_own_line_only(tmp_path: Path) -> None:
    """`image_size` in a process of its own: nothing is imported by the tests, and no filter of theirs hides a warning."""
    (tmp_path / "a.png").write_bytes(stored(PANORAMA))
    program = "from pathlib import Path; from training.captures.images import image_size; print(*image_size(Path('a.png')))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (found.stdout, found.stderr) == ("16384 8192\n", "")


def test_nothing_else_opens_images() -> None:
    for folder in ("common", "model", "renderer", "viewer", "training", "experiments", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            found = re.search(r"\b(Pillow)?Image\.open\(", path.read_text(encoding="utf-8"))
            assert found is None, f"{path.relative_to(ROOT)}: use open_image of common/image_opening.py"
