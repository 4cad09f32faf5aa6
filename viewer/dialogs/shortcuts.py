"""The shortcut sheet: all keys by category, and what the mouse does."""

from __future__ import annotations

import sys

from imgui_bundle import ImVec2, imgui

from viewer.actions.table import shortcut_sheet
from viewer.app.app import ViewerApp
from viewer.widgets.controls import em

MOUSE = [
    ("drag", "Orbit"),
    ("right drag, middle drag or Shift+drag", "Pan"),
    ("wheel or Ctrl+drag", "Dolly"),
    ("Alt+drag", "Look around"),
    ("double-click", "Focus"),
    ("Tab, then Escape", "Keys for controls"),
]
"""Rows of the sheet: what the mouse does in the view, and how the keyboard reaches the controls."""


Sheet = dict[str, list[tuple[str, str]]]
"""Keys and what they do, by category."""

Column = list[tuple[str, list[tuple[str, str]]]]
"""Categories, one below the other."""

HEADING_LINES = 1.6
"""Height of a category's heading, lines."""

LONG = 12
"""Maximum number of entries in one column of a tab; more are shown in two columns."""

TABS_HEIGHT = 22.0
"""Height of the sheet when categories are in tabs, text heights."""


def compact_sheet() -> Sheet:
    """Return the shortcut sheet with similar keys in one line, and the mouse."""
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
    """All keys by category, made from the table of actions. If the window is too small, each category has a tab."""

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
    """Return how many columns of the sheet fit into a width in pixels."""
    return max(1, min(3, int(width / em(22))))


def arranged(sheet: Sheet, count: int) -> list[Column]:
    """Arrange the categories in `count` columns of about the same length, in their order."""
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
    """Return the number of lines of the longest column, including headings."""
    return max(sum(len(entries) + HEADING_LINES for _, entries in column) for column in columns)
