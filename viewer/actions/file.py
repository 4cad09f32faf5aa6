"""The menu File: opening, saving, recording, exporting."""

from __future__ import annotations

from viewer import DEMO
from viewer.actions.action import Action, front, open_dialog
from viewer.actions.conditions import OPEN, RECORDABLE, SEVERAL_OPEN
from viewer.app.app import ViewerApp
from viewer.app.window_state import WindowCommand


def toggle_screen_recording(app: ViewerApp) -> None:
    """Begin to record the screen, or complete the file."""
    if app.recording.screen is not None:
        app.recording.stop()
    elif app.document is not None:
        app.recording.start(app.document.path.stem, app.viewport.size)


def show_tab(app: ViewerApp, step: int) -> None:
    """Bring the tab that is `step` places after the front one to the front."""
    app.documents.show(app.documents.active_index + step)


FILE = (
    Action("file.open", "Open...", "Open a volumetric video (.mlpvid) in a new tab.", open_dialog("open"), ("Ctrl+O",)),
    Action("file.open_url", "Open URL...", "Download a volumetric video and open it.", open_dialog("url"), ("Ctrl+Shift+O",)),
    Action(
        "file.open_demo", "Open the demo", "Open the video that comes with the viewer.", lambda app: app.documents.open(DEMO)
    ),
    Action(
        "file.reload",
        "Reload",
        "Read the video again from disk.",
        lambda app: app.documents.reload(front(app)),
        ("F5",),
        OPEN,
        starts_group=True,
    ),
    Action(
        "file.close",
        "Close tab",
        "Close the current tab.",
        lambda app: app.documents.close(app.documents.active_index),
        ("Ctrl+W",),
        OPEN,
    ),
    Action(
        "file.next_tab",
        "Next tab",
        "Show the next open video.",
        lambda app: show_tab(app, 1),
        ("Ctrl+Tab", "Ctrl+PageDown"),
        SEVERAL_OPEN,
    ),
    Action(
        "file.previous_tab",
        "Previous tab",
        "Show the previous open video.",
        lambda app: show_tab(app, -1),
        ("Ctrl+Shift+Tab", "Ctrl+PageUp"),
        SEVERAL_OPEN,
    ),
    Action(
        "file.screenshot",
        "Save screenshot",
        "Save the view as a PNG file that also contains the camera.",
        lambda app: app.recording.take_screenshot(),
        ("F12", "Ctrl+S"),
        OPEN,
        starts_group=True,
    ),
    Action(
        "file.record_screen",
        "Record the screen",
        "Start or stop recording the screen.",
        toggle_screen_recording,
        ("Ctrl+R",),
        RECORDABLE,
        checked=lambda app: app.recording.screen is not None,
    ),
    Action(
        "file.render_path",
        "Render camera path...",
        "Render the camera path frame by frame to a file.",
        open_dialog("recording"),
        ("Ctrl+Shift+R",),
        OPEN,
    ),
    Action(
        "file.export_mesh",
        "Export mesh...",
        "Save the surface of one or more frames as PLY or glTF.",
        open_dialog("export_mesh"),
        enabled=OPEN,
        starts_group=True,
    ),
    Action(
        "file.export_points",
        "Export point cloud...",
        "Save points on the surface of one or more frames as PLY or glTF.",
        open_dialog("export_points"),
        enabled=OPEN,
    ),
    Action(
        "file.quit",
        "Quit",
        "Close the viewer.",
        lambda app: app.window.request(WindowCommand.QUIT),
        ("Ctrl+Q",),
        starts_group=True,
    ),
)
