"""The status bar: the last message, and one line about the picture."""

from __future__ import annotations

import time

from imgui_bundle import ImVec4, imgui

from viewer.app.app import ViewerApp
from viewer.widgets.controls import elided, em, sentence_case

RECORDING = ImVec4(0.95, 0.30, 0.25, 1.0)
"""Color of the note that the screen is being recorded."""

PERIOD = 0.5
"""Minimum time that a frame rate is shown, so that it can be read; seconds."""


class StatusBar:
    """Draws the last message at the left and the state of the picture at the right."""

    def __init__(self) -> None:
        self._rate, self._since = 0.0, 0.0

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        recording = _recording(app)
        state = self._state(app)
        room = imgui.get_content_region_avail().x
        right = sum(imgui.calc_text_size(text).x + em() for text in (recording, state) if text)
        imgui.text_unformatted(elided(app.messages.status, room - right) or " ")
        imgui.same_line(0, 0)
        imgui.set_cursor_pos_x(imgui.get_style().window_padding.x + max(0.0, room - right + em()))
        if recording:
            imgui.text_colored(RECORDING, recording)
            imgui.same_line(0, em())
        imgui.text_disabled(state)

    def _state(self, app: ViewerApp) -> str:
        document = app.document
        if document is None or document.shown is None or document.shown.image is None:
            return ""
        width, height = document.shown.image.size
        busy = "refining" if document.view_renderer.worker.busy else "ready"
        rate = f"{self._shown_rate(app):.0f} images/s" if app.moving else busy
        return f"{rate}   {width} x {height}   {sentence_case([document.view_renderer.used_renderer.name])[0]}"

    def _shown_rate(self, app: ViewerApp) -> float:
        if time.monotonic() - self._since > PERIOD:
            self._rate, self._since = app.statistics.images_per_second, time.monotonic()
        return self._rate


def _recording(app: ViewerApp) -> str:
    screen = app.recording.screen
    if screen is None:
        return ""
    slow = f", too slow for {screen.left_out} pictures" if screen.left_out else ""
    return f"recording {screen.seconds:.0f} s{slow}"
