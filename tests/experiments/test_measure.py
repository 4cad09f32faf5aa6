"""Times of rendering: those that pass, or processor time."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from experiments.measure import time_frame
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import Renderer

CAMERA = Camera.look_at(np.array([3.0, 0.0, 0.0]), np.zeros(3), (0, 0, 1), 1.0, 1, 1)


class WaitingRenderer:
    """Waits to prepare a frame, and computes for 20 ms of processor time to render it; says that both took a second."""

    def __init__(self, name: str) -> None:
        self.name = name

    def prepare(self, *_: object) -> Any:
        time.sleep(0.05)
        return SimpleNamespace(decode_ms=400.0, bake_ms=600.0)

    def render(self, *_: object, **__: object) -> Any:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        return SimpleNamespace(statistics=SimpleNamespace(total_ms=1000.0))


def times_of(name: str, processor_time: bool) -> tuple[float, float, bool]:
    renderer, video = cast(Renderer, WaitingRenderer(name)), cast(VolumetricVideo, None)
    times = time_frame(renderer, video, 0.0, CAMERA, processor_time=processor_time)
    assert times.backend == name
    return times.prepare, times.render, times.processor


@pytest.mark.parametrize("name", ["cpu", "reference"])
def test_waiting_takes_no_processor_time(name: str) -> None:
    prepare, render, processor = times_of(name, True)
    assert processor and prepare < 25 and 20 <= render < 500


@pytest.mark.parametrize(("name", "processor_time"), [("cpu", False), ("reference", False), ("opengl", True), ("cuda", True)])
def test_a_graphics_card_has_no_processor_time(name: str, processor_time: bool) -> None:
    assert times_of(name, processor_time) == (1000.0, 1000.0, False)
