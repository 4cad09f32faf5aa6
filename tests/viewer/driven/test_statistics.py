"""The statistics panel: numbers stay long enough to be read, and are copied to the clipboard as text."""

from __future__ import annotations

import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from tests.viewer.conftest import DriveWindow, open_document, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.app.statistics import HISTORY, Statistics
from viewer.panels import statistics
from viewer.panels.statistics import PERIOD, Shown, StatisticsPanel


@pytest.mark.slow
def test_numbers_stay_for_a_while_and_the_last_ones_are_right(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from viewer.actions.runner import ActionRunner

    panel, now = StatisticsPanel(ActionRunner(app)), [0.0]
    monkeypatch.setattr(statistics, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def numbers_a_moment_later() -> Shown:
        now[0] += PERIOD / 8
        return panel._numbers(app)

    def look(context: Any) -> None:
        wait_for_image(context, app)
        clock, changed, numbers = open_document(app).playback, [], panel._numbers(app)
        clock.play()
        for step in range(1, 33):
            context.yield_()
            if numbers_a_moment_later() is not numbers:
                changed.append(step)
                numbers = panel._numbers(app)
        clock.pause()
        assert changed == [8, 16, 24, 32]
        wait_for_image(context, app)
        wait_until(context, lambda: numbers_a_moment_later().state[0] == weakref.ref(app.statistics.last))
        wait_until(context, lambda: numbers_a_moment_later() is not None and app.sleeps)

    drive(app, look)


def test_they_are_copied_with_their_units(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        app.window.focus_panel("Statistics")
        context.yield_(5)
        context.item_click("//Inspector/Statistics/###window.copy_statistics")
        context.yield_(2)
        lines = app.window.read_clipboard().splitlines()
        assert lines[0].split() == ["Bundle", "random.mlpvid"]
        assert any(line.startswith("Render ") and line.endswith(" ms") for line in lines)
        assert any(line.startswith("Decoded ") and line.endswith(" of 12") for line in lines)

    drive(app, look)


def test_plots_hold_what_was_and_nothing_else() -> None:
    statistics = Statistics()
    assert len(statistics.plot()) == len(statistics.rate_plot()) == 0
    statistics.image_ms.append(14.0)
    statistics.image_times.append(1.0)
    assert statistics.plot().tolist() == [14.0] and len(statistics.rate_plot()) == 0, "a rate needs two images"
    statistics.image_times.append(1.25)
    assert statistics.rate_plot().tolist() == [4.0]
    statistics.image_ms.extend(range(500))
    assert len(statistics.plot()) == HISTORY and statistics.plot()[-1] == 499
