"""Hints for new users, in the lower left corner of the picture. Each disappears once the user has followed or closed it."""

from __future__ import annotations

import weakref

from imgui_bundle import ImVec2, imgui
from imgui_bundle import icons_fontawesome_6 as icons

from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.settings import HINTS
from viewer.widgets.controls import button, em

TEXTS = {
    "navigate": "Drag to orbit, right-drag to pan, and use the wheel to move closer.",
    "play": "Space plays and pauses. Drag on the timeline to see other frames.",
    "inspect": "F3 opens the inspector with all controls. F1 shows all keys.",
}
"""What each hint says."""

LEAST_WIDTH, LEAST_HEIGHT = 40.0, 20.0
"""Size of the picture that leaves room for hints, text heights."""


class Hints:
    """Shows the hints that are left. A small picture has none."""

    def __init__(self) -> None:
        self._played: weakref.ref[Document] | None = None  # the document that played; it may be closed meanwhile

    def draw(self, app: ViewerApp) -> None:
        """Draw while there are hints."""
        document, window = app.document, app.settings.window
        left, top, width, height = app.viewport.place
        if not window.hints or document is None or app.window.hide_interface:
            return
        window.hints = tuple(hint for hint in window.hints if hint in HINTS and not self._followed(hint, app, document))
        self._played = weakref.ref(document) if document.playback.playing else None
        if not window.hints or width < em(LEAST_WIDTH) or height < em(LEAST_HEIGHT):
            return
        imgui.set_next_window_pos(ImVec2(left + em(0.8), top + height - em(0.8)), imgui.Cond_.always, ImVec2(0, 1))
        imgui.set_next_window_bg_alpha(0.85)
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_docking
        flags |= imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_focus_on_appearing
        imgui.begin("###hints", None, flags | imgui.WindowFlags_.no_nav | imgui.WindowFlags_.no_move)
        for hint in window.hints:
            self._draw_hint(app, hint)
        imgui.end()

    def _draw_hint(self, app: ViewerApp, hint: str) -> None:
        window = app.settings.window
        if button(f"{icons.ICON_FA_XMARK}###close {hint}", "Close this hint. It does not come back.", width=em(1.8)):
            window.hints = tuple(other for other in window.hints if other != hint)
        imgui.same_line(0, em(0.6))
        imgui.text_unformatted(TEXTS[hint])

    def _followed(self, hint: str, app: ViewerApp, document: Document) -> bool:
        clock = document.playback
        if hint == "navigate":
            return document.camera.history.can_undo
        if hint == "play":
            paused = not clock.playing and self._played is not None and self._played() is document
            return clock.scrubbing or paused
        return app.settings.window.inspector_shown or "shortcuts" in app.window.dialogs
