"""Images from the GPU to the window, with an emulated CUDA buffer; and the fallback when that fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import moderngl
import numpy as np
import pytest
import torch

from model.camera import Camera
from renderer.backend import SURFACE_OPACITY, RenderedImage, Renderer
from renderer.cuda import gl_buffer as gpu_interop
from renderer.cuda.driver import CudaFault
from renderer.cuda.gl_buffer import InteropFault, explained, remedy_for
from renderer.cuda.image import CudaImage
from renderer.cuda.renderer import CudaRenderer
from tests.viewer.conftest import open_document, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.gl.direct_display import DirectDisplay
from viewer.gl.image_display import ImageDisplay
from viewer.gl.presenter import Presenter, PresentOptions
from viewer.gl.window_link import follow_window
from viewer.picture.scene_depth import surface_depth

NO_CONTEXTS: Any = None
"""A CUDA renderer needs no context that is shared with the window's."""


class MemoryDriver:
    """The part of a driver that an image needs. It counts how often pixels are copied to the CPU."""

    device = torch.device("cpu", 0)

    def __init__(self) -> None:
        self.downloads = 0

    @contextlib.contextmanager
    def stream(self, _name: str) -> Iterator[None]:
        yield

    def lend(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        return tensor.to(dtype).contiguous()

    def download(self, tensor: torch.Tensor) -> Any:
        self.downloads += 1
        return tensor.numpy().copy()


class EmulatedBuffer:
    """CUDA's side of a pixel buffer."""

    def __init__(self, buffer: moderngl.Buffer, log: list[str], lazy: bool = False) -> None:
        self.buffer, self.log, self.lazy = buffer, log, lazy
        log.append(f"register {buffer.size}")

    def write(self, image: CudaImage, name: str = "rgba") -> None:
        self.log.append(f"write {name}")
        if not self.lazy:
            self.buffer.write(image.tensors[name].numpy().tobytes())

    def close(self) -> None:
        self.log.append("unregister")


def cuda_image(pixels: np.ndarray[Any, Any]) -> CudaImage:
    height, width = pixels.shape[:2]
    counts = torch.zeros(height, width, dtype=torch.int32)
    tensors = {"rgba": torch.from_numpy(pixels), "depth": torch.zeros(height, width), "counts": counts}
    return CudaImage(MemoryDriver(), tensors)  # type: ignore[arg-type]


def random_pixels(width: int, height: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((height, width, 4), dtype=np.float32) * 0.9


def shown(presenter: Presenter, width: int, height: int) -> np.ndarray[Any, Any]:
    presenter.present(width, height, PresentOptions())
    return presenter.read()


def test_pixels_reach_the_texture_as_an_upload_would(presenter: Presenter) -> None:
    log: list[str] = []
    direct = DirectDisplay(lambda _, buffer: EmulatedBuffer(buffer, log))
    images = [cuda_image(random_pixels(17, 9, seed)) for seed in range(3)]
    for image in images:
        assert direct.show(presenter, 0, image)
        arrived = shown(presenter, 17, 9)
        presenter.upload(0, image.device_rgba.numpy())
        assert np.array_equal(arrived, shown(presenter, 17, 9)) and arrived.any()
    assert [image.driver.downloads for image in images] == [1, 0, 0], "only the first is read back, to prove the way"  # type: ignore[attr-defined]
    pixels = 17 * 9
    first = [f"register {pixels * 16}", "write rgba", f"register {pixels * 4}", "write depth"]
    assert log == [*first, *["write rgba", "write depth"] * 2]
    direct.release()
    assert log[-2:] == ["unregister"] * 2


def test_a_new_size_registers_again_after_unregistering(presenter: Presenter) -> None:
    log: list[str] = []
    direct = DirectDisplay(lambda _, buffer: EmulatedBuffer(buffer, log))
    for width, height in ((8, 8), (16, 8), (8, 16), (16, 16)):
        assert direct.show(presenter, 0, cuda_image(random_pixels(width, height)))
    assert direct.show(presenter, 1, cuda_image(random_pixels(16, 16)))
    colors = " ".join(entry.split()[0] for entry in log if entry != "write depth")
    # Two images of 128 pixels share a buffer, 8x16 after 16x8. Each has a buffer for color and one for depth.
    first, other = "register write register", "unregister register write unregister register"
    assert colors == f"{first} {other} write {other} {first}"
    direct.release()


def test_images_of_other_backends_are_uploaded(presenter: Presenter) -> None:
    direct = DirectDisplay(lambda *_: pytest.fail("nothing to register"))
    pixels = random_pixels(4, 4)
    plain = RenderedImage(pixels, pixels[..., 0], np.zeros((4, 4, 2), np.uint16))
    assert not direct.show(presenter, 0, plain) and direct.usable and not direct.take_notice()
    assert not direct.show(presenter, 0, cuda_image(np.zeros((0, 4, 4), np.float32)))


def test_failures_are_reported_once_and_not_repeated(presenter: Presenter) -> None:
    attempts: list[int] = []

    def refuse(_image: CudaImage, _buffer: moderngl.Buffer) -> EmulatedBuffer:
        attempts.append(1)
        raise InteropFault("no NVIDIA GPU draws the window", "start with X")

    direct = DirectDisplay(refuse)
    for _ in range(3):
        assert not direct.show(presenter, 0, cuda_image(random_pixels(5, 5)))
    assert len(attempts) == 1
    notice = direct.take_notice()
    assert notice == "Images are copied through main memory: no NVIDIA GPU draws the window; start with X"
    assert direct.take_notice() == ""


def test_a_driver_that_copies_nothing_is_found_out(presenter: Presenter) -> None:
    log: list[str] = []
    direct = DirectDisplay(lambda _, buffer: EmulatedBuffer(buffer, log, lazy=True))
    assert not direct.show(presenter, 0, cuda_image(random_pixels(6, 5)))
    assert "no pixels arrived" in direct.take_notice() and log[-1] == "unregister"


def test_a_copy_that_fails_later_falls_back(presenter: Presenter) -> None:
    log: list[str] = []
    direct = DirectDisplay(lambda _, buffer: EmulatedBuffer(buffer, log))
    assert direct.show(presenter, 0, cuda_image(random_pixels(6, 5)))

    def fail(_self: EmulatedBuffer, _image: CudaImage, _name: str) -> None:
        raise InteropFault("lost", "try again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EmulatedBuffer, "write", fail)
        assert not direct.show(presenter, 0, cuda_image(random_pixels(6, 5)))
    assert not direct.usable and "lost" in direct.take_notice()


def test_remedies_fit_the_machine() -> None:
    assert "WSL2" in remedy_for({"WSL_DISTRO_NAME": "Ubuntu"})
    assert "forwarded" in remedy_for({"SSH_CONNECTION": "1 2 3 4"})
    assert "__NV_PRIME_RENDER_OFFLOAD=1" in remedy_for({}, "linux")
    assert "graphics settings" in remedy_for({}, "win32")


def test_errors_are_cleared_and_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: list[str] = []
    zeros = torch.zeros

    def report(*arguments: Any, **options: Any) -> torch.Tensor:
        """Check the error that the runtime remembers, which clears it, as torch's operations do."""
        if remembered:
            raise torch.AcceleratorError(remembered.pop())
        return zeros(*arguments, **options)

    monkeypatch.setattr(torch, "zeros", report)
    cpu = torch.device("cpu")
    for fault, words in (
        (CudaFault("interop", "CUDA_ERROR_OPERATING_SYSTEM"), r"cannot share memory .*CUDA_ERROR_OPERATING_SYSTEM"),
        (InteropFault("a", "b"), r"^a; b$"),
    ):
        remembered.append("CUDA error: OS call failed or operation not supported on this OS")
        with pytest.raises(InteropFault, match=words), explained(cpu):
            raise fault
        assert torch.zeros(2).tolist() == [0, 0], "the next innocent operation reports it"
    with explained(cpu):
        pass


@pytest.mark.parametrize(("devices", "moved"), [([2], [2]), ([1, 0], [])])
def test_the_renderer_follows_the_window(monkeypatch: pytest.MonkeyPatch, devices: list[int], moved: list[int]) -> None:
    renderer = CudaRenderer.__new__(CudaRenderer)
    renderer.driver = MemoryDriver()  # type: ignore[assignment]
    asked: list[int] = []
    monkeypatch.setattr(CudaRenderer, "use_device", lambda _, index: asked.append(index))
    monkeypatch.setattr(gpu_interop, "window_devices", lambda: devices)
    follow_window(renderer, NO_CONTEXTS)
    assert asked == moved

    def none() -> list[int]:
        raise InteropFault("no NVIDIA GPU draws the window", "start with X")

    monkeypatch.setattr(gpu_interop, "window_devices", none)
    follow_window(renderer, NO_CONTEXTS)
    assert asked == moved


class ImagesOnTheGpu:
    """Images of another renderer, presented as images on the GPU."""

    def __init__(self, inner: Renderer) -> None:
        self.inner = inner
        self.name, self.device, self.threads = "cuda", "Emulated GPU", 1

    def prepare(self, *arguments: Any) -> Any:
        return self.inner.prepare(*arguments)

    def render(self, frame: Any, camera: Camera, *arguments: Any, **options: Any) -> CudaImage:
        image = self.inner.render(frame, camera, *arguments, **options)
        result = cuda_image(image.rgba)
        result.tensors["depth"] = torch.from_numpy(image.depth)
        packed = np.ascontiguousarray(image.counts).view(np.int32)[..., 0]
        result.tensors["counts"] = torch.from_numpy(packed)
        result.expect(lambda: image.statistics)
        return result


@pytest.mark.parametrize("works", [True, False])
def test_the_window_shows_them_and_says_when_it_cannot(
    app: ViewerApp, drive: Any, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    log: list[str] = []

    def share(_image: CudaImage, buffer: moderngl.Buffer) -> EmulatedBuffer:
        if not works:
            raise InteropFault("no NVIDIA GPU draws the window", "start with X")
        return EmulatedBuffer(buffer, log)

    monkeypatch.setattr("viewer.gl.direct_display.connect", share)
    monkeypatch.setattr(DirectDisplay.__init__, "__defaults__", (share,))
    document = app.document
    assert document is not None
    cache = document.view_renderer.cache
    cache.renderer = ImagesOnTheGpu(cache.renderer)
    seen: list[str] = []

    def look(context: Any) -> None:
        def decided() -> bool:
            seen.append(app.messages.last)
            return document.view_renderer.shown is not None and (bool(log) if works else "main memory" in "".join(seen))

        wait_until(context, decided)
        assert document.view_renderer.shown is not None and isinstance(document.view_renderer.shown.image, CudaImage)

    drive(app, look)
    if works:
        assert "write rgba" in log and log[-1] == "unregister"
        assert not any("main memory" in message for message in seen)
    else:
        assert any("no NVIDIA GPU draws the window; start with X" in message for message in seen)


@pytest.mark.slow
def test_displayed_images_are_not_downloaded(app: ViewerApp, drive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    monkeypatch.setattr(DirectDisplay.__init__, "__defaults__", (lambda _, buffer: EmulatedBuffer(buffer, log),))
    document = open_document(app)
    document.view_renderer.cache.renderer = ImagesOnTheGpu(document.view_renderer.cache.renderer)
    for name in ("show_grid", "show_box", "show_axes", "show_path"):
        setattr(app.settings.view, name, True)
    downloaded: list[tuple[int, ...]] = []
    download = MemoryDriver.download

    def note(self: MemoryDriver, tensor: torch.Tensor) -> np.ndarray[Any, Any]:
        downloaded.append(tuple(tensor.shape))
        return download(self, tensor)

    def look(context: Any) -> None:
        wait_for_image(context, app)
        context.yield_(2)
        monkeypatch.setattr(MemoryDriver, "download", note)
        displayed = log.count("write rgba")
        for panel in app.window.panels:
            app.window.focus_panel(panel)
            document.camera.orbit(0.1, 0.05)
            app.redraw.record_motion()
            context.yield_(2)
            wait_for_image(context, app)
            context.yield_(2)
        document.playback.play()
        wait_until(context, lambda: document.playback.time >= 3)
        assert log.count("write rgba") >= displayed + len(app.window.panels)
        assert log.count("write depth") == log.count("write rgba") and not downloaded

    drive(app, look)


def test_a_way_that_failed_is_tried_again_after_the_renderer_or_the_document_changed(presenter: Presenter) -> None:
    log: list[str] = []
    works = False

    def connect(_image: CudaImage, buffer: moderngl.Buffer) -> EmulatedBuffer:
        if not works:
            raise InteropFault("another GPU draws the window", "start with X")
        return EmulatedBuffer(buffer, log)

    display = ImageDisplay()
    display.direct = DirectDisplay(connect)
    renderer, document, other = object(), object(), object()

    def show(*source: object) -> str:
        display.follow(*source)
        display.show(presenter, 0, cuda_image(random_pixels(5, 5)))
        return display.take_notice()

    assert "another GPU" in show(renderer, document)
    assert show(renderer, other) == "", "the same reason is shown once"
    works = True
    show(renderer, other)
    assert not log, "nothing changed, so nothing is tried"
    show(other, other)
    assert "write rgba" in log


def test_lines_behind_the_scene_need_no_color_of_an_image_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = random_pixels(6, 5)
    image = cuda_image(pixels)
    downloaded: list[tuple[int, ...]] = []
    download = MemoryDriver.download

    def note(self: MemoryDriver, tensor: torch.Tensor) -> np.ndarray[Any, Any]:
        downloaded.append(tuple(tensor.shape))
        return download(self, tensor)

    monkeypatch.setattr(MemoryDriver, "download", note)
    surface = surface_depth(image)
    assert downloaded and all(shape == (5, 6) for shape in downloaded)
    assert np.array_equal(np.isfinite(surface), pixels[..., 3] >= SURFACE_OPACITY)
    assert np.array_equal(image.rgba, pixels) and np.array_equal(image.opacity, pixels[..., 3])
