"""The menu Help."""

from __future__ import annotations

from viewer.actions.action import SEPARATOR, Action, menu, open_dialog
from viewer.app.app import ViewerApp


def toggle_shortcuts(app: ViewerApp) -> None:
    """Open or close the shortcut sheet."""
    app.window.dialogs ^= {"shortcuts"}


ABOUT = "Show version and license of the viewer, and the license of the open video."
"""Tooltip of the about dialog."""

HELP = menu(
    Action("help.shortcuts", "Keyboard shortcuts", "Show all keys, and what the mouse does.", toggle_shortcuts, "F1"),
    Action(
        "help.palette", "Command palette", "Find any command by its name.", open_dialog("palette"), "Ctrl+P", in_palette=False
    ),
    SEPARATOR,
    Action("help.about", "About and licenses", ABOUT, open_dialog("about")),
)
