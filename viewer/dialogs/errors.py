"""The error dialog: what failed, why, and what to do."""

from __future__ import annotations

from imgui_bundle import imgui

from viewer.app.app import ViewerApp
from viewer.dialogs.modal import begin_modal
from viewer.widgets.controls import button, em


class ErrorDialog:
    """Shows the errors one after the other."""

    def draw(self, app: ViewerApp) -> None:
        """Draw while there are errors."""
        if not app.messages.errors:
            return
        fault = app.messages.errors[0]
        if begin_modal(f"{fault.title}###fault", 32):
            imgui.text_wrapped(fault.reason)
            imgui.spacing()
            imgui.text_wrapped(fault.advice)
            imgui.spacing()
            closed = imgui.is_key_pressed(imgui.Key.escape) or imgui.is_key_pressed(imgui.Key.enter)
            if button("Close", "Close this message.", width=em(6)) or closed:
                app.messages.errors.pop(0)
                imgui.close_current_popup()
            imgui.same_line()
            if button("Copy", "Copy the message as text.", width=em(6)):
                app.window.write_clipboard(str(fault))
            imgui.end_popup()
