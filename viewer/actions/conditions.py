"""When an action is available, and what to say when it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from viewer.app.app import ViewerApp
from viewer.app.document import Document

NOTHING_OPEN = "Open a video first"
"""The reason why actions on a video are unavailable without one."""


@dataclass(frozen=True)
class Condition:
    """A predicate over the window's state."""

    predicate: Callable[[ViewerApp], bool]
    """Returns whether the action is available."""
    reason: str = ""
    """The reason if it is not, for the user."""
    needs_video: bool = False
    """Whether the reason is true only while a video is open."""

    def unavailable_reason(self, app: ViewerApp) -> str:
        """Return why the action is unavailable; empty when it is available."""
        if self.predicate(app):
            return ""
        return NOTHING_OPEN if self.needs_video and app.document is None else self.reason


def with_document(test: Callable[[Document], bool], reason: str) -> Condition:
    """Return the condition that a video is open and fulfills `test`."""
    return Condition(lambda app: app.document is not None and test(app.document), reason, needs_video=True)


def capture_camera(number: int) -> Condition:
    """Return the condition that the capture has a camera of this number, counted from 1."""
    return with_document(lambda d: len(d.video.metadata.cameras) >= number, f"There is no capture camera {number}")


ALWAYS = Condition(lambda app: True)
"""Always available."""

OPEN = with_document(lambda document: True, NOTHING_OPEN)
"""A video is open."""

SEVERAL_OPEN = Condition(lambda app: len(app.documents.all) > 1, "There is no other tab")
"""There is another tab."""

RECORDABLE = Condition(lambda app: app.document is not None or app.recording.screen is not None, NOTHING_OPEN)
"""There is something to record, or a recording to stop."""

CAN_UNDO = with_document(lambda document: document.camera.history.can_undo, "There is nothing to undo")
"""The camera or its path was changed."""

CAN_REDO = with_document(lambda document: document.camera.history.can_redo, "There is nothing to redo")
"""A change was undone."""

HAS_CAMERAS = with_document(lambda document: bool(document.video.metadata.cameras), "This video has no capture cameras")
"""The video contains the cameras of its capture."""

HAS_FRAMES = with_document(lambda document: document.video.num_frames > 1, "This video has only one frame")
"""There is another frame."""

HAS_SOUND = with_document(lambda document: document.video.metadata.sound is not None, "This video has no sound")
"""The video has a sound."""

HAS_RANGE = with_document(lambda document: document.playback.has_range, "No in or out point is set")
"""An in or out point is set."""

HAS_KEYFRAMES = with_document(lambda d: len(d.camera_path) > 0, "The camera path is empty. Press K to add this view")
"""The camera path has keyframes."""

KEYFRAME_SELECTED = with_document(lambda document: document.selected_keyframe is not None, "No keyframe is selected")
"""A keyframe of the camera path is selected."""
