"""Pictures of what is shown: screenshots and the frames of a screen recording, with or without the interface."""

from __future__ import annotations

import numpy as np
from imgui_bundle import imgui
from numpy.typing import NDArray

from model.errors import InputError
from viewer import gl
from viewer.app import ViewerApp
from viewer.app_recording import free_path
from viewer.image_files import save_png
from viewer.presenter import Presenter


class WindowCapture:
    """Reads the pixels back after a frame is drawn, when someone asked for them.

    Args:
        app: who asks, and what is told about it.
    """

    def __init__(self, app: ViewerApp) -> None:
        self.app = app
        self.presenter: Presenter | None = None
        """Gives the view's pixels."""

    def after_drawing(self) -> None:
        """Take the picture that is asked for; called between drawing and showing a frame."""
        display, ratio = imgui.get_io().display_size, imgui.get_io().display_framebuffer_scale
        self.app.window_pixels = round(display.x * ratio.x), round(display.y * ratio.y)
        recording = self.app.screen_recording
        try:
            if recording is not None and recording.due:
                recording.add(self._pixels())
            if self.app.screenshot_asked and self._settled():
                self.app.screenshot_asked = False
                self._save_screenshot()
        except InputError as error:
            self.app.screen_recording = None
            self.app.report(error)

    def _settled(self) -> bool:
        """Whether the picture is as fine as it gets; while it plays, any is good."""
        document = self.app.document
        if document is None or document.playback.playing:
            return True
        shown = document.shown
        at_rest = shown is not None and shown.final and shown.request.time == document.playback.time
        return at_rest and not self.app.moving and not document.feed.worker.busy

    def _pixels(self) -> NDArray[np.uint8]:
        if self.app.record_ui or self.presenter is None:
            return gl.read_screen(*self.app.window_pixels)
        return self.presenter.read()

    def _save_screenshot(self) -> None:
        document = self.app.document
        if document is None or document.shown is None:
            return
        frame = document.shown.request.time
        path = free_path(self.app.output_folder, f"{document.path.stem}-{frame:05g}", ".png")
        save_png(
            path,
            self._pixels(),
            document.shown.request.camera,
            {"mlpvid:frame": f"{frame:g}", "mlpvid:bundle": document.path.name},
        )
        self.app.say(f"Screenshot saved to {path}")
