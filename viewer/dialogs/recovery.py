"""The question after a crash: restore what was open?"""

from __future__ import annotations

from imgui_bundle import imgui

from common.errors import InputError
from viewer.app.app import ViewerApp
from viewer.app.faults import CHECK_FILE
from viewer.dialogs.modal import begin_modal
from viewer.widgets.controls import button, em


class RecoveryDialog:
    """Offers the workspace of a viewer that ended unexpectedly."""

    def draw(self, app: ViewerApp) -> None:
        """Draw until the user has decided."""
        if app.workspaces.lost is None or not begin_modal("Restore the last workspace?###recovery", 30):
            return
        imgui.text_wrapped("The viewer ended unexpectedly last time. The open videos and their camera paths were saved.")
        imgui.spacing()
        restored = button("Restore", "Open the videos, cameras and paths again.", width=em(6))
        imgui.same_line()
        discarded = button("Discard", "Delete the saved workspace.", width=em(6)) or imgui.is_key_pressed(imgui.Key.escape)
        if restored:
            try:
                app.workspaces.recover()
            except InputError as error:
                app.messages.show_exception(error, "Cannot restore the workspace", CHECK_FILE)
        elif discarded:
            app.workspaces.discard()
        if restored or discarded:
            imgui.close_current_popup()
        imgui.end_popup()
