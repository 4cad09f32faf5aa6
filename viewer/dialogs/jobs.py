"""Progress of background work, in the lower right corner of the view. It never covers the middle."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui
from imgui_bundle import icons_fontawesome_6 as icons

from viewer.app.app import ViewerApp
from viewer.widgets.controls import button, elided, em, tooltip
from viewer.work.job import Job

WIDTH = 19.0
"""Preferred width of the overlay, text heights."""

SHARE = 0.46
"""Maximum share of the view's width and height, so that the middle stays free."""


class JobsOverlay:
    """Lists running jobs, with their progress and a button to cancel each."""

    def draw(self, app: ViewerApp) -> None:
        """Draw while there are jobs."""
        if not app.jobs.running:
            return
        left, top, width, height = app.viewport.place
        margin = em(0.5)
        imgui.set_next_window_pos(ImVec2(left + width - margin, top + height - margin), imgui.Cond_.always, ImVec2(1, 1))
        imgui.set_next_window_bg_alpha(0.9)
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_docking
        flags |= imgui.WindowFlags_.no_saved_settings | imgui.WindowFlags_.no_focus_on_appearing
        imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(em(0.4), em(0.3)))
        imgui.begin("###jobs", None, flags)
        imgui.pop_style_var()
        content = min(em(WIDTH), SHARE * width - margin) - em(0.8)
        shown, line_fits = jobs_that_fit(len(app.jobs.running), SHARE * height - margin)
        hidden = len(app.jobs.running) - shown
        for index, job in enumerate(app.jobs.running[:shown]):
            count = "" if line_fits or not hidden else f"{index + 1} of {len(app.jobs.running)}: "
            self._draw_job(job, index, content, count)
        if hidden and line_fits:
            imgui.text_disabled(f"and {hidden} more")
        imgui.end()

    def _draw_job(self, job: Job, index: int, width: float, count: str) -> None:
        tip = f"{job.label}\n{job.detail}" if job.detail else job.label
        described = count + (f"{job.label}, {job.detail}" if job.detail else job.label)
        imgui.text_unformatted(elided(described, width))
        tooltip(tip)
        left = f", {time_left(job.seconds_left)} left" if math.isfinite(job.seconds_left) else ""
        bar = width - em(2) - imgui.get_style().item_spacing.x
        imgui.progress_bar(job.fraction, ImVec2(bar, 0), elided(f"{job.fraction:.0%}{left}", bar))
        tooltip(tip)
        imgui.same_line()
        tip = "Cancel. Finished parts are kept where possible."
        if button(f"{icons.ICON_FA_XMARK}###cancel{index}", tip, width=em(2)):
            job.cancel.cancel()


def jobs_that_fit(count: int, height: float) -> tuple[int, bool]:
    """Return how many of `count` jobs fit into a height in pixels, at least one, and whether one more line fits below them."""
    spacing = float(imgui.get_style().item_spacing.y)
    line, one = imgui.get_text_line_height() + spacing, imgui.get_text_line_height() + imgui.get_frame_height() + 2 * spacing
    room = height - em(0.6)
    if count * one <= room:
        return count, count * one + line <= room
    shown = max(1, min(count, int((room - line) / one)))
    return shown, shown * one + line <= room


def time_left(seconds: float) -> str:
    """Return a remaining time as text: "45 s", "6:34 min" or "1:05:00 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours}:{minutes:02}:{whole % 60:02} h" if hours else f"{minutes}:{whole % 60:02} min"
