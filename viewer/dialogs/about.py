"""The about dialog: what the program is, under which license, and under which the open video."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer import PROGRAM, __version__
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.dialogs.modal import begin_dialog
from viewer.widgets.controls import button, em, heading

TALLEST = 16.0
"""Height of a license beyond which it is scrolled, text heights."""


class AboutDialog:
    """Says what the program is, and shows the license of the video in front."""

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
            if button("Copy", "Copy all of it as text.", width=em(6)):
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
    """What the program is, its license, and what renders."""
    return [
        f"{PROGRAM} {__version__}: watches volumetric videos made of dynamic MLP maps.",
        "Licensed under the Apache License 2.0; its text is in the file LICENSE.",
        f"Rendering with {app.rendering.renderer.name} on {app.rendering.renderer.device}.",
    ]


def license_notice(document: Document | None) -> str:
    """What a bundle says of its license."""
    if document is None:
        return "No video is open."
    return document.video.metadata.license.strip() or "This video tells no license."


def about_text(app: ViewerApp) -> str:
    """All that the dialog says, for the clipboard."""
    name = "" if app.document is None else f"{app.document.path.name}: "
    return "\n".join([*program_lines(app), "", f"{name}{license_notice(app.document)}"])
