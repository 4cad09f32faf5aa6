"""Read camera paths and screenshots in the background: a file of many keyframes takes seconds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from common.errors import InputError
from model.camera import Camera
from viewer.app.document import Document
from viewer.app.faults import CHECK_FILE, cannot_open, short_name
from viewer.app.messages import Messages
from viewer.app.path_edits import take_path
from viewer.app.redraw import Redraw
from viewer.app.window_state import WindowState
from viewer.camera_path.foreign import SceneTimes, load_any
from viewer.camera_path.path import CameraPath
from viewer.export.image_files import read_png_camera
from viewer.work.latest_task import LatestTask

_Outcome = CameraPath | Camera | Exception


class PathLoader:
    """Reads camera paths, and the cameras of screenshots, on its own thread, and gives them to their documents.

    Args:
        messages: shows errors.
        window: is asked to show the panel of the path.
        redraw: notified when a file was read.
    """

    def __init__(self, messages: Messages, window: WindowState, redraw: Redraw) -> None:
        self._messages, self._window, self._redraw = messages, window, redraw
        self._task: LatestTask[tuple[Document, Path, object], _Outcome] | None = None

    def load(self, document: Document, path: Path) -> None:
        """Read a file, whose path replaces that of the document; a screenshot (.png) has a camera, which the view takes.

        If another file is being read, it is abandoned.
        """
        if self._task is None:
            self._task = LatestTask("camera path", self._redraw.notify)
        times = SceneTimes(document.video.num_frames, document.video.metadata.fps)
        self._task.submit((document, path, object()), partial(_read, path, times))

    def take(self, documents: list[Document]) -> None:
        """Give what was read to its document, if that is still open."""
        ended = None if self._task is None else self._task.poll()
        if ended is None:
            return
        (document, file, _), outcome = ended
        if isinstance(outcome, Exception):
            title = cannot_open(file) if _is_screenshot(file) else f"Cannot load {short_name(file)}"
            self._messages.show_exception(outcome, title, CHECK_FILE)
        elif document in documents:
            if isinstance(outcome, Camera):
                document.camera.snap_to(outcome)
                document.previewing = False
            else:
                take_path(document, outcome)
                self._window.focus_panel("Path")
            self._redraw.record_motion()

    def close(self) -> None:
        """End the thread; a file that is being read is abandoned."""
        if self._task is not None:
            self._task.close(wait=False)
        self._task = None


def _read(path: Path, times: SceneTimes) -> _Outcome:
    try:
        return read_png_camera(path) if _is_screenshot(path) else load_any(path, times)
    except InputError as error:
        return error


def _is_screenshot(path: Path) -> bool:
    return path.suffix.lower() == ".png"
