"""The menus and the status bar."""

from __future__ import annotations

import sys
from pathlib import Path

from imgui_bundle import ImVec2, ImVec4, hello_imgui, imgui

from viewer.actions.runner import ActionRunner
from viewer.actions.table import ACTIONS, BY_NAME
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison
from viewer.widgets.controls import em, faded, sentence_case, theme_color, tooltip

MENUS = ("File", "Playback", "Camera", "Path", "View", "Window", "Help")
"""Titles in order; each holds the actions of its category."""

FIRST_OF_GROUP = frozenset(
    (
        *("file.reload", "file.screenshot", "file.export_mesh", "file.quit"),
        *("playback.next", "playback.start", "playback.reverse", "playback.faster", "playback.in", "playback.marker"),
        *("camera.level", "camera.undo", "camera.copy", "camera.next", "camera.from_plus_x"),
        *("path.next", "path.orbit", "path.save"),
        *("view.box", "view.split"),
        *("window.next_panel", "window.larger", "window.settings"),
        "help.about",
    )
)
"""Actions above which a menu has a line."""

RECORDING = ImVec4(0.95, 0.30, 0.25, 1.0)
"""Color of what says that the screen is being recorded."""


def draw_menus(app: ViewerApp, actions: ActionRunner, panels: list[hello_imgui.DockableWindow]) -> None:
    """Draw the menus into the menu bar, made from the table of actions; Window also shows and hides the panels."""
    for title in MENUS:
        if imgui.begin_menu(title):
            for action in ACTIONS:
                if action.category != title or action.name.startswith("camera.snap_"):
                    continue
                if action.name in FIRST_OF_GROUP:
                    imgui.separator()
                _draw_item(app, actions, action.name)
                if action.name == "file.open_demo":
                    _draw_recent(app)
            if title == "Window":
                _draw_panels(panels)
            imgui.end_menu()


def _draw_item(app: ViewerApp, actions: ActionRunner, name: str) -> None:
    action = BY_NAME[name]
    fault = actions.unavailable_reason(name)
    keys = action.shortcut(sys.platform == "darwin")
    pressed, _ = imgui.menu_item(f"{action.label}###{name}", keys, _checked(app, name), not fault)
    tooltip(f"{action.tooltip}\n{fault}." if fault else action.tooltip)
    if pressed:
        actions.run(name)


def _checked(app: ViewerApp, name: str) -> bool:
    view, kind = app.settings.view, name.removeprefix("view.")
    overlays = {"box": view.show_box, "cameras": view.show_cameras, "axes": view.show_axes, "grid": view.show_grid}
    overlays.update(cells=app.settings.view.show_cells, path=view.show_path)
    overlays.update(split=app.compare.mode is Comparison.DIVIDER, difference=app.compare.mode is Comparison.DIFFERENCE)
    if name.startswith("view."):
        return overlays.get(kind, kind == app.settings.view.mode)
    if name == "file.record_screen":
        return app.screen_recording is not None
    return name == "camera.roll_lock" and app.document is not None and app.document.camera.roll_locked


def _draw_recent(app: ViewerApp) -> None:
    recent = app.settings.recent_files
    if imgui.begin_menu("Open recent", bool(recent)):
        for path in recent:
            if imgui.menu_item(f"{Path(path).name}###{path}", "", False, True)[0]:
                app.open(Path(path))
            tooltip(path)
        imgui.separator()
        if imgui.menu_item("Forget these files", "", False, True)[0]:
            app.settings.recent_files = ()
        imgui.end_menu()


def _draw_panels(panels: list[hello_imgui.DockableWindow]) -> None:
    imgui.separator_text("Panels")
    for panel in panels:
        if panel.label != "View":
            _, panel.is_visible = imgui.menu_item(panel.label, "", panel.is_visible, True)


def draw_message(app: ViewerApp) -> None:
    """Draw the last message into the lower left corner of a window that has no status bar."""
    if not app.status:
        return
    low, size = imgui.get_window_pos(), imgui.calc_text_size(app.status)
    corner = ImVec2(low.x + em(1), low.y + imgui.get_window_height() - size.y - em(1))
    end = ImVec2(corner.x + size.x + em(1), corner.y + size.y + em(0.5))
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(corner, end, faded(imgui.Col_.window_bg, 0.85), em(0.3))
    draw.add_text(ImVec2(corner.x + em(0.5), corner.y + em(0.25)), theme_color(imgui.Col_.text), app.status)


def draw_status(app: ViewerApp) -> None:
    """Draw the last message at the left of the status bar, the state of rendering at its right."""
    imgui.text(app.status or " ")
    document = app.document
    if document is None or document.shown is None:
        return
    shown = document.shown
    size = "" if shown.image is None else f"{shown.image.depth.shape[1]} x {shown.image.depth.shape[0]} pixels"
    busy = "refining" if document.feed.worker.busy else "ready"
    text = f"{busy}   {size}   {shown.render_ms:.0f} ms   {sentence_case([app.renderer.name])[0]}"
    recording = "" if app.screen_recording is None else f"recording {app.screen_recording.seconds:.0f} s   "
    imgui.same_line(imgui.get_window_width() - imgui.calc_text_size(recording + text).x - em(1))
    if recording:
        imgui.text_colored(RECORDING, recording)
        imgui.same_line(0, 0)
    imgui.text_disabled(text)
