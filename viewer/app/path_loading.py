"""Read camera paths in the background: a file of many keyframes takes seconds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from common.errors import InputError
from viewer.app.document import Document
from viewer.app.faults import CHECK_FILE, short_name
from viewer.app.messages import Messages
from viewer.app.path_edits import take_path
from viewer.app.redraw import Redraw
from viewer.app.window_state import WindowState
from viewer.camera_path.foreign import SceneTimes, load_any
from viewer.camera_path.path import CameraPath
from viewer.work.latest_task import LatestTask

_Outcome = CameraPath | Exception


class PathLoader:
    """Reads camera paths on its own thread, and gives them to their documents.

    Args:
        messages: shows errors.
        window: is asked to show the panel of the path.
        redraw: notified when a path was read.
    """

    def __init__(self, messages: Messages, window: WindowState, redraw: Redraw) -> None:
        self._messages, self._window, self._redraw = messages, window, redraw
        self._task: LatestTask[tuple[Document, Path, object], _Outcome] | None = None

    def load(self, document: Document, path: Path) -> None:
        """Read a file, whose path replaces that of the document. If another file is being read, it is abandoned."""
        if self._task is None:
            self._task = LatestTask("camera path", self._redraw.notify)
        times = SceneTimes(document.video.num_frames, document.video.metadata.fps)
        self._task.submit((document, path, object()), partial(_read, path, times))

    def take(self, documents: list[Document]) -> None:
        """Give a path that was read to its document, if that is still open."""
        ended = None if self._task is None else self._task.poll()
        if ended is None:
            return
        (document, file, _), outcome = ended
        if isinstance(outcome, Exception):
            self._messages.show_exception(outcome, f"Cannot load {short_name(file)}", CHECK_FILE)
        elif document in documents:
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
        return load_any(path, times)
    except InputError as error:
        return error
