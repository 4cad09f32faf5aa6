"""Frames that dialogs share: modal ones, and ones next to which the window stays usable."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.widgets.controls import em

NARROW = 30.0
"""Width below which there is no room for two columns, text heights."""


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
    """Begin a dialog next to which the window stays usable; `width` in text heights. End it with `imgui.end`.

    Returns:
        Whether to draw its content, and whether it stays open (neither its cross nor Escape was pressed).
    """
    viewport = imgui.get_main_viewport()
    imgui.set_next_window_pos(viewport.get_work_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))  # below the menus
    largest = ImVec2(em(width), viewport.work_size.y)
    imgui.set_next_window_size_constraints(ImVec2(min(em(width), viewport.work_size.x), 0), largest)
    imgui.set_next_window_size(ImVec2(min(em(width), viewport.work_size.x), 0))
    flags = imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_collapse
    visible, opened = imgui.begin(title, True, flags | imgui.WindowFlags_.no_resize)
    _keep_inside(viewport)
    return bool(visible), bool(opened) and not _pressed(imgui.Key.escape)


def _keep_inside(viewport: imgui.Viewport) -> None:
    """Move the current window up if it ends below the viewport, which happens when it grows after it has appeared."""
    position, height = imgui.get_window_pos(), imgui.get_window_size().y
    lowest = max(viewport.work_pos.y, viewport.work_pos.y + viewport.work_size.y - height)
    if position.y > lowest:
        imgui.set_window_pos(ImVec2(position.x, lowest))


def begin_columns() -> bool:
    """Begin the two columns of a dialog; in a narrow window they are below each other. End them with `imgui.end_table`."""
    count = 2 if imgui.get_content_region_avail().x >= em(NARROW) else 1
    return bool(imgui.begin_table("columns", count, imgui.TableFlags_.sizing_stretch_same))


def confirmed() -> bool:
    """Return whether Enter was pressed in the current dialog, neither to end typing nor for the focused control."""
    return _pressed(imgui.Key.enter) and not imgui.get_io().nav_visible


def _pressed(key: imgui.Key) -> bool:
    return imgui.is_window_focused() and imgui.is_key_pressed(key, False) and not imgui.get_io().want_text_input
