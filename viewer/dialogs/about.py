"""The about dialog: the program, its license, and the license of the open video."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer import PROGRAM, __version__
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.dialogs.modal import begin_dialog
from viewer.widgets.controls import button, em, heading

TALLEST = 16.0
"""Maximum height of the license text before it scrolls, text heights."""


class AboutDialog:
    """Shows the program's version and license, and the license of the front video."""

    def draw(self, app: ViewerApp) -> None:
        """Draw while it is open."""
        if "about" not in app.window.dialogs:
            return
        visible, opened = begin_dialog(f"About {PROGRAM}", 38)
        if visible:
            self._draw_program(app)
            self._draw_video(app.document)
            imgui.spacing()
            opened = not button("Close", "Close this dialog. Key: Escape", width=em(6)) and opened
            imgui.same_line()
            if button("Copy", "Copy this information as text.", width=em(6)):
                app.window.write_clipboard(about_text(app))
        imgui.end()
        if not opened:
            app.window.dialogs.discard("about")

    def _draw_program(self, app: ViewerApp) -> None:
        for line in program_lines(app):
            imgui.text_wrapped(line)

    def _draw_video(self, document: Document | None) -> None:
        heading("License of the video" if document is None else f"License of {document.path.name}")
        notice = license_notice(document)
        width = imgui.get_content_region_avail().x
        height = imgui.calc_text_size(notice, False, width).y + em(0.5)
        if imgui.begin_child("license", ImVec2(width, min(height, em(TALLEST)))):
            imgui.text_wrapped(notice)
        imgui.end_child()


def program_lines(app: ViewerApp) -> list[str]:
    """Return the program's version, its license, and the backend in use."""
    return [
        f"{PROGRAM} {__version__}: plays volumetric videos made of dynamic MLP maps.",
        "Licensed under the Apache License 2.0. The text is in the file LICENSE.",
        f"Rendering with {app.rendering.renderer.name} on {app.rendering.renderer.device}.",
    ]


def license_notice(document: Document | None) -> str:
    """Return the license of a document's video."""
    if document is None:
        return "No video is open."
    return document.video.metadata.license.strip() or "This video does not name a license."


def about_text(app: ViewerApp) -> str:
    """Return the text of the whole dialog, for the clipboard."""
    name = "" if app.document is None else f"{app.document.path.name}: "
    return "\n".join([*program_lines(app), "", f"{name}{license_notice(app.document)}"])
