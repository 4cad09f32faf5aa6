"""The menu Path: keyframes of the camera path, its preview, presets and files."""

from __future__ import annotations

from collections.abc import Callable

from model.camera import Camera
from viewer.actions.action import SEPARATOR, Action, front, menu, open_dialog
from viewer.actions.camera import UNDO_KEY
from viewer.actions.conditions import HAS_KEYFRAMES, KEYFRAME_SELECTED, OPEN
from viewer.app.app import ViewerApp
from viewer.app.path_edits import go_to_path_time, path_edit, take_path
from viewer.camera_path.path import CameraPath
from viewer.camera_path.presets import orbit_path, spiral_path

MIN_PRESET_SECONDS = 1.0
"""Minimum length in seconds. Presets over a shorter range last twice this."""


def add_keyframe(app: ViewerApp) -> None:
    """Append the current view and frame to the path."""
    document = front(app)
    with path_edit(document) as path:
        document.selected_keyframe = path.append(*_view_now(app))
        document.path_time = path.end
    app.messages.set_status(f"Keyframe {document.selected_keyframe + 1} added")


def replace_keyframe(app: ViewerApp) -> None:
    """Set the selected keyframe to the current view and frame."""
    document = front(app)
    assert document.selected_keyframe is not None
    with path_edit(document) as path:
        path.replace_view(document.selected_keyframe, *_view_now(app))


def remove_keyframe(app: ViewerApp) -> None:
    """Remove the selected keyframe."""
    document = front(app)
    selected = document.selected_keyframe
    assert selected is not None
    with path_edit(document) as path:
        path.remove(selected)
        document.selected_keyframe = min(selected, len(path) - 1) if len(path) else None


def select_keyframe(app: ViewerApp, step: int) -> None:
    """Go to the next (`step` 1) or previous (-1) keyframe."""
    document = front(app)
    count, selected = len(document.camera_path), document.selected_keyframe
    first = 0 if step > 0 else count - 1
    document.selected_keyframe = first if selected is None else min(max(selected + step, 0), count - 1)
    document.path_time = document.camera_path.keyframes[document.selected_keyframe].time
    document.previewing = False
    go_to_path_time(document)
    app.redraw.record_motion()


def toggle_preview(app: ViewerApp) -> None:
    """Let the camera follow the path, or stop."""
    document = front(app)
    document.previewing = not document.previewing
    if document.previewing:
        go_to_path_time(document)


def use_preset(app: ViewerApp, preset: Callable[..., CameraPath]) -> None:
    """Replace the path by a preset over the playback range."""
    document = front(app)
    video, clock, before = document.video, document.playback, len(document.camera_path)
    seconds = (clock.out_point - clock.in_point) / clock.fps
    if seconds < MIN_PRESET_SECONDS:  # then the scene plays in slow motion, or one frame is shown
        seconds = 2 * MIN_PRESET_SECONDS
    frames = clock.in_point, clock.out_point
    take_path(document, preset(video.bounds, video.metadata.up, seconds, frames, *app.viewport.size))
    if before:
        app.messages.set_status(f"The path was replaced. {UNDO_KEY} restores its {before} keyframes")


def _view_now(app: ViewerApp) -> tuple[float, Camera]:
    return front(app).playback.time, front(app).camera.to_camera(*app.viewport.size)


def _select(name: str, key: str, step: int) -> Action:
    tooltip = f"Go to the {name} keyframe of the path."
    return Action(
        f"path.{name}", f"{name.capitalize()} keyframe", tooltip, lambda app: select_keyframe(app, step), key, HAS_KEYFRAMES
    )


def _preset(name: str, shape: str, preset: Callable[..., CameraPath]) -> Action:
    tooltip = f"Replace the path with {shape} around the scene."
    return Action(f"path.{name}", f"{name.capitalize()} preset", tooltip, lambda app: use_preset(app, preset), enabled=OPEN)


PATH = menu(
    Action("path.add", "Add keyframe", "Add this view and frame to the camera path.", add_keyframe, "K", OPEN),
    Action(
        "path.replace",
        "Replace keyframe",
        "Set the selected keyframe to this view and frame.",
        replace_keyframe,
        "Shift+K",
        KEYFRAME_SELECTED,
    ),
    Action(
        "path.remove",
        "Delete keyframe",
        "Remove the selected keyframe from the path.",
        remove_keyframe,
        "Delete",
        KEYFRAME_SELECTED,
    ),
    SEPARATOR,
    _select("next", "Alt+Right", 1),
    _select("previous", "Alt+Left", -1),
    Action("path.preview", "Preview path", "Play the camera path in the view.", toggle_preview, "P", HAS_KEYFRAMES),
    SEPARATOR,
    _preset("orbit", "one orbit", orbit_path),
    _preset("spiral", "a rising spiral", spiral_path),
    SEPARATOR,
    Action("path.save", "Save path...", "Save the camera path as JSON.", open_dialog("save_path"), enabled=HAS_KEYFRAMES),
    Action(
        "path.load",
        "Load path...",
        "Load a camera path: this program's, nerfstudio's, instant-ngp's, or cameras.json of 3D Gaussian Splatting.",
        open_dialog("load_path"),
        enabled=OPEN,
    ),
    Action(
        "path.export",
        "Export path for other programs...",
        "Write the camera path as glTF, which Blender imports, or as nerfstudio's camera_path.json.",
        open_dialog("export_path"),
        enabled=HAS_KEYFRAMES,
    ),
)
