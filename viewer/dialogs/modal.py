"""Dialogs in front of the window: faults, the shortcut sheet."""

from __future__ import annotations

import sys

from imgui_bundle import ImVec2, imgui

from viewer.actions.table import shortcut_sheet
from viewer.app.app import ViewerApp
from viewer.widgets.controls import button, em


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
    imgui.set_next_window_pos(viewport.get_work_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))  # below the menus
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
    """Shows faults one after the other: what failed, why, and what to do."""

    def draw(self, app: ViewerApp) -> None:
        """Draw when there is something to tell."""
        if not app.messages.errors:
            return
        fault = app.messages.errors[0]
        if begin_modal(f"{fault.title}###fault", 32):
            imgui.text_wrapped(fault.reason)
            imgui.spacing()
            imgui.text_wrapped(fault.advice)
            imgui.spacing()
            closed = imgui.is_key_pressed(imgui.Key.escape) or imgui.is_key_pressed(imgui.Key.enter)
            if button("Close", "Close this message.", width=em(6)) or closed:
                app.messages.errors.pop(0)
                imgui.close_current_popup()
            imgui.same_line()
            if button("Copy", "Copy the message as text.", width=em(6)):
                app.window.write_clipboard(str(fault))
            imgui.end_popup()


MOUSE = [
    ("drag", "Orbit"),
    ("right drag, middle drag or Shift+drag", "Pan"),
    ("wheel or Ctrl+drag", "Dolly"),
    ("Alt+drag", "Look around"),
    ("double-click", "Focus"),
    ("Tab, then Escape", "Keys for controls"),
]
"""What the mouse does in the view, and how the keyboard reaches the controls, as rows of the shortcut sheet."""


Sheet = dict[str, list[tuple[str, str]]]
"""Keys and what they do, by category."""

Column = list[tuple[str, list[tuple[str, str]]]]
"""Categories one below the other."""

HEADING_LINES = 1.6
"""Room of a category's heading, in lines."""

LONG = 12
"""Entries of a category that stand below each other in a tab; more of them stand in two columns."""

TABS_HEIGHT = 22.0
"""Height of the shortcut sheet where the categories have tabs, in text heights."""


def compact_sheet() -> Sheet:
    """The shortcut sheet with alike keys in one line, and the mouse besides."""
    sheet = shortcut_sheet(sys.platform == "darwin")
    snaps = [(keys, label) for keys, label in sheet["Camera"] if label.startswith("Capture camera ")]
    sides = [(keys, label) for keys, label in sheet["Camera"] if label.startswith("Look from ")]
    sheet["Camera"] = [entry for entry in sheet["Camera"] if entry not in snaps and entry not in sides]
    sheet["Camera"].append((f"{snaps[0][0]} to {snaps[-1][0]}", "Go to a capture camera"))
    sheet["Camera"].append((f"{sides[0][0]} to {sides[-1][0]}", "Look from +X, -X, +Y, ..."))
    fly = [keys for keys, _ in sheet["Fly"]]
    sheet["Fly"] = [(" ".join(fly[:4]), "Fly"), (" ".join(fly[4:]), "Fly down, up")]
    late = {name: sheet.pop(name) for name in ("View", "Window", "Help")}
    return {**sheet, "Mouse and controls": MOUSE, **late}


class ShortcutSheet:
    """All keys by category, made from the table of actions; a tab for each category where the window is too small for all."""

    def draw(self, app: ViewerApp) -> None:
        """Draw while it is open."""
        if "shortcuts" not in app.window.dialogs:
            return
        viewport, sheet = imgui.get_main_viewport(), compact_sheet()
        imgui.set_next_window_pos(viewport.get_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))
        width, height = min(em(74), viewport.work_size.x * 0.98), min(em(49), viewport.work_size.y * 0.98)
        columns = arranged(sheet, columns_in(width))
        needed = em(3) + lines_of(columns) * imgui.get_text_line_height_with_spacing()
        height = height if needed < height else min(height, em(TABS_HEIGHT))
        imgui.set_next_window_size(ImVec2(width, height), imgui.Cond_.appearing)
        flags = imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_collapse
        visible, opened = imgui.begin("Keyboard shortcuts", True, flags)
        if visible:
            self._draw_sheet(sheet)
        focused = imgui.is_window_focused()
        imgui.end()
        if not opened or (focused and imgui.is_key_pressed(imgui.Key.escape)):
            app.window.dialogs.discard("shortcuts")

    def _draw_sheet(self, sheet: Sheet) -> None:
        room = imgui.get_content_region_avail()
        columns = arranged(sheet, columns_in(room.x))
        if lines_of(columns) * imgui.get_text_line_height_with_spacing() <= room.y:
            self._draw_columns(columns)
        elif imgui.begin_tab_bar("categories", imgui.TabBarFlags_.draw_selected_overline):
            for category, entries in sheet.items():
                if imgui.begin_tab_item(category)[0]:
                    half = -(-len(entries) // 2) if len(entries) > LONG else len(entries)
                    self._draw_columns([[("", part)] for part in (entries[:half], entries[half:]) if part])
                    imgui.end_tab_item()
            imgui.end_tab_bar()

    def _draw_columns(self, columns: list[Column]) -> None:
        if not imgui.begin_table("sheet", len(columns), imgui.TableFlags_.sizing_stretch_same):
            return
        for column in columns:
            imgui.table_next_column()
            for category, entries in column:
                if category:
                    imgui.separator_text(category)
                for keys, label in entries:
                    imgui.text(label)
                    imgui.same_line(em(11.5))
                    imgui.text_disabled(keys)
        imgui.end_table()


def columns_in(width: float) -> int:
    """How many columns of the shortcut sheet stand side by side in a width, pixels."""
    return max(1, min(3, int(width / em(22))))


def arranged(sheet: Sheet, count: int) -> list[Column]:
    """The categories of the sheet in `count` columns of about the same length, their order kept."""
    total, used = sum(lines_of([[item]]) for item in sheet.items()), 0.0
    columns: list[Column] = [[]]
    for item in sheet.items():
        lines = lines_of([[item]])
        if used + lines / 2 > total / count * len(columns) and len(columns) < count:
            columns.append([])
        columns[-1].append(item)
        used += lines
    return columns


def lines_of(columns: list[Column]) -> float:
    """Lines of the longest column, headings included."""
    return max(sum(len(entries) + HEADING_LINES for _, entries in column) for column in columns)
