"""When a backend fails, the next one continues images and recordings."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from renderer import fallback
from renderer.backend import DeviceFailed, RenderedImage
from renderer.fallback import FallbackRenderer
from renderer.opengl.renderer import OpenGLRenderer
from renderer.select import create_renderer
from tests.factories import make_camera, make_video


class Fake:
    """A renderer that fails after some images."""

    device, threads = "fake device", 3

    def __init__(self, name: str, images: float = np.inf, prepares: float = np.inf) -> None:
        self.name, self._images, self._prepares = name, images, prepares
        self.prepared: list[float] = []

    def prepare(self, video: Any, time: float) -> Any:
        if len(self.prepared) >= self._prepares:
            raise DeviceFailed(f"backend {self.name}", "lost its device")
        self.prepared.append(time)
        return type("Frame", (), {"time": time, "owner": self.name, "nbytes": 7})()

    def render(self, frame: Any, camera: Any, *_: Any, **__: Any) -> RenderedImage:
        assert frame.owner == self.name, "a frame of another backend"
        if self._images <= 0:
            raise DeviceFailed(f"backend {self.name}", "lost its\ndevice")
        self._images -= 1
        return RenderedImage(
            np.full((1, 1, 4), self._images, np.float32), np.zeros((1, 1), np.float32), np.zeros((1, 1, 2), np.uint16)
        )


def test_frames_are_prepared_again_by_the_next_backend(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    first, second, third = Fake("a", images=1), Fake("b", prepares=0), Fake("c")
    after = {"a": second, "b": third}
    monkeypatch.setattr(fallback, "next_renderer", lambda failed, threads: after[failed])
    renderer: Any = FallbackRenderer(first)
    frame, camera = renderer.prepare(None, 2.5), make_camera(4, 4)
    renderer.render(frame, camera)
    assert (renderer.name, renderer.note, frame.time, frame.nbytes) == ("a", "", 2.5, 7)
    with caplog.at_level(logging.ERROR):
        renderer.render(frame, camera)
    assert (renderer.name, third.prepared) == ("c", [2.5]) and len(caplog.records) == 2
    assert renderer.note == "backend b: lost its device; the backend c takes over"
    renderer.render(renderer.prepare(None, 4.0), camera)
    assert third.prepared == [2.5, 4.0]


def test_other_errors_are_not_caught() -> None:
    renderer: Any = FallbackRenderer(Fake("a"))
    with pytest.raises(AttributeError):
        renderer.render(None, make_camera(4, 4))


def test_a_shader_that_the_driver_refuses(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from renderer.opengl import programs

    read = programs._read
    monkeypatch.setattr(programs, "_read", lambda name, seen: read(name, seen) + "\nnonsense here;" * (name == "resolve.frag"))
    video, camera, native = make_video(seed=4), make_camera(20, 16), create_renderer("cpu")
    renderer = FallbackRenderer(OpenGLRenderer(1))
    with caplog.at_level(logging.ERROR):
        image = renderer.render(renderer.prepare(video, 0.5), camera)
    expected = native.render(native.prepare(video, 0.5), camera)
    assert renderer.name == "cpu" and np.array_equal(image.rgba, expected.rgba)
    assert "syntax error" in caplog.text, "the driver's own text"
    assert renderer.note.startswith("shader resolve.frag: is rejected") and renderer.note.endswith("the backend cpu takes over")


def test_threads_that_meet_the_same_failure_share_the_next_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2, timeout=60)

    class FailsTogether(Fake):
        def prepare(self, video: Any, time: float) -> Any:
            together.wait()
            raise DeviceFailed("backend a", "lost its device")

    after = {"a": Fake("b")}  # the backend after b does not exist
    monkeypatch.setattr(fallback, "next_renderer", lambda failed, threads: after[failed])
    renderer: Any = FallbackRenderer(FailsTogether("a"))
    with ThreadPoolExecutor(2) as threads:
        frames = list(threads.map(lambda time: renderer.prepare(None, time), (1.0, 2.0)))
    assert renderer.name == "b" and sorted(after["a"].prepared) == [1.0, 2.0]
    assert [frame.time for frame in frames] == [1.0, 2.0]
