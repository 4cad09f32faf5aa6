"""The dialog of a viewer that is to be closed while work is under way."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.app.app import ViewerApp
from viewer.app.window_state import WindowCommand
from viewer.dialogs.modal import begin_modal
from viewer.widgets.controls import button, elided, em

SHOWN = 6
"""Largest number of jobs that are listed."""


class ClosingDialog:
    """Lists the work that closing waits for, and offers to stop it."""

    def draw(self, app: ViewerApp) -> None:
        """Draw until the work has ended, which closes the viewer, or the user keeps it open."""
        if not app.closing.requested:
            return
        if not app.jobs.running:
            self._end(app)
            return
        if not begin_modal("Closing###closing", 30):
            return
        imgui.text_wrapped("Stopping..." if app.closing.stopping else "The viewer closes when this is finished.")
        self._draw_jobs(app)
        imgui.spacing()
        tip = "Stop this work and close the viewer. What is finished is kept where possible."
        if button("Stop now", tip, not app.closing.stopping, width=em(7)):
            app.closing.stop()
        imgui.same_line()
        kept = button("Keep the viewer open", "Do not close the viewer.") or imgui.is_key_pressed(imgui.Key.escape)
        if kept:
            app.closing.withdraw()
            imgui.close_current_popup()
        imgui.end_popup()

    def _draw_jobs(self, app: ViewerApp) -> None:
        width = imgui.get_content_region_avail().x
        for job in app.jobs.running[:SHOWN]:
            imgui.text_unformatted(elided(f"{job.label}, {job.detail}" if job.detail else job.label, width))
            imgui.progress_bar(job.fraction, ImVec2(width, 0))
        if len(app.jobs.running) > SHOWN:
            imgui.text_disabled(f"and {len(app.jobs.running) - SHOWN} more")

    def _end(self, app: ViewerApp) -> None:
        failed = bool(app.messages.errors)  # the user has to see them
        app.closing.withdraw()
        if not failed:
            app.window.request(WindowCommand.QUIT)
            app.redraw.request()
