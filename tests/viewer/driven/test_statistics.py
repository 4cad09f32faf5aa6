"""The figures panel: numbers stand still long enough to be read, and go to the clipboard as text."""

from __future__ import annotations

import time
from typing import Any

from tests.viewer.conftest import DriveWindow, open_document, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.app.statistics import HISTORY, Statistics
from viewer.panels.statistics import PERIOD, FiguresPanel


def test_numbers_stay_for_a_while_and_the_last_ones_are_right(app: ViewerApp, drive: DriveWindow) -> None:
    from viewer.actions.runner import ActionRunner

    panel = FiguresPanel(ActionRunner(app))

    def look(context: Any) -> None:
        wait_for_image(context, app)
        clock, changes, numbers = open_document(app).playback, [], panel._numbers(app)
        clock.play()
        end = time.monotonic() + 4 * PERIOD
        while time.monotonic() < end:
            context.yield_()
            if panel._numbers(app) is not numbers:
                changes.append(time.monotonic())
                numbers = panel._numbers(app)
        clock.pause()
        assert 1 <= len(changes) <= 4
        wait_for_image(context, app)
        wait_until(context, lambda: panel._numbers(app).state[0] is app.figures.last, 5)
        wait_until(context, lambda: app.sleeps, 20)

    drive(app, look)


def test_they_are_copied_with_their_units(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        context.item_click("//Figures/###window.copy_figures")
        context.yield_(2)
        lines = app.clipboard().splitlines()
        assert lines[0].split() == ["Bundle", "random.mlpvid"]
        assert any(line.startswith("Render ") and line.endswith(" ms") for line in lines)
        assert any(line.startswith("Decoded ") and line.endswith(" of 12") for line in lines)

    drive(app, look)


def test_plots_hold_what_was_and_nothing_else() -> None:
    figures = Statistics()
    assert len(figures.plot()) == len(figures.rate_plot()) == 0
    figures.image_ms.append(14.0)
    figures.image_times.append(1.0)
    assert figures.plot().tolist() == [14.0] and len(figures.rate_plot()) == 0, "a rate needs two images"
    figures.image_times.append(1.25)
    assert figures.rate_plot().tolist() == [4.0]
    figures.image_ms.extend(range(500))
    assert len(figures.plot()) == HISTORY and figures.plot()[-1] == 499
