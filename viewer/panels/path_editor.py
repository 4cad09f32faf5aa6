"""The section Path: buttons, numbers, and the track of keyframes."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from common.numbers import counted
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.path_edits import path_edit, path_state
from viewer.panels.path_track import DragEdit, PathTrack
from viewer.widgets.controls import action_button, action_buttons, button, em, flow, slider
from viewer.widgets.numbers import entered_number

MAX_TIME = 3600.0
"""Maximum time of a keyframe, seconds."""


BUTTONS = (
    ("path.add", "Add"),
    ("path.replace", "Replace"),
    ("path.remove", "Delete"),
    ("path.preview", "Preview"),
    ("path.orbit", "Orbit"),
    ("path.spiral", "Spiral"),
    ("path.load", "Load..."),
    ("path.save", "Save..."),
    ("file.render_path", "Record..."),
)
"""Action and label of the buttons."""


class PathPanel:
    """Edits the camera path of the front document.

    Args:
        actions: runs the actions of the buttons.
        track: the track, which is here unless the layout shows it below the timeline.
    """

    title = "Path"

    def __init__(self, actions: ActionRunner, track: PathTrack) -> None:
        self._actions = actions
        self._track = track
        self._edit = DragEdit()

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        document = app.document
        if document is None:
            imgui.text_disabled("No video is open.")
            return
        action_buttons(self._actions, *BUTTONS, active="path.preview" if document.previewing else "")
        self._draw_numbers(app, document)
        if app.settings.window.layout != "direct":
            self._track.draw(app, document)

    def _draw_numbers(self, app: ViewerApp, document: Document) -> None:
        path = document.camera_path
        tip = "0 gives the smoothest curve through the keyframes, 1 gives straight lines."
        before = path_state(document)
        path.tension = slider("Tension", path.tension, 0.0, 1.0, tip)
        self._edit.follow(document, before)
        index = document.selected_keyframe
        if index is None or index >= len(path):
            imgui.text_disabled(f"{counted(len(path), 'keyframe')}, {path.duration:.2f} s. K adds this view.")
            return
        keyframe = path.keyframes[index]
        imgui.align_text_to_frame_padding()
        imgui.text(f"Keyframe {index + 1} of {len(path)}")
        self._draw_order(document, index)
        tip = "Time of this keyframe on the path, seconds."
        time = entered_number("Time", keyframe.time, 0.0, MAX_TIME, tip, "%.3f s")
        if time is not None:
            with path_edit(document):
                document.selected_keyframe = path.move(index, time)
        tip = "Frame of the video at this keyframe."
        frame = entered_number("Frame", keyframe.frame, 0.0, document.video.num_frames - 1.0, tip)
        if frame is not None and document.selected_keyframe is not None:
            with path_edit(document):
                path.replace_view(document.selected_keyframe, frame, keyframe.camera)

    def _draw_order(self, document: Document, index: int) -> None:
        path = document.camera_path
        steps = (("path.previous", icons.ICON_FA_BACKWARD_STEP), ("path.next", icons.ICON_FA_FORWARD_STEP))
        for name, icon in steps:
            flow(em(2))
            action_button(self._actions, name, icon, width=em(2))
        moves = (
            (icons.ICON_FA_ARROW_LEFT, -1, "Swap with the previous keyframe."),
            (icons.ICON_FA_ARROW_RIGHT, 1, "Swap with the next keyframe."),
        )
        for icon, step, tip in moves:
            flow(em(2))
            if button(f"{icon}###reorder{step}", tip, 0 <= index + step < len(path), width=em(2)):
                with path_edit(document):
                    path.reorder(index, index + step)
                    document.selected_keyframe = index + step
