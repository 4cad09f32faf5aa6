"""Screenshots and the frames of a screen recording, with or without the interface."""

from __future__ import annotations

import numpy as np
from imgui_bundle import imgui
from numpy.typing import NDArray

from common.errors import InputError
from viewer.app.app import ViewerApp
from viewer.app.faults import CHECK_FOLDER
from viewer.app.recording import ScreenRecording, free_path
from viewer.export.image_files import save_png
from viewer.gl import context as gl
from viewer.gl.presenter import Presenter


class WindowCapture:
    """Reads pixels back after a frame is drawn, if a screenshot or a recording needs them.

    Args:
        app: the state that requests pictures and shows messages.
    """

    def __init__(self, app: ViewerApp) -> None:
        self.app = app
        self.presenter: Presenter | None = None
        """Has the view's pixels; set by the window."""

    def after_drawing(self) -> None:
        """Take a picture if one is needed; called between drawing and showing a frame."""
        display, ratio = imgui.get_io().display_size, imgui.get_io().display_framebuffer_scale
        self.app.recording.window_pixels = round(display.x * ratio.x), round(display.y * ratio.y)
        recording = self.app.recording.screen
        if recording is not None and recording.due:
            self._record(recording)
        if recording is None and self.presenter is not None:
            self.presenter.end_delayed()
        if self.app.recording.screenshot_pending and not self._given_up() and self._settled():
            self.app.recording.screenshot_pending = False
            try:
                self._save_screenshot()
            except InputError as error:
                self.app.messages.show_exception(error, "Cannot save the screenshot", CHECK_FOLDER)

    def _record(self, recording: ScreenRecording) -> None:
        if not self._has_pixels():
            return
        try:
            recording.add(self._recorded_pixels())
        except InputError as error:
            self.app.recording.screen = None
            self.app.messages.show_exception(error, "Cannot record the screen", CHECK_FOLDER)
            recording.abort()

    def _given_up(self) -> bool:
        """Return whether a screenshot is impossible now, and cancel it: otherwise it would be taken much later."""
        document = self.app.document
        if document is not None and (document.view_renderer.error is None or document.view_renderer.worker.busy):
            return False
        self.app.recording.screenshot_pending = False
        self.app.messages.set_status(
            "No screenshot: " + ("the video was closed" if document is None else "this view cannot be rendered")
        )
        return True

    def _settled(self) -> bool:
        """Return whether the picture is final. While the video or the camera path plays, any one of full size is accepted."""
        document = self.app.document
        if document is None or document.shown is None or not self._has_pixels():
            return False
        if document.playback.playing or document.previewing:
            return document.shown.scale >= self.app.quality.still_scale and not self.app.viewport.making_pixels
        request = document.view_renderer.requested
        if self.app.moving or request is None or request.time != document.playback.time:
            return False
        fine = max(request.scale, request.final_scale) >= self.app.quality.still_scale
        return document.view_renderer.finished and fine and not self.app.viewport.making_pixels

    def _has_pixels(self) -> bool:
        """Return whether there are pixels to read; the view has none before its first image."""
        return self.app.recording.with_interface or self.presenter is None or self.presenter.texture is not None

    def _recorded_pixels(self) -> NDArray[np.uint8]:
        if self.presenter is None:
            return self._pixels()
        if self.app.recording.with_interface:
            return self.presenter.read_screen_delayed(*self.app.recording.window_pixels)
        return self.presenter.read_delayed()

    def _pixels(self) -> NDArray[np.uint8]:
        if self.app.recording.with_interface or self.presenter is None:
            return gl.read_screen(*self.app.recording.window_pixels)
        return self.presenter.read()

    def _save_screenshot(self) -> None:
        document = self.app.document
        if document is None or document.shown is None:
            return
        frame = document.shown.request.time
        path = free_path(self.app.recording.folder, f"{document.path.stem}-{frame:05g}", ".png")
        texts = {"mlpvid:frame": f"{frame:g}", "mlpvid:bundle": document.path.name}
        save_png(path, self._pixels(), document.shown.request.camera, texts)
        self.app.messages.set_status(f"Screenshot saved to {path}")
