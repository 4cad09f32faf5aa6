"""The command palette: find and run an action by its name."""

from __future__ import annotations

import sys

from imgui_bundle import ImVec2, imgui

from viewer.actions.action import Action
from viewer.actions.runner import ActionRunner
from viewer.actions.search import search_actions
from viewer.app.app import ViewerApp
from viewer.widgets.controls import em

SHOWN = 12
"""Maximum number of answers shown; fewer in a low window."""

KEYS_WIDTH = 13.0
"""Width of the columns of category and keys, text heights."""

CATEGORY_ROOM = 23.0
"""Width from which on there is room for the category, text heights."""


class Palette:
    """A text field and the actions that match it. Enter runs the selected one.

    Args:
        actions: runs the selected action.
    """

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions
        self._query = ""
        self._chosen = 0
        self._shown = False

    def draw(self, app: ViewerApp) -> None:
        """Draw while it is open."""
        opened = "palette" in app.window.dialogs
        if not opened:
            self._shown = False
            return
        viewport = imgui.get_main_viewport()
        place = ImVec2(viewport.work_pos.x + viewport.work_size.x / 2, viewport.work_pos.y + _distance_from_the_top())
        imgui.set_next_window_pos(place, imgui.Cond_.always, ImVec2(0.5, 0))
        imgui.set_next_window_size(ImVec2(min(em(34), viewport.work_size.x * 0.9), 0))
        flags = imgui.WindowFlags_.no_title_bar | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_saved_settings
        flags |= imgui.WindowFlags_.no_docking | imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_resize
        if not self._shown:
            imgui.set_next_window_focus()
        imgui.begin("Command palette", None, flags)
        self._draw_content(app)
        if not imgui.is_window_focused(imgui.FocusedFlags_.child_windows) and self._shown:
            app.window.dialogs.discard("palette")
        self._shown = True
        imgui.end()

    def _draw_content(self, app: ViewerApp) -> None:
        if not self._shown:
            self._query, self._chosen = "", 0
            imgui.set_keyboard_focus_here()
        imgui.set_next_item_width(-1)
        flags = imgui.InputTextFlags_.enter_returns_true
        entered, query = imgui.input_text_with_hint("###query", "Type the name of a command", self._query, flags)
        if query != self._query:
            self._query, self._chosen = query, 0
        found = search_actions(self._query)
        answers = found[: _answers_that_fit()]
        self._move_choice(len(answers))
        for index, action in enumerate(answers):
            pressed = self._draw_answer(action, index == self._chosen) or (entered and index == self._chosen)
            if pressed and not self._actions.unavailable_reason(action.name):
                app.window.dialogs.discard("palette")
                self._actions.run(action.name)
        if len(found) > len(answers):
            imgui.text_disabled(f"{len(found) - len(answers)} more")
        if not answers:
            imgui.text_disabled("No command matches")
        if imgui.is_key_pressed(imgui.Key.escape):
            app.window.dialogs.discard("palette")

    def _move_choice(self, count: int) -> None:
        step = int(imgui.is_key_pressed(imgui.Key.down_arrow)) - int(imgui.is_key_pressed(imgui.Key.up_arrow))
        self._chosen = (self._chosen + step) % max(1, count)

    def _draw_answer(self, action: Action, chosen: bool) -> bool:
        fault = self._actions.unavailable_reason(action.name)
        imgui.begin_disabled(bool(fault))
        pressed, _ = imgui.selectable(f"{action.label}###{action.name}", chosen)
        imgui.end_disabled()
        if imgui.is_item_hovered(imgui.HoveredFlags_.allow_when_disabled):
            imgui.set_tooltip(f"{action.tooltip}\n{fault}." if fault else action.tooltip)
        right = imgui.get_content_region_avail().x + imgui.get_style().window_padding.x
        keys = action.shortcut(sys.platform == "darwin")
        if right >= em(CATEGORY_ROOM):
            imgui.same_line(right - em(KEYS_WIDTH))
            imgui.text_disabled(action.category)
        imgui.same_line(right - imgui.calc_text_size(keys).x)
        imgui.text_disabled(keys)
        return bool(pressed)


def _distance_from_the_top() -> float:
    return min(em(3), imgui.get_main_viewport().work_size.y / 12)


def _answers_that_fit() -> int:
    style, line = imgui.get_style(), imgui.get_text_line_height_with_spacing()
    others = 2 * style.window_padding.y + imgui.get_frame_height_with_spacing() + line  # the query, and how many more there are
    room = imgui.get_main_viewport().work_size.y - _distance_from_the_top() - others
    return max(1, min(SHOWN, int(room / line)))
