"""The menu Help."""

from __future__ import annotations

from viewer.actions.action import SEPARATOR, Action, menu, open_dialog
from viewer.actions.conditions import HAS_CAMERAS
from viewer.app.app import ViewerApp


def toggle_shortcuts(app: ViewerApp) -> None:
    """Open or close the shortcut sheet."""
    app.window.dialogs ^= {"shortcuts"}


CAMERAS = "Show the cameras of the capture from above and from the side, with their figures."
"""Tooltip of the dialog about the cameras."""

ABOUT = "Show version and license of the viewer, and the license of the open video."
"""Tooltip of the about dialog."""

HELP = menu(
    Action("help.shortcuts", "Keyboard shortcuts", "Show all keys, and what the mouse does.", toggle_shortcuts, "F1"),
    Action(
        "help.palette", "Command palette", "Find any command by its name.", open_dialog("palette"), "Ctrl+P", in_palette=False
    ),
    SEPARATOR,
    Action("help.cameras", "Capture cameras", CAMERAS, open_dialog("cameras"), enabled=HAS_CAMERAS),
    Action("help.about", "About and licenses", ABOUT, open_dialog("about")),
)
