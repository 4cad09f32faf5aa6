"""The shortcut sheet: all keys by category, and what the mouse does."""

from __future__ import annotations

import functools
import sys

from imgui_bundle import ImVec2, imgui
from imgui_bundle import icons_fontawesome_6 as icons

from viewer.actions.table import shortcut_sheet
from viewer.app.app import ViewerApp
from viewer.widgets.controls import em, tooltip

MOUSE = [
    ("drag", "Orbit"),
    ("right or middle drag, Shift+drag", "Pan"),
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

GAP = 1.0
"""Space between labels and keys, and between columns, text heights."""

LONG = 12
"""Maximum number of entries in one column of a tab; more are shown in two columns."""

TABS_HEIGHT = 24.5
"""Height of the sheet when categories are in tabs, text heights."""


@functools.cache  # it never changes, and the dialog needs it for every frame
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
    """All keys by category, made from the table of actions, and a search. In a small window each category has a tab."""

    def __init__(self) -> None:
        self._query = ""
        self._shown = False

    def draw(self, app: ViewerApp) -> None:
        """Draw while it is open."""
        if "shortcuts" not in app.window.dialogs:
            self._shown = False
            return
        sheet = compact_sheet()
        if not self._shown:
            viewport = imgui.get_main_viewport()
            imgui.set_next_window_pos(viewport.get_work_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))
            size = window_size(sheet, viewport.work_size.x, viewport.work_size.y)
            imgui.set_next_window_size(ImVec2(*size), imgui.Cond_.appearing)
        flags = imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_collapse
        visible, opened = imgui.begin("Keyboard shortcuts", True, flags)
        if visible:
            self._draw_search()
            self._draw_sheet(matching(sheet, self._query) if self._query.strip() else sheet)
        focused = imgui.is_window_focused()
        imgui.end()
        if not opened or (focused and imgui.is_key_pressed(imgui.Key.escape)):
            app.window.dialogs.discard("shortcuts")

    def _draw_search(self) -> None:
        if not self._shown:
            self._query, self._shown = "", True
        imgui.set_next_item_width(min(em(20), imgui.get_content_region_avail().x))
        _, self._query = imgui.input_text_with_hint("###search", f"{icons.ICON_FA_MAGNIFYING_GLASS}  Search", self._query)
        tooltip("Words of the command or its keys.")

    def _draw_sheet(self, sheet: Sheet) -> None:
        room = imgui.get_content_region_avail()
        columns = widest_arrangement(sheet, room.x)
        if not sheet:
            imgui.text_disabled("No command matches")
        elif lines_of(columns) * imgui.get_text_line_height_with_spacing() <= room.y:
            self._draw_columns(columns)
        elif imgui.begin_tab_bar("categories", imgui.TabBarFlags_.draw_selected_overline):
            for category, entries in sheet.items():
                if imgui.begin_tab_item(category)[0]:
                    self._draw_columns(in_tab(entries, imgui.get_content_region_avail().x))
                    imgui.end_tab_item()
            imgui.end_tab_bar()

    def _draw_columns(self, columns: list[Column]) -> None:
        if not imgui.begin_table("sheet", len(columns), imgui.TableFlags_.sizing_fixed_fit):
            return
        for column in columns:
            imgui.table_next_column()
            left, keys_at = imgui.get_cursor_pos_x(), label_width(column) + em(GAP)
            in_line = len(columns) > 1 or column_width(column) <= imgui.get_main_viewport().size.x - em(2)
            for category, entries in column:
                if category:
                    imgui.separator_text(category)
                for keys, label in entries:
                    imgui.text_unformatted(label)
                    if in_line:
                        imgui.same_line(0, 0)
                    imgui.set_cursor_pos_x(left + (keys_at if in_line else em(1.5)))
                    imgui.text_disabled(keys)
        imgui.end_table()


def window_size(sheet: Sheet, width: float, height: float) -> tuple[float, float]:
    """Return the size of the dialog, pixels, in a room of this size: as large as the sheet, or low with tabs."""
    room = 0.98 * width - em(2)
    columns = widest_arrangement(sheet, room)
    needed = em(5.5) + lines_of(columns) * imgui.get_text_line_height_with_spacing()
    wanted = needed if needed < 0.98 * height else min(0.98 * height, em(TABS_HEIGHT))
    return min(0.98 * width, max(total_width(columns) + em(2), em(44))), wanted


def matching(sheet: Sheet, query: str) -> Sheet:
    """Return the entries whose category, label or keys contain every word of the query."""
    words = query.casefold().split()
    found = {
        category: [(k, label) for k, label in entries if all(w in f"{category} {label} {k}".casefold() for w in words)]
        for category, entries in sheet.items()
    }
    return {category: entries for category, entries in found.items() if entries}


def label_width(column: Column) -> float:
    """Return the width of the longest label, pixels."""
    return max(float(imgui.calc_text_size(label).x) for _, entries in column for _, label in entries)


def column_width(column: Column) -> float:
    """Return the width of a column with its keys, pixels."""
    keys = max(float(imgui.calc_text_size(keys).x) for _, entries in column for keys, _ in entries)
    return label_width(column) + em(GAP) + keys


def total_width(columns: list[Column]) -> float:
    """Return the width of the columns with the space between them, pixels."""
    return sum(column_width(column) + em(GAP) for column in columns)


def widest_arrangement(sheet: Sheet, width: float) -> list[Column]:
    """Arrange the sheet in as many columns, up to three, as fit into a width in pixels without cutting a chord."""
    if not sheet:
        return []
    choices = [arranged(sheet, count) for count in (3, 2, 1)]
    return next((columns for columns in choices if total_width(columns) <= width), choices[-1])


def in_tab(entries: list[tuple[str, str]], width: float) -> list[Column]:
    """Return one column with the entries of a category, or two if there are many and both fit."""
    half = -(-len(entries) // 2) if len(entries) > LONG else len(entries)
    columns: list[Column] = [[("", part)] for part in (entries[:half], entries[half:]) if part]
    return columns if total_width(columns) <= width else [[("", entries)]]


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
