"""Images in main memory look as if their textures had been drawn by present.frag, in an OpenGL context without a display."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import moderngl
import numpy as np
import pytest
from numpy.typing import NDArray

from renderer.backend import SURFACE_OPACITY
from viewer.gl.presenter import Presenter, PresentOptions
from viewer.gl.screen_pixels import ScreenPixels
from viewer.picture.comparison import Comparison
from viewer.picture.overlay_lines import OverlayLines, make_lines
from viewer.settings import DisplaySettings

pytest.importorskip("mlpvid_kernels")

Image = tuple[NDArray[np.float32], NDArray[np.float32]]


def find_function(name: str) -> int:
    """Return the address of an OpenGL function of an EGL context."""
    library = ctypes.CDLL("libEGL.so.1")
    library.eglGetProcAddress.restype = ctypes.c_void_p
    return int(library.eglGetProcAddress(name.encode()) or 0)


@pytest.fixture
def window_presenter(presenter: Presenter) -> Iterator[Presenter]:
    """A presenter as a window has it, which finds OpenGL functions; it shares the context of `presenter`."""
    made = Presenter(presenter.context, find_function)
    yield made
    made.release()


def random_image(height: int, width: int) -> Image:
    """Return premultiplied colors and depths from 1 to 3 meters."""
    random = np.random.default_rng()
    rgba = random.random((height, width, 4), dtype=np.float32)
    rgba[..., :3] *= rgba[..., 3:]
    return rgba, 1 + 2 * random.random((height, width), dtype=np.float32)


def uploaded(presenter: Presenter, image: Image) -> None:
    """Show an image as textures of floats."""
    rgba, depth = image
    presenter.upload(0, rgba)
    presenter.changed_slot(0).upload_surface(np.where(rgba[..., 3] >= SURFACE_OPACITY, depth, np.float32(np.inf)))


def screen(presenter: Presenter, overlay: OverlayLines, size: tuple[int, int]) -> NDArray[np.int64]:
    """Return what is on a screen of this width and height."""
    target = presenter.context.simple_framebuffer(size)
    presenter.show(target, (0, 0), overlay)
    pixels = np.frombuffer(target.read(components=3, alignment=1), np.uint8)
    return pixels.reshape(size[1], size[0], 3).astype(np.int64)


def crossing_lines() -> OverlayLines:
    """Return lines over a view of 24 x 16 pixels that go through the depths of `random_image`."""
    ends = np.array([[[0.0, 2.0, 0.5], [24.0, 14.0, 4.0]], [[3.0, 16.0, 2.0], [20.0, 0.0, 2.0]]])
    return OverlayLines(make_lines(ends, (24, 16), 0xFF20C0F0, 2.0, 0.2))


@pytest.mark.parametrize("size", [(16, 24), (7, 11), (32, 48)], ids=["as large as the view", "smaller", "larger"])
@pytest.mark.parametrize("display", [{}, {"background": "checker"}, {"exposure": 0.7}], ids=["plain", "checker", "exposure"])
def test_images_in_memory_look_as_textures_do(
    presenter: Presenter, window_presenter: Presenter, size: tuple[int, int], display: dict[str, object]
) -> None:
    image = random_image(*size)
    options = PresentOptions(DisplaySettings(background_color=(0.2, 0.5, 0.9), **display))  # type: ignore[arg-type]
    uploaded(presenter, image)
    window_presenter.changed_slot(0).keep(*image)
    shown = []
    for each in (presenter, window_presenter):
        each.present(24, 16, options)
        shown.append((screen(each, crossing_lines(), (24, 16)), each.read().astype(np.int64)))
    for expected, found in zip(*shown, strict=True):
        np.testing.assert_allclose(found, expected, atol=2)
        assert np.ptp(found) > 100


def test_a_plain_image_needs_no_texture_of_floats(window_presenter: Presenter, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[int, ...]] = []
    write = moderngl.Texture.write

    def count(texture: moderngl.Texture, data: object, *args: object) -> None:
        written.append((*texture.size, texture.components))
        write(texture, data, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(moderngl.Texture, "write", count)
    window_presenter.changed_slot(0).keep(*random_image(5, 9))
    options = PresentOptions()
    window_presenter.present(24, 16, options)
    screen(window_presenter, OverlayLines(), (24, 16))
    assert written == []
    screen(window_presenter, crossing_lines(), (24, 16))
    assert written == [(9, 5, 1)]  # the depth that hides lines
    passes = window_presenter.passes
    window_presenter.present(24, 16, options)
    assert window_presenter.passes == passes  # nothing has changed
    options.display.background_color = (1.0, 0.0, 0.0)
    window_presenter.present(24, 16, options)
    assert window_presenter.passes == passes + 1


def test_the_next_image_replaces_the_one_in_memory(window_presenter: Presenter) -> None:
    first, second = random_image(5, 9), random_image(16, 24)
    window_presenter.changed_slot(0).keep(*first)
    window_presenter.present(24, 16, PresentOptions())
    window_presenter.upload(0, second[0])
    window_presenter.present(24, 16, PresentOptions())
    assert window_presenter.slots[0].memory is None
    found = window_presenter.read().astype(np.int64)
    np.testing.assert_allclose(found, np.rint(second[0][..., :3] * 255), atol=1)
    window_presenter.changed_slot(1).keep(*first)
    window_presenter.present(24, 16, PresentOptions(comparison=Comparison.DIVIDER, divider=0.0))
    assert np.abs(window_presenter.read().astype(np.int64) - found).max() > 20  # the second image
    window_presenter.forget(1)
    assert window_presenter.slots[1].size is None


def test_without_the_kernels_or_a_window_textures_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not ScreenPixels(None).usable
    monkeypatch.setattr("viewer.gl.screen_pixels.has_native", lambda name: False)
    find: Callable[[str], int] = lambda name: 1 // 0  # noqa: E731 - is not called
    assert not ScreenPixels(find).usable
