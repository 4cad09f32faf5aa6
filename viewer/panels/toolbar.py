"""Icons at the right end of the menu bar for the most frequent actions."""

from __future__ import annotations

from imgui_bundle import ImVec4, imgui
from imgui_bundle import icons_fontawesome_6 as icons

from viewer.actions.runner import ActionRunner
from viewer.widgets.controls import action_tip, button, em

TOOLS = (
    (
        ("file.open", icons.ICON_FA_FOLDER_OPEN),
        ("camera.undo", icons.ICON_FA_ROTATE_LEFT),
        ("camera.fit", icons.ICON_FA_EXPAND),
    ),
    (("file.screenshot", icons.ICON_FA_CAMERA), ("file.record_screen", icons.ICON_FA_CIRCLE_DOT)),
    (("view.watch", icons.ICON_FA_EYE), ("view.inspect", icons.ICON_FA_SLIDERS), ("view.direct", icons.ICON_FA_CLAPPERBOARD)),
)
"""Action and icon of each button, in groups. Where room is short, the last groups are shown."""

WIDTH, SPACE = 2.0, 0.8
"""Width of a button and space between two groups, text heights."""


class Toolbar:
    """Draws the icons.

    Args:
        actions: runs their actions.
    """

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions

    def draw(self) -> None:
        """Draw into the menu bar, after the menus."""
        room = imgui.get_content_region_avail().x
        groups = groups_that_fit(room / em())
        left = room - em(sum(len(group) * WIDTH + SPACE for group in groups))
        imgui.push_style_var(imgui.StyleVar_.frame_border_size, 0.0)
        imgui.push_style_color(imgui.Col_.button, ImVec4(0, 0, 0, 0))
        start = imgui.get_cursor_pos_x()
        for group in groups:
            left += em(SPACE)
            for name, icon in group:
                imgui.set_cursor_pos_x(start + left)
                self._draw_tool(name, icon)
                left += em(WIDTH)
        imgui.pop_style_color()
        imgui.pop_style_var()

    def _draw_tool(self, name: str, icon: str) -> None:
        reason = self._actions.unavailable_reason(name)
        if button(f"{icon}###tool {name}", action_tip(name, reason), not reason, self._actions.checked(name), em(WIDTH)):
            self._actions.run(name)


def groups_that_fit(room: float) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Return the last groups that fit into a room in text heights."""
    for first in range(len(TOOLS)):
        if sum(len(group) * WIDTH + SPACE for group in TOOLS[first:]) <= room:
            return TOOLS[first:]
    return ()
