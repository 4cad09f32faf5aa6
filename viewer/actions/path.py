"""What the actions of the category Path do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from model.camera import Camera
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.path_edits import go_to_path_time, path_edit, take_path
from viewer.camera_path.path import CameraPath
from viewer.camera_path.presets import orbit_path, spiral_path

_SHORTEST_PRESET = 1.0
"""Seconds; a ready-made path over less of the video takes twice as long as this."""


class PathActions:
    """Edits and shows the camera path of the front document.

    Args:
        app: what they act on; whenever one of them is run, its condition in the table of actions holds.
    """

    def __init__(self, app: ViewerApp) -> None:
        self._app = app

    def functions(self) -> dict[str, Callable[[], object]]:
        """What each action does, by its name."""
        return {
            "path.add": self._add,
            "path.replace": self._replace,
            "path.remove": self._remove,
            "path.next": partial(self._select, 1),
            "path.previous": partial(self._select, -1),
            "path.preview": self._toggle_preview,
            "path.orbit": partial(self._take_preset, orbit_path),
            "path.spiral": partial(self._take_preset, spiral_path),
            "path.save": lambda: self._app.dialogs.add("save_path"),
            "path.load": lambda: self._app.dialogs.add("load_path"),
        }

    @property
    def _document(self) -> Document:
        assert self._app.document is not None
        return self._app.document

    def _view_now(self) -> tuple[float, Camera]:
        return self._document.playback.time, self._document.camera.to_camera(*self._app.view_size)

    @property
    def _keyframe(self) -> int:
        assert self._document.selected_keyframe is not None
        return self._document.selected_keyframe

    def _add(self) -> None:
        document = self._document
        with path_edit(document) as path:
            document.selected_keyframe = path.append(*self._view_now())
            document.path_time = path.end
        self._app.say(f"Keyframe {document.selected_keyframe + 1} added")

    def _replace(self) -> None:
        with path_edit(self._document) as path:
            path.replace_view(self._keyframe, *self._view_now())

    def _remove(self) -> None:
        document, selected = self._document, self._keyframe
        with path_edit(document) as path:
            path.remove(selected)
            document.selected_keyframe = min(selected, len(path) - 1) if len(path) else None

    def _select(self, step: int) -> None:
        document = self._document
        count, selected = len(document.camera_path), document.selected_keyframe
        first = 0 if step > 0 else count - 1
        document.selected_keyframe = first if selected is None else min(max(selected + step, 0), count - 1)
        document.path_time = document.camera_path.keyframes[document.selected_keyframe].time
        document.previewing = False
        go_to_path_time(document)
        self._app.note_motion()

    def _toggle_preview(self) -> None:
        document = self._document
        document.previewing = not document.previewing
        if document.previewing:
            go_to_path_time(document)

    def _take_preset(self, preset: Callable[..., CameraPath]) -> None:
        video, clock, before = self._document.video, self._document.playback, len(self._document.camera_path)
        seconds = (clock.out_point - clock.in_point) / clock.fps
        if seconds < _SHORTEST_PRESET:  # the scene in slow motion then, or one frame of it
            seconds = 2 * _SHORTEST_PRESET
        frames = clock.in_point, clock.out_point
        take_path(self._document, preset(video.bounds, video.metadata.up, seconds, frames, *self._app.view_size))
        if before:
            self._app.say(f"The path was replaced; {BY_NAME['camera.undo'].shortcut()} brings its {before} keyframes back")
