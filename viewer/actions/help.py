"""The menu Help."""

from __future__ import annotations

from viewer.actions.action import Action, open_dialog

HELP = (
    Action(
        "help.shortcuts",
        "Keyboard shortcuts",
        "Show all keys, and what the mouse does.",
        lambda app: app.window.dialogs.symmetric_difference_update({"shortcuts"}),
        ("F1",),
    ),
    Action(
        "help.palette",
        "Command palette",
        "Find any command by its name.",
        open_dialog("palette"),
        ("Ctrl+P",),
        in_palette=False,
    ),
    Action(
        "help.about",
        "About and licenses",
        "Show version and license of the viewer, and the license of the open video.",
        open_dialog("about"),
        starts_group=True,
    ),
)
