"""What the view shows while nothing is open: buttons to open a video."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.faults import short_name
from viewer.app.places import place_of
from viewer.widgets.controls import action_button, button, em

WIDTH = 30.0
"""Width of the column, text heights."""

INVITATION = "Open a volumetric video, or drop a .mlpvid file here"

WAYS = (("file.open", "Open a file..."), ("file.open_url", "Open URL..."), ("file.open_demo", "Open the demo"))
"""Action and label of each button."""


class StartPage:
    """Buttons in the middle of the view that open a file, an address, the demo, or a recent file.

    Args:
        actions: runs the actions of the buttons.
    """

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions

    def draw(self, app: ViewerApp, corner: ImVec2, width: float, height: float) -> None:
        """Draw into a rectangle of the current window."""
        line, column = imgui.get_frame_height_with_spacing(), min(em(WIDTH), width)
        count = recent_that_fit(len(app.settings.recent_files), height / line)
        lines = 2.5 + (1 + count if count else 0)
        left, top = corner.x + (width - column) / 2, corner.y + max(0.0, (height - lines * line) / 2)
        imgui.set_cursor_screen_pos(ImVec2(left, top))
        imgui.begin_group()
        self._centered(INVITATION, column)
        imgui.dummy(ImVec2(0, line / 4))
        self._draw_ways(column)
        if count:
            self._draw_recent(app, count, column)
        imgui.end_group()

    def _centered(self, text: str, column: float) -> None:
        space = max(0.0, (column - imgui.calc_text_size(text).x) / 2)
        imgui.set_cursor_pos_x(imgui.get_cursor_pos_x() + space)
        imgui.text_disabled(text)

    def _draw_ways(self, column: float) -> None:
        gap = em(0.5)
        for index, (name, label) in enumerate(WAYS):
            if index:
                imgui.same_line(0, gap)
            action_button(self._actions, name, label, width=(column - gap * (len(WAYS) - 1)) / len(WAYS))

    def _draw_recent(self, app: ViewerApp, count: int, column: float) -> None:
        imgui.dummy(ImVec2(0, em(0.2)))
        self._centered("Recent files", column)
        for index, path in enumerate(app.settings.recent_files[:count]):
            if button(f"{short_name(path)}###recent{index}", f"Open {path}", width=column):
                app.documents.open(place_of(path))


def recent_that_fit(count: int, lines: float) -> int:
    """Return how many of `count` recent files fit into a view of this many lines."""
    return max(0, min(count, int(lines - 4)))
