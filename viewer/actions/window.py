"""The menu Window: the window, its panels and its interface."""

from __future__ import annotations

from viewer.actions.action import SEPARATOR, Action, menu, next_stop, open_dialog
from viewer.app.app import ViewerApp
from viewer.settings import THEMES, WindowSettings

UI_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
"""Sizes that "larger" and "smaller" go through."""


HIDE_KEY = "H"
"""Key that hides and shows the interface."""


def toggle_full_screen(app: ViewerApp) -> None:
    """Switch full screen on or off."""
    app.window.full_screen = not app.window.full_screen


def toggle_interface(app: ViewerApp) -> None:
    """Show only the picture, or the interface again."""
    app.window.hide_interface = not app.window.hide_interface
    app.messages.set_status(f"Press {HIDE_KEY} to show the interface again" if app.window.hide_interface else "")


def next_theme(app: ViewerApp) -> None:
    """Switch to the next theme."""
    settings = app.settings.window
    settings.theme = THEMES[(THEMES.index(settings.theme) + 1) % len(THEMES)]


def scale_interface(app: ViewerApp, step: int) -> None:
    """Enlarge (`step` 1) or shrink (-1) text and controls."""
    settings = app.settings.window
    settings.ui_scale = next_stop(UI_SCALES, settings.ui_scale, step)
    app.messages.set_status(f"Interface size {settings.ui_scale:.0%}")


def copy_statistics(app: ViewerApp) -> None:
    """Copy the statistics as text."""
    app.window.write_clipboard(app.statistics.text(app.document, app.rendering.renderer))
    app.messages.set_status("Statistics copied")


def reset_layout(app: ViewerApp) -> None:
    """Show only the picture and the timeline, and give the inspector its default width and sections."""
    fresh, window = WindowSettings(), app.settings.window
    window.layout, window.inspector_width = fresh.layout, fresh.inspector_width
    window.inspect_sections, window.direct_sections = fresh.inspect_sections, fresh.direct_sections


NEXT_PANEL = "Move the keyboard focus to the next panel. Tab then moves through its controls."
"""Tooltip of the next panel."""

WINDOW = menu(
    Action("window.fullscreen", "Full screen", "Switch full screen on or off.", toggle_full_screen, "F11"),
    Action("window.hide_ui", "Hide the interface", "Show only the image.", toggle_interface, HIDE_KEY),
    SEPARATOR,
    Action("window.next_panel", "Next panel", NEXT_PANEL, lambda app: app.window.focus_next_panel(1), "F6"),
    Action(
        "window.previous_panel",
        "Previous panel",
        "Go to the previous panel.",
        lambda app: app.window.focus_next_panel(-1),
        "Shift+F6",
    ),
    Action(
        "window.reset_layout",
        "Reset the layout",
        "Show only the picture and the timeline, and restore the inspector's width and sections.",
        reset_layout,
    ),
    SEPARATOR,
    Action("window.larger", "Larger interface", "Enlarge text and controls.", lambda app: scale_interface(app, 1), "Ctrl+="),
    Action("window.smaller", "Smaller interface", "Shrink text and controls.", lambda app: scale_interface(app, -1), "Ctrl+-"),
    Action("window.theme", "Next theme", "Switch between light, dark and high contrast.", next_theme),
    SEPARATOR,
    Action("window.settings", "Settings...", "Change the viewer's settings.", open_dialog("settings"), "Ctrl+,"),
    Action(
        "window.copy_statistics",
        "Copy the statistics",
        "Copy frame rate, times and samples as text.",
        copy_statistics,
        "Ctrl+Shift+C",
    ),
)
