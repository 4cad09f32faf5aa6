"""Every control of every panel and dialog has a tooltip."""

from __future__ import annotations

from typing import Any

import pytest

from tests.viewer.conftest import FIRST, DriveWindow, open_document, wait_for_image, wait_until
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison
from viewer.widgets import controls as widgets

WITHOUT_CONTROLS = ("Picture",)
"""Panels that show images and have no controls."""

DIALOGS = {
    "settings": "Settings",
    "recording": "Recording",
    "cameras": "Capture cameras",
    "export_mesh": "Export mesh",
    "export_points": "Export point cloud",
}

FRAMES = 3
"""Frames of the window within which a tooltip appears."""


def wait_for_tooltip(context: Any, said: list[str]) -> None:
    """Draw frames until a tooltip is shown, at most `FRAMES`."""
    for _ in range(FRAMES):
        if said:
            return
        context.yield_()


def silent_items(context: Any, name: str, said: list[str]) -> list[str]:
    """Return the positions of the controls in a window that have no tooltip."""
    from imgui_bundle import imgui

    items = imgui.test_engine.TestItemList()
    context.gather_items(items, f"//{name}", -1)
    silent = []
    for index in range(items.get_size()):
        box = items.get_by_index(index).rect_clipped
        width, height = box.max.x - box.min.x, box.max.y - box.min.y
        if width < 14 or height < 10:  # scrollbars, and what is scrolled out of sight
            continue
        said.clear()
        context.mouse_teleport_to_pos(((box.min.x + box.max.x) / 2, (box.min.y + box.max.y) / 2))
        wait_for_tooltip(context, said)
        if not said:
            silent.append(f"{name}: {box.min.x:.0f},{box.min.y:.0f} {width:.0f}x{height:.0f}")
    return silent


@pytest.mark.slow
def test_every_control_has_a_tooltip(app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    from imgui_bundle import imgui

    said: list[str] = []
    monkeypatch.setattr(imgui, "set_tooltip", said.append)
    monkeypatch.setattr(widgets, "show_tooltip", said.append)
    monkeypatch.setattr(widgets, "TOOLTIP", imgui.HoveredFlags_.allow_when_disabled)

    def look(context: Any) -> None:
        wait_for_image(context, app)
        app.compare.set_source("cpu backend", app.rendering.renderer, app.documents.front_video, 1 << 26)
        app.compare.mode = Comparison.DIVIDER
        open_document(app).playback.dropped = 3
        for _ in range(2):
            ActionRunner(app).run("path.add")
        app.settings.view.mode, app.settings.view.automatic_range = "depth", False
        silent: list[str] = []
        for panel in (title for title in app.window.panels if title not in WITHOUT_CONTROLS):
            app.settings.window.inspect_sections = ()  # so that the section's controls are all in sight
            app.window.focus_panel(panel)
            context.yield_(5)
            if panel == "Maps":  # they are decoded on another thread, and move what is below them
                wait_until(context, lambda: bool(context.item_exists("//Inspector/Maps/image Color yz")))
                context.yield_(2)
            silent += silent_items(context, panel if panel == "Timeline" else "Inspector", said)
        for dialog, title in DIALOGS.items():
            app.window.dialogs.add(dialog)
            context.yield_(5)
            silent += silent_items(context, title, said)
            app.window.dialogs.clear()
            context.yield_(3)
        assert not silent

    drive(app, look, FIRST)
