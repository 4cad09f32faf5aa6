"""Overlays of the view: job progress stays out of the way, the divider can be dragged, labels are not cut off."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison
from viewer.work.job import Job

Place = tuple[float, float, float, float]


def place_of(title: str) -> Place:
    """Return left, top, right and bottom of a window."""
    from imgui_bundle import imgui

    window = imgui.internal.find_window_by_name(title)
    return window.pos.x, window.pos.y, window.pos.x + window.size.x, window.pos.y + window.size.y


def start_jobs(app: ViewerApp, count: int) -> None:
    """Start jobs with long names that run until they are cancelled."""

    def work(job: Job) -> str:
        while not job.cancel.cancelled:
            job.report(0.25, "1234 of 4936 frames")
            time.sleep(0.02)
        return "done"

    for number in range(count):
        app.jobs.start(Job(f"Rendering a-recording-with-quite-a-long-name-{number}.mp4", work, app.redraw.notify))


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("count", [1, 12])
def test_jobs_leave_the_middle_of_the_view_and_the_timeline_free(
    app: ViewerApp, drive: DriveWindow, scale: float, count: int
) -> None:
    app.settings.window.ui_scale = scale

    def look(context: Any) -> None:
        wait_for_image(context, app)
        start_jobs(app, count)
        context.yield_(5)
        left, top, width, height = app.viewport.place
        job_left, job_top, job_right, job_bottom = place_of("###jobs")
        assert job_left > left + width / 2 and job_top > top + height / 2
        assert job_right <= left + width and job_bottom <= top + height
        screenshot(context, f"jobs-{count}-{scale}")
        context.item_click("//###jobs/###cancel0")
        wait_until(context, lambda: len(app.jobs.running) == count - 1)
        for job in app.jobs.running:
            job.cancel.cancel()
        wait_until(context, lambda: not app.jobs.running)

    drive(app, look)


def compare_with_itself(app: ViewerApp) -> None:
    """Show the front document on both sides."""
    app.compare.set_source("cpu backend", app.rendering.renderer, app.documents.front_video, app.rendering.cache_bytes)
    app.compare.mode = Comparison.DIVIDER


@pytest.mark.parametrize("start", [0.0, 0.5, 1.0])
def test_the_divider_is_dragged_by_its_handle_wherever_it_is(app: ViewerApp, drive: DriveWindow, start: float) -> None:
    def look(context: Any) -> None:
        compare_with_itself(app)
        app.compare.divider = start
        wait_until(context, lambda: app.compare.psnr is not None)
        left, top, width, height = app.viewport.place
        before = open_document(app).camera.state
        x = left + min(max(start * width, 12.0), width - 12.0)
        context.mouse_move_to_pos((x, top + height / 2 + 6))
        context.mouse_down(0)
        context.yield_(2)
        context.mouse_move_to_pos((left + 0.3 * width, top + height / 2 + 6))
        context.yield_(2)
        context.mouse_up(0)
        context.yield_(2)
        assert app.compare.divider == pytest.approx(0.3, abs=0.01)
        assert open_document(app).camera.state is before, "the camera stays"

    drive(app, look)


def test_labels_of_the_sides_are_shortened_to_their_room(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        from imgui_bundle import imgui

        from viewer.widgets.controls import elided

        context.yield_(2)
        text = "a-long-name.mlpvid"
        full = imgui.calc_text_size(text).x
        assert elided(text, full) == text
        short = elided(text, full * 0.6)
        assert short.endswith("...") and text.startswith(short[:-3])
        assert full * 0.4 < imgui.calc_text_size(short).x <= full * 0.6
        assert elided(text, 5.0) == "" == elided(text, -20.0)

    drive(app, look)
