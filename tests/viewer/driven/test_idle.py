"""When the window draws and when it sleeps, and which modifiers were held when a key was pressed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.viewer.conftest import DriveWindow, open_document, wait_for_image, wait_until
from viewer.actions.chords import parse_chord
from viewer.app.app import ViewerApp
from viewer.window import window as window_module
from viewer.window.modifiers import PressedModifiers
from viewer.window.window import Window


class Sleeper:
    """A window that is not shown, has nothing left to draw, and uses a fake clock."""

    def __init__(self, app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self._window = Window(app, keep_layout=False, simulated=True)
        monkeypatch.setattr(window_module, "clock", SimpleNamespace(perf_counter=lambda: self.now))
        app.redraw._frames = 0

    def sleep(self, woken_after: float | None = None) -> None:
        """Sleep once, to the end or until an event."""

        def wait(seconds: float) -> None:
            self.now += seconds if woken_after is None else woken_after

        self._window.sleep(wait)


def test_nothing_is_drawn_while_nothing_comes(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = Sleeper(app, monkeypatch)
    for _ in range(5):
        assert app.sleeps
        sleeper.sleep()
    assert app.sleeps


@pytest.mark.parametrize("seconds", [0.0, 1.5, 9.0])
def test_an_event_wakes_the_window(app: ViewerApp, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    Sleeper(app, monkeypatch).sleep(seconds)
    assert not app.sleeps


def test_a_changed_file_wakes_the_window(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(app.documents._watch, "changed", list)
    monkeypatch.setattr(app.documents, "reload", lambda document: asked.append(document.path))
    Sleeper(app, monkeypatch).sleep()
    assert asked == [open_document(app).path] and not app.sleeps and "changed on disk" in app.messages.last


@pytest.mark.slow
def test_the_fine_image_is_asked_for_as_soon_as_motion_ends(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        wait_for_image(context, app)
        before = document.view_renderer.requested
        document.camera.orbit(0.2, 0.0)
        app.redraw.record_motion()
        assert not app.sleeps
        wait_until(context, lambda: document.view_renderer.requested is not before)
        wait_until(context, lambda: app.sleeps)
        asked = document.view_renderer.requested
        assert asked is not None and max(asked.scale, asked.final_scale) == app.quality.still_scale

    drive(app, look)


@pytest.mark.parametrize(
    ("chord", "key", "letter", "mods"),
    [
        ("Ctrl+R", "KEY_R", "r", "MOD_CONTROL"),
        ("R", "KEY_R", "r", ""),
        ("Shift+Home", "KEY_HOME", "", "MOD_SHIFT"),
        ("Z", "KEY_W", "z", ""),  # AZERTY
        ("2", "KEY_2", "é", ""),  # AZERTY: for letters that it does not know, ImGui uses the key's place
        ("Ctrl+PageUp", "KEY_PAGE_UP", "", "MOD_CONTROL"),
        ("F1", "KEY_F1", "", "MOD_NUM_LOCK"),
    ],
)
def test_modifiers_are_those_of_the_press(
    monkeypatch: pytest.MonkeyPatch, chord: str, key: str, letter: str, mods: str
) -> None:
    import imgui_bundle  # noqa: F401 - before glfw
    import glfw  # isort: skip

    monkeypatch.setattr(glfw, "set_key_callback", lambda window, callback: None)
    monkeypatch.setattr("sys.platform", "linux")
    heard = PressedModifiers()
    heard.listen(None)
    wanted, bits = parse_chord(chord), getattr(glfw, mods) if mods else 0
    assert not heard.matches(wanted)
    heard.record(getattr(glfw, key), letter, True, bits)
    heard.record(glfw.KEY_LEFT_CONTROL, "", False, 0)  # released before the frame is drawn
    assert heard.matches(wanted)
    heard.record(getattr(glfw, key), letter, True, bits | glfw.MOD_ALT)
    assert not heard.matches(wanted)
