"""Signals end the window between two frames, and the engine that drives it does not decide what they do to later tests."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from common.interrupts import Interrupt, raised_signals
from tests.viewer.conftest import DriveWindow
from viewer.app.app import ViewerApp
from viewer.window.window import Window


def test_a_closed_connection_is_an_error_and_not_the_end(app: ViewerApp, drive: DriveWindow) -> None:
    """ImGui's test engine handles SIGPIPE with a function that crashes once the window is closed."""

    def send_to_nobody() -> None:
        near, far = socket.socketpair()
        far.close()
        with near, pytest.raises(BrokenPipeError):
            near.sendall(b"hello")

    def test(context: Any) -> None:
        send_to_nobody()

    drive(app, test)
    send_to_nobody()
    assert faulthandler.is_enabled()


def test_the_engine_is_started_in_one_place() -> None:
    """Elsewhere its signal handlers would stay."""
    folder = Path(__file__).parents[2]
    starts = [path for path in folder.rglob("*.py") if path != Path(__file__) and "testing.run(" in path.read_text("utf-8")]
    assert [path.name for path in starts] == ["engine.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_a_signal_in_a_frame_ends_the_window_after_it(
    app: ViewerApp, monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None
) -> None:
    """The window library cannot end within a frame: it raises an error then, which became a traceback."""
    import glfw
    from imgui_bundle import immapp

    drawn: list[str] = []

    def render() -> None:
        drawn.append("begun")
        if error is not None:
            raise error
        os.kill(os.getpid(), signal.SIGTERM)
        drawn.append("complete")

    def tear_down() -> None:
        if drawn[-1] == "begun":
            raise RuntimeError("IM_ASSERT")
        drawn.append("torn down")

    window = Window(app, keep_layout=False, simulated=True)
    for name, function in {"setup_from_runner_params": lambda *_: None, "render": render, "tear_down": tear_down}.items():
        monkeypatch.setattr(immapp.manual_render, name, function)
    for name in ("init", "wait_events_timeout", "post_empty_event"):
        monkeypatch.setattr(glfw, name, lambda *_: None)
    with raised_signals(), pytest.raises(error or Interrupt):
        window.run()
    assert drawn == (["begun", "complete", "torn down"] if error is None else ["begun"])
