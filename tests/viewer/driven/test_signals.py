"""The engine that drives the window does not decide what a signal does to the tests after it."""

from __future__ import annotations

import faulthandler
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.viewer.conftest import DriveWindow
from viewer.app.app import ViewerApp


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
