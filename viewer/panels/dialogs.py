"""Dialogs in front of the window: faults, jobs under way, the shortcut sheet."""

from __future__ import annotations

import math
import sys

from imgui_bundle import ImVec2, imgui

from viewer.actions import shortcut_sheet
from viewer.app import ViewerApp
from viewer.panels.widgets import button, em


def begin_modal(title: str, width: float) -> bool:
    """Begin a modal dialog in the middle of the window; `width` in text heights. End it with `imgui.end_popup`."""
    if not imgui.is_popup_open(title):
        imgui.open_popup(title)
    center = imgui.get_main_viewport().get_center()
    imgui.set_next_window_pos(center, imgui.Cond_.appearing, ImVec2(0.5, 0.5))
    imgui.set_next_window_size(ImVec2(em(width), 0))
    flags = imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_resize
    return bool(imgui.begin_popup_modal(title, None, flags)[0])


def begin_dialog(title: str, width: float) -> tuple[bool, bool]:
    """Begin a dialog beside which the window stays usable; `width` in text heights. End it with `imgui.end`.

    Returns:
        Whether its content is to be drawn, and whether it stays open: neither its cross nor Escape was pressed.
    """
    viewport = imgui.get_main_viewport()
    imgui.set_next_window_pos(viewport.get_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))
    largest = ImVec2(em(width), viewport.work_size.y)
    imgui.set_next_window_size_constraints(ImVec2(min(em(width), viewport.work_size.x), 0), largest)
    imgui.set_next_window_size(ImVec2(min(em(width), viewport.work_size.x), 0))
    flags = imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_collapse
    visible, opened = imgui.begin(title, True, flags | imgui.WindowFlags_.no_resize)
    return bool(visible), bool(opened) and not _pressed(imgui.Key.escape)


def confirmed() -> bool:
    """Whether Enter was pressed in the current dialog, not to end typing and not for the control in focus."""
    return _pressed(imgui.Key.enter) and not imgui.get_io().nav_visible


def _pressed(key: imgui.Key) -> bool:
    return imgui.is_window_focused() and imgui.is_key_pressed(key, False) and not imgui.get_io().want_text_input


class ErrorDialog:
    """Shows faults one after the other: what is wrong, and what to do."""

    def draw(self, app: ViewerApp) -> None:
        """Draw when there is something to tell."""
        if not app.errors:
            return
        if begin_modal("Something is wrong", 30):
            fault, _, remedy = app.errors[0].partition("; ")
            imgui.text_wrapped(fault)
            if remedy:
                imgui.spacing()
                imgui.text_wrapped(remedy[:1].upper() + remedy[1:] + ".")
            imgui.spacing()
            closed = imgui.is_key_pressed(imgui.Key.escape) or imgui.is_key_pressed(imgui.Key.enter)
            if button("Close", "Close this message.", width=em(6)) or closed:
                app.errors.pop(0)
                imgui.close_current_popup()
            imgui.same_line()
            if button("Copy", "Copy the message as text.", width=em(6)):
                app.set_clipboard(app.errors[0] if app.errors else fault)
            imgui.end_popup()


class JobsOverlay:
    """Progress of work under way, in the lower right corner."""

    def draw(self, app: ViewerApp) -> None:
        """Draw while there are jobs."""
        if not app.jobs:
            return
        viewport = imgui.get_main_viewport()
        corner = ImVec2(viewport.work_pos.x + viewport.work_size.x - em(1), viewport.work_pos.y + viewport.work_size.y - em(1))
        imgui.set_next_window_pos(corner, imgui.Cond_.always, ImVec2(1, 1))
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_docking
        flags |= imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_focus_on_appearing
        imgui.set_next_window_bg_alpha(0.95)
        imgui.begin("###jobs", None, flags)
        for index, job in enumerate(app.jobs):
            left = f", {job.seconds_left:.0f} s left" if math.isfinite(job.seconds_left) else ""
            imgui.text(job.label)
            imgui.progress_bar(job.fraction, ImVec2(em(18), 0), f"{job.fraction:.0%}{left}")
            imgui.same_line()
            if button(f"Cancel###cancel{index}", "Stop; what is finished is kept where it can be."):
                job.cancel.cancel()
            imgui.text_disabled(job.detail or " ")
        imgui.end()


MOUSE = [
    ("drag", "Orbit"),
    ("right or middle or Shift+drag", "Pan"),
    ("wheel or Ctrl+drag", "Dolly"),
    ("Alt+drag", "Look around"),
    ("double click", "Focus"),
    ("Tab, then Escape", "Keys for controls"),
]
"""What the mouse does in the view, and how the keyboard reaches the controls, as rows of the shortcut sheet."""


def compact_sheet() -> dict[str, list[tuple[str, str]]]:
    """The shortcut sheet with alike keys in one line, and the mouse besides."""
    sheet = shortcut_sheet(sys.platform == "darwin")
    snaps = [(keys, label) for keys, label in sheet["Camera"] if label.startswith("Capture camera ")]
    sides = [(keys, label) for keys, label in sheet["Camera"] if label.startswith("Look from ")]
    sheet["Camera"] = [entry for entry in sheet["Camera"] if entry not in snaps and entry not in sides]
    sheet["Camera"].append((f"{snaps[0][0]} to {snaps[-1][0]}", "Capture cameras"))
    sheet["Camera"].append((f"{sides[0][0]} to {sides[-1][0]}", "Look from +X, -X, +Y, ..."))
    fly = [keys for keys, _ in sheet["Fly"]]
    sheet["Fly"] = [(" ".join(fly[:4]), "Fly"), (" ".join(fly[4:]), "Fly down, up")]
    late = {name: sheet.pop(name) for name in ("View", "Window")}
    return {**sheet, "Mouse and controls": MOUSE, **late}


class ShortcutSheet:
    """All keys by category, made from the table of actions."""

    def draw(self, app: ViewerApp) -> None:
        """Draw while it is open."""
        if "shortcuts" not in app.dialogs:
            return
        viewport = imgui.get_main_viewport()
        imgui.set_next_window_pos(viewport.get_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))
        size = ImVec2(min(em(74), viewport.work_size.x * 0.98), min(em(46), viewport.work_size.y * 0.98))
        imgui.set_next_window_size(size, imgui.Cond_.appearing)
        flags = imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_collapse
        visible, opened = imgui.begin("Keyboard shortcuts", True, flags)
        if visible:
            self._draw_columns()
        focused = imgui.is_window_focused()
        imgui.end()
        if not opened or (focused and imgui.is_key_pressed(imgui.Key.escape)):
            app.dialogs.discard("shortcuts")

    def _draw_columns(self) -> None:
        sheet = compact_sheet()
        lengths = {category: len(entries) + 2 for category, entries in sheet.items()}
        columns = max(1, min(3, int(imgui.get_content_region_avail().x / em(22))))
        height, used = sum(lengths.values()) / columns, 0.0
        if not imgui.begin_table("sheet", columns, imgui.TableFlags_.sizing_stretch_same):
            return
        imgui.table_next_column()
        filled = 1
        for category, entries in sheet.items():
            if used + lengths[category] / 2 > height * filled and filled < columns:
                imgui.table_next_column()
                filled += 1
            used += lengths[category]
            imgui.separator_text(category)
            for keys, label in entries:
                imgui.text(label)
                imgui.same_line(em(11.5))
                imgui.text_disabled(keys)
        imgui.end_table()
