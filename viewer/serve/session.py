"""Connects a browser to its visitor: takes what the browser sends, and sends images and the state of the controls."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from common.errors import InputError
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import finished
from viewer.picture.backdrop import Backdrop
from viewer.picture.background_image import BackgroundImage
from viewer.picture.options import shown_pixels
from viewer.playback.render_worker import ViewResult
from viewer.serve.camera_controls import CameraControls
from viewer.serve.damage import DamageNotes
from viewer.serve.events import Action, Call
from viewer.serve.poses import ViserPose, camera_from_viser, canvas_size
from viewer.serve.recording_controls import RecordingControls
from viewer.serve.shared_frames import SharedFrames
from viewer.serve.timeline_controls import TimelineControls
from viewer.serve.view_controls import ViewControls
from viewer.serve.visitor import Visitor
from viewer.settings import Settings

_log = logging.getLogger(__name__)

DEFAULT_SIZE = (1280, 720)
"""Width and height of a canvas whose size is not known yet, pixels."""

MAX_ACTIONS = 1000
"""Most actions of a visitor that wait. A browser that sends more of them is not operated by a person."""


class Session:
    """One browser. `update` and `close` are called on the server's thread.

    Args:
        client: viser's handle of the browser.
        frames: the decoded frames.
        settings: how videos start, and how recordings are compressed.
        name: beginning of the names of recordings.
        wake: makes the server's thread call `update` soon.
        call: calls a function where viser may be used.
        background: the picture or panorama that the settings name; None for none.
    """

    def __init__(
        self,
        client: Any,
        frames: SharedFrames,
        settings: Settings,
        name: str,
        wake: Callable[[], None],
        call: Call,
        background: BackgroundImage | None = None,
    ) -> None:
        self.client = client
        self._call, self._background = call, background
        self.visitor = Visitor(frames, settings, wake)
        self._settings, self._name, self._wake = settings, name, wake
        self._actions: queue.Queue[Action] = queue.Queue(MAX_ACTIONS)
        self._sent: tuple[ViewResult, object] | None = None
        self._shown: ViewResult | None = None
        self._fault = ""
        self._damage, self._empty = DamageNotes(), False
        self._size = DEFAULT_SIZE
        try:
            call(lambda: self._begin(frames))
        except BaseException:
            self.visitor.close()
            raise

    def post(self, action: Action) -> None:
        """Run an action on the server's thread; may be called from any thread."""
        try:
            self._actions.put_nowait(action)
        except queue.Full:
            return
        self._wake()

    def update(self, now: float) -> None:
        """Do what the visitor asked for, and send what is new; `now` is monotonic time in seconds."""
        self._call(self._act)
        self._run(lambda: self._show(now))
        self._run(lambda: self._call(lambda: self._refresh(now)))

    def seconds_to_next(self) -> float:
        """Return the seconds until something changes if nobody does anything."""
        waits = [self.visitor.seconds_to_next(), self.recording.seconds_to_next()]
        return min(*waits, self.timeline.seconds_to_next()) if self.timeline is not None else min(waits)

    def replace_frames(self, frames: SharedFrames) -> None:
        """Show another version of the video."""
        self.recording.close()
        self.visitor.replace_frames(frames)
        self._shown = self._sent = None
        self._damage = DamageNotes()
        self._call(self.client.gui.reset)
        self._call(lambda: self._add_controls(frames))

    def close(self) -> None:
        """End the visitor's threads."""
        self.recording.close()
        self.visitor.close()

    def _begin(self, frames: SharedFrames) -> None:
        self._add_controls(frames)

        async def moved(camera: Any) -> None:
            seen = (camera.wxyz, camera.position, camera.fov, (camera.image_width, camera.image_height))
            self.post(lambda: self._move(*seen))

        camera = self.client.camera
        self._run(lambda: self._resize((camera.image_width, camera.image_height)))
        camera.on_update(moved)
        self._run(self.cameras.show_all)

    def _act(self) -> None:
        for _ in range(self._actions.qsize()):
            self._run(self._actions.get_nowait())

    def _add_controls(self, frames: SharedFrames) -> None:
        gui, visitor = self.client.gui, self.visitor
        self.timeline = TimelineControls(gui, visitor.playback, self.post) if visitor.playback.num_frames > 1 else None
        """The controls of the time; None for a video of one frame."""
        self.cameras = CameraControls(gui, visitor, lambda: self._size, self._look, self.post)
        """The controls of the camera."""
        self.view = ViewControls(gui, visitor, self.post, self._settings.view.background if self._background else "")
        """The controls of the image."""
        self.recording = RecordingControls(
            self.client, visitor, frames, self._settings.recording, self._name, self.post, self._call
        )
        """The controls of recordings."""

    def _show(self, now: float) -> None:
        result = self.visitor.update(now)
        self._report_damage()
        if self.visitor.damage:
            self._show_nothing()
            return
        self._empty = False
        self._shown = result or self._shown
        if self.visitor.error is not None:
            raise self.visitor.error
        if self._shown is not None:
            self._send(self._shown)

    def _report_damage(self) -> None:
        for text in self._damage.new(self.visitor.video):
            self._call(partial(self.client.add_notification, "Damaged frames", text, color="yellow"))
            if self.timeline is not None:
                self._call(partial(self.timeline.show_damage, self._damage.all()))

    def _show_nothing(self) -> None:
        """Show the background instead of a damaged frame: the image before it would be taken for it."""
        if self._empty:
            return
        self._shown = self._sent = None
        color = np.round(255 * np.array(self.visitor.display.background_color)).astype(np.uint8)
        pixels = np.broadcast_to(color, (16, 16, 3)).copy()
        self._call(lambda: self.client.scene.set_background_image(pixels, "jpeg", jpeg_quality=100))
        self._call(self.client.flush)
        self._empty = True

    def _refresh(self, now: float) -> None:
        if self.timeline is not None:
            self.timeline.refresh(now)
        self.cameras.refresh()
        self.view.refresh()
        self.recording.refresh()

    def _run(self, action: Action) -> None:
        try:
            action()
        except Exception as error:  # one visitor's fault must not end the others' session
            text = str(error) or type(error).__name__
            if text == self._fault:  # it fails again at every update
                return
            self._fault = text
            if not isinstance(error, InputError):
                _log.warning("visitor %d: %r", self.client.client_id, error, exc_info=error)
            self._call(lambda: self.client.add_notification("Something went wrong", text, color="red"))

    def _move(self, wxyz: Any, position: Any, field_of_view: float, size: tuple[int, int]) -> None:
        if self._resize(size):
            self.visitor.move(camera_from_viser(wxyz, position, field_of_view, size), time.monotonic())

    def _resize(self, size: tuple[int, int]) -> bool:
        """Take over the size of the canvas; return False if it has no pixels, as in a minimized window."""
        if min(size) < 1:
            return False
        self._size = canvas_size(*size)
        return True

    def _look(self, pose: ViserPose) -> None:
        camera = self.client.camera
        with self.client.atomic():
            camera.up_direction = pose.up
            camera.position = pose.position
            camera.look_at = pose.look_at
            camera.fov = pose.field_of_view

    def _behind(self, result: ViewResult) -> Backdrop | None:
        """Return what is behind an image; None for a plain background."""
        display = self.visitor.display
        image = self._background if display.has_image else None
        shadow = result.shadow if display.has_shadow else None
        if image is None and shadow is None:
            return None
        return Backdrop(result.request.camera, self.visitor.up, image, shadow)

    def _send(self, result: ViewResult) -> None:
        display = self.visitor.display
        ground = (display.background, display.background_color, display.has_shadow, display.shadow_strength)
        appearance = (display.pixels_key, display.color_map, ground)
        if self._sent is not None and self._sent[0] is result and self._sent[1] == appearance:
            return
        self._sent = result, appearance
        view = shown_pixels(result, display)
        pixels = finished(view, RecordOptions(display=display), self._behind(result))
        quality = self.visitor.quality
        compression = quality.jpeg_still if result.final and not self.visitor.moving else quality.jpeg_moving
        compression = min(max(compression, 1), 100)

        def send() -> None:
            self.client.scene.set_background_image(pixels, "jpeg", jpeg_quality=compression)
            self.client.flush()
            self.view.show_image(pixels.shape[1], pixels.shape[0], result.render_ms, view.legend)

        self._call(send)
        self._fault = ""  # if it fails again, the visitor is told again
