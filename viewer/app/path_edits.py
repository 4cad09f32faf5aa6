"""Show a document's camera path in the view, and edit it with the same undo history as the camera."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from viewer.app.document import Document
from viewer.camera.history import StateEdit
from viewer.camera.state import state_from_camera
from viewer.camera_path.history import PathState
from viewer.camera_path.path import CameraPath


def show_path_time(document: Document) -> None:
    """Move camera and playhead to the current time of the camera path."""
    path, time = document.camera_path, document.path_time
    document.camera.state = state_from_camera(path.camera(time), document.camera.box.mean(axis=0))
    document.playback.seek_between(min(path.frame(time), document.video.num_frames - 1))


def go_to_path_time(document: Document) -> None:
    """Do the same as one move that can be undone."""
    document.camera.begin_gesture()
    show_path_time(document)
    document.camera.end_gesture()


def path_state(document: Document) -> PathState:
    """Return the current path."""
    path = document.camera_path
    return PathState(path.keyframes, path.tension, document.selected_keyframe, document.path_time)


def put_path_state(document: Document, state: PathState) -> None:
    """Restore an earlier path."""
    document.camera_path, document.selected_keyframe, document.path_time = state.path(), state.selected, state.time
    document.previewing = False


def record_path_edit(document: Document, before: PathState) -> None:
    """Record the changes since `before` as one edit that can be undone, if there are any."""
    if not before.same_path(path_state(document)):
        edit = StateEdit(before, lambda: path_state(document), lambda state: put_path_state(document, state))
        document.camera.history.record_edit(edit)


@contextmanager
def path_edit(document: Document) -> Iterator[CameraPath]:
    """Make changes of the path inside this context one edit that can be undone."""
    before = path_state(document)
    yield document.camera_path
    record_path_edit(document, before)


def take_path(document: Document, path: CameraPath) -> None:
    """Replace the whole path as one edit that can be undone."""
    with path_edit(document):
        document.camera_path, document.path_time = path, path.start
        document.selected_keyframe = 0 if len(path) else None
        document.previewing = False
