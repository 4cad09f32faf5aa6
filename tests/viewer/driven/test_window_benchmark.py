"""`--benchmark --window`: what is measured, and that the window's loop draws little besides new images."""

from __future__ import annotations

import threading

import pytest

from tests.viewer.conftest import open_document, use_null_platform
from viewer.app.app import ViewerApp
from viewer.app.pacing import HEARTBEAT
from viewer.commands import window_benchmark
from viewer.commands.window_benchmark import PHASES, WindowMeter
from viewer.window.window import Window

SECONDS = 1.5


def wait_as_a_display_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """GLFW's null platform returns immediately instead of waiting for events."""
    import glfw

    event = threading.Event()

    def wait(seconds: float) -> None:
        event.wait(seconds)
        event.clear()

    monkeypatch.setattr(glfw, "wait_events_timeout", wait)
    monkeypatch.setattr(glfw, "post_empty_event", event.set)


@pytest.mark.slow
def test_each_phase_is_measured_and_the_window_draws_what_arrives(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_benchmark, "WARM_UP", 1.0)
    monkeypatch.setattr(window_benchmark, "SETTLE", 1.0)
    use_null_platform()
    wait_as_a_display_does(monkeypatch)
    meter = WindowMeter(Window(app, (640, 480), keep_layout=False, simulated=True), SECONDS)
    meter.run()
    assert list(meter.results) == [phase.name for phase in PHASES]
    for name in ("playing", "orbiting"):
        found = meter.results[name]
        assert 0 < found["share_of_view_sides"] <= 1.01 and found["image_width"] > found["image_height"] > 0, name
        assert 0 < found["window_thread_cores"] <= found["all_threads_cores"], name
    playing, idle = meter.results["playing"], meter.results["idle"]
    assert playing["images_per_second"] > 0
    assert playing["window_frames_per_second"] <= playing["images_per_second"] + 1 / HEARTBEAT + 3
    assert idle["images_per_second"] * SECONDS <= 2 and idle["window_frames_per_second"] * SECONDS <= 6
    assert not open_document(app).playback.playing
