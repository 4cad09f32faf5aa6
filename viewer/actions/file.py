"""The menu File: opening, saving, recording, exporting."""

from __future__ import annotations

from viewer import DEMO
from viewer.actions.action import SEPARATOR, Action, front, menu, open_dialog
from viewer.actions.conditions import OPEN, RECORDABLE, SEVERAL_OPEN
from viewer.app.app import ViewerApp
from viewer.app.window_state import WindowCommand


def open_demo(app: ViewerApp) -> None:
    """Open the video that comes with the viewer."""
    app.documents.open(DEMO)


def reload(app: ViewerApp) -> None:
    """Read the video again from disk."""
    app.documents.reload(front(app))


def close_tab(app: ViewerApp) -> None:
    """Close the front tab."""
    app.documents.close(app.documents.active_index)


def clear_cache(app: ViewerApp) -> None:
    """Delete the cache of videos from servers, and say how much it was."""
    used = app.streams.cache_used()
    app.streams.clear_cache()
    app.messages.set_status(f"{used / 2**20:.0f} MiB of the cache deleted")


def toggle_screen_recording(app: ViewerApp) -> None:
    """Start recording the screen, or stop and complete the file."""
    if app.recording.screen is not None:
        app.recording.stop()
    elif app.document is not None:
        app.recording.start(app.document.path.stem, app.viewport.size)


def show_tab(app: ViewerApp, step: int) -> None:
    """Bring the tab that is `step` places after the front one to the front."""
    app.documents.show(app.documents.active_index + step)


def _tab(name: str, label: str, tooltip: str, keys: str, step: int) -> Action:
    return Action(f"file.{name}", label, tooltip, lambda app: show_tab(app, step), keys, SEVERAL_OPEN)


def _export(name: str, label: str, thing: str) -> Action:
    tooltip = f"Save {thing} of one or more frames as PLY, glTF or USD."
    return Action(f"file.{name}", label, tooltip, open_dialog(name), enabled=OPEN)


OPEN_URL = "Open a volumetric video from a web server or an object storage."
"""Tooltip of Open URL."""

OPEN_WORKSPACE = "Close what is open, and open a workspace: videos, cameras, paths and display settings."
"""Tooltip of Open workspace."""

ADD_VIDEO = "Show another video together with this one, in one scene."
"""Tooltip of Add to this scene."""

SAVE_SCENE = "Save the videos of the scene, with their places, times and crop boxes, as a .mlpvid-scene file."
"""Tooltip of Save scene."""

SAVE_WORKSPACE = "Save the open videos with their cameras, times, markers and paths, and the display settings."
"""Tooltip of Save workspace."""

FILE = menu(
    Action("file.open", "Open...", "Open a volumetric video (.mlpvid) in a new tab.", open_dialog("open"), "Ctrl+O"),
    Action("file.open_url", "Open URL...", OPEN_URL, open_dialog("url"), "Ctrl+Shift+O"),
    Action("file.open_demo", "Open the demo", "Open the video that comes with the viewer.", open_demo),
    SEPARATOR,
    Action("file.reload", "Reload", "Read the video again from disk.", reload, "F5", OPEN),
    Action("file.close", "Close tab", "Close the current tab.", close_tab, "Ctrl+W", OPEN),
    _tab("next_tab", "Next tab", "Show the next open video.", "Ctrl+Tab Ctrl+PageDown", 1),
    _tab("previous_tab", "Previous tab", "Show the previous open video.", "Ctrl+Shift+Tab Ctrl+PageUp", -1),
    SEPARATOR,
    Action(
        "file.screenshot",
        "Save screenshot",
        "Save the view as a PNG file that also contains the camera.",
        lambda app: app.recording.take_screenshot(),
        "F12 Ctrl+S",
        OPEN,
    ),
    Action(
        "file.record_screen",
        "Record the screen",
        "Start or stop recording the screen.",
        toggle_screen_recording,
        "Ctrl+R",
        RECORDABLE,
        checked=lambda app: app.recording.screen is not None,
    ),
    Action(
        "file.render_path",
        "Record a video...",
        "Record the camera path, or an orbit, frame by frame to a file.",
        open_dialog("recording"),
        "Ctrl+Shift+R",
        OPEN,
    ),
    SEPARATOR,
    Action("file.add_video", "Add to this scene...", ADD_VIDEO, open_dialog("add_video"), enabled=OPEN),
    Action("file.save_scene", "Save scene...", SAVE_SCENE, open_dialog("save_scene"), enabled=OPEN),
    SEPARATOR,
    _export("export_mesh", "Export mesh...", "the surface"),
    _export("export_points", "Export point cloud...", "points on the surface"),
    SEPARATOR,
    Action("file.open_workspace", "Open workspace...", OPEN_WORKSPACE, open_dialog("open_workspace")),
    Action("file.save_workspace", "Save workspace...", SAVE_WORKSPACE, open_dialog("save_workspace"), "Ctrl+Shift+S", OPEN),
    SEPARATOR,
    Action("file.clear_cache", "Clear the cache", "Delete what was kept on disk of videos from servers.", clear_cache),
    SEPARATOR,
    Action("file.quit", "Quit", "Close the viewer.", lambda app: app.window.request(WindowCommand.QUIT), "Ctrl+Q"),
)
