"""The menus, and the message that replaces the status bar."""

from __future__ import annotations

import itertools
import sys

from imgui_bundle import ImVec2, imgui
from imgui_bundle import icons_fontawesome_6 as icons

from viewer.actions.action import Action
from viewer.actions.runner import ActionRunner
from viewer.actions.table import ACTIONS
from viewer.app.app import ViewerApp
from viewer.app.places import place_of
from viewer.widgets.controls import em, faded, theme_color, tooltip

MENUS = ("File", "Playback", "Camera", "Path", "View", "Window", "Help")
"""Titles of the menus, in order. Each contains the actions of its category."""


def draw_menus(app: ViewerApp, actions: ActionRunner) -> None:
    """Draw the menus from the table of actions. The menu Window also shows and hides the sections of the inspector."""
    fitting = _menus_that_fit()
    for title in MENUS[:fitting]:
        if imgui.begin_menu(title):
            _draw_items(app, actions, title)
            imgui.end_menu()
    if fitting < len(MENUS) and imgui.begin_menu(f"{icons.ICON_FA_BARS}###more menus"):
        for title in MENUS[fitting:]:  # they open below their titles: beside them there is no room
            if imgui.collapsing_header(title):
                _draw_items(app, actions, title)
        imgui.end_menu()


def _menus_that_fit() -> int:
    """Return how many menus the bar has room for; in a narrow window, the others are in one more menu behind them."""
    room, gap = imgui.get_content_region_avail().x, imgui.get_style().item_spacing.x
    ends = list(itertools.accumulate(imgui.calc_text_size(title).x + 2 * gap for title in MENUS))
    if ends[-1] <= room:
        return len(MENUS)
    room -= imgui.calc_text_size(icons.ICON_FA_BARS).x + 2 * gap
    return sum(end <= room for end in ends)


def _draw_items(app: ViewerApp, actions: ActionRunner, title: str) -> None:
    for action in ACTIONS:
        if action.category != title or not action.in_menu:
            continue
        if action.starts_group:
            imgui.separator()
        _draw_item(actions, action)
        if action.name == "file.open_demo":
            _draw_recent(app)
    if title == "Window":
        _draw_sections(app)


def _draw_item(actions: ActionRunner, action: Action) -> None:
    reason = actions.unavailable_reason(action.name)
    keys = action.shortcut(sys.platform == "darwin")
    pressed, _ = imgui.menu_item(f"{action.label}###{action.name}", keys, actions.checked(action.name), not reason)
    tooltip(f"{action.tooltip}\n{reason}." if reason else action.tooltip)
    if pressed:
        actions.run(action.name)


def _draw_recent(app: ViewerApp) -> None:
    recent = app.settings.recent_files
    if imgui.begin_menu("Open recent", bool(recent)):
        for path in recent:
            if imgui.menu_item(f"{place_of(path).name}###{path}", "", False, True)[0]:
                app.documents.open(place_of(path))
            tooltip(path)
        imgui.separator()
        if imgui.menu_item("Clear this list", "", False, True)[0]:
            app.settings.recent_files = ()
        imgui.end_menu()


def _draw_sections(app: ViewerApp) -> None:
    window = app.settings.window
    imgui.separator_text("Sections of the inspector")
    for title in app.window.sections:
        shown = window.inspector_shown and title in window.sections
        pressed, _ = imgui.menu_item(f"{title}###section {title}", "", shown, True)
        tooltip(f"Show or hide {title} in the inspector.")
        if pressed and shown:
            window.show_section(title, False)
        elif pressed:
            app.window.focus_panel(title)


def draw_message(app: ViewerApp) -> None:
    """Draw the last message in the lower left corner of a window without a status bar."""
    if not app.messages.status:
        return
    low, size = imgui.get_window_pos(), imgui.calc_text_size(app.messages.status)
    corner = ImVec2(low.x + em(1), low.y + imgui.get_window_height() - size.y - em(1))
    end = ImVec2(corner.x + size.x + em(1), corner.y + size.y + em(0.5))
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(corner, end, faded(imgui.Col_.window_bg, 0.85), em(0.3))
    draw.add_text(ImVec2(corner.x + em(0.5), corner.y + em(0.25)), theme_color(imgui.Col_.text), app.messages.status)
