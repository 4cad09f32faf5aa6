"""The question when a long video has damaged frames: play the rest?"""

from __future__ import annotations

from imgui_bundle import imgui

from viewer.app.app import ViewerApp
from viewer.app.faults import short_name
from viewer.dialogs.modal import begin_modal
from viewer.widgets.controls import button, em


class DamageDialog:
    """Offers to play the frames that are not damaged."""

    def draw(self, app: ViewerApp) -> None:
        """Draw until the user has decided."""
        document = app.document
        if document is None or not document.damage_found or app.messages.errors:
            return
        if not begin_modal(f"{short_name(document.path.name)} is damaged###damage", 30):
            return
        imgui.text_wrapped(f"{document.damage_found} Play the rest?")
        imgui.spacing()
        imgui.text_wrapped("The timeline marks damaged frames in red. To repair the video, download or export it again.")
        imgui.spacing()
        played = button("Play the rest", "Play the frames that are not damaged.") or imgui.is_key_pressed(imgui.Key.enter)
        imgui.same_line()
        closed = button("Close", "Close this video.", width=em(6)) or imgui.is_key_pressed(imgui.Key.escape)
        if played:
            document.play_rest()
        elif closed:
            app.documents.close(app.documents.active_index)
        if played or closed:
            imgui.close_current_popup()
        imgui.end_popup()
