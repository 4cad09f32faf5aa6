"""When an action can be run, and what to tell where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the table of actions does without PyTorch
    from viewer.app.app import ViewerApp
    from viewer.app.document import Document

NOTHING_OPEN = "Open a video first"
"""Why what needs a video cannot be run without one."""


@dataclass(frozen=True)
class Condition:
    """A predicate over the app's state."""

    holds: Callable[[ViewerApp], bool]
    """Whether the action can be run now."""
    otherwise: str = ""
    """Why not, for people."""

    def unavailable_reason(self, app: ViewerApp) -> str:
        """Why the action cannot be run now; empty when it can."""
        return "" if self.holds(app) else self.otherwise


@dataclass(frozen=True)
class VideoCondition(Condition):
    """A predicate that is false as long as no video is open."""

    def unavailable_reason(self, app: ViewerApp) -> str:
        """Why the action cannot be run now; without a video, that there is none."""
        return NOTHING_OPEN if app.document is None else super().unavailable_reason(app)


def _of_video(test: Callable[[Document], bool], otherwise: str) -> VideoCondition:
    return VideoCondition(lambda app: app.document is not None and test(app.document), otherwise)


def capture_camera(number: int) -> Condition:
    """The capture has a camera of this number, counted from 1."""
    return _of_video(lambda d: len(d.video.metadata.cameras) >= number, f"There is no capture camera {number}")


ALWAYS = Condition(lambda app: True)
"""Nothing is needed."""

OPEN = _of_video(lambda document: True, NOTHING_OPEN)
"""A video is open."""

SEVERAL_OPEN = Condition(lambda app: len(app.documents) > 1, "There is no other tab")
"""There are tabs to go to."""

RECORDABLE = Condition(lambda app: app.document is not None or app.screen_recording is not None, NOTHING_OPEN)
"""There is something to record, or a recording to stop."""

CAN_UNDO = _of_video(lambda document: document.camera.history.can_undo, "There is nothing to undo")
"""The camera was moved."""

CAN_REDO = _of_video(lambda document: document.camera.history.can_redo, "There is nothing to redo")
"""A move of the camera was undone."""

HAS_CAMERAS = _of_video(lambda document: bool(document.video.metadata.cameras), "This video tells no capture cameras")
"""The video tells where the capture's cameras stood."""

HAS_FRAMES = _of_video(lambda document: document.video.num_frames > 1, "This video has a single frame")
"""There is another frame to go to."""

HAS_RANGE = _of_video(lambda document: document.playback.has_range, "The whole video is played already")
"""In or out point were set."""

HAS_KEYFRAMES = _of_video(lambda d: len(d.camera_path) > 0, "The camera path is empty: press K to add this view")
"""The camera path has keyframes."""

KEYFRAME_CHOSEN = _of_video(lambda document: document.selected_keyframe is not None, "No keyframe is selected")
"""A keyframe of the camera path is selected."""
