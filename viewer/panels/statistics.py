"""The section Statistics: the cost of rendering."""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass

import numpy as np
from imgui_bundle import ImVec2, imgui
from numpy.typing import NDArray

from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.statistics import HISTORY, Statistic
from viewer.widgets.controls import action_button, em, theme_color, tooltip

PERIOD = 0.25
"""Minimum time that a number is shown, so that it can be read; seconds."""

NAME_WIDTH, VALUE_WIDTH = 7.3, 6.0
"""Columns of names and numbers, text heights. Units take the rest."""


@dataclass(frozen=True)
class Shown:
    """The numbers in the panel."""

    since: float
    """When they were taken, seconds."""
    state: tuple[object, ...]
    """What they describe. They are out of date when it changes."""
    rate: float
    """Images per second."""
    milliseconds: float
    """Duration of the last render call."""
    rows: list[Statistic]
    """The rows of the table."""


class StatisticsPanel:
    """Plots of the frame rate and the render times, and a table of everything else.

    Args:
        actions: runs the actions of the buttons.
    """

    title = "Statistics"

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions
        self._shown: Shown | None = None

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        shown = self._numbers(app)
        self._plot("rate", app.statistics.rate_plot(), f"{shown.rate:.0f}", "images/s")
        tooltip("Images per second, from each image to the next. The oldest is at the left.")
        self._plot("times", app.statistics.plot(), f"{shown.milliseconds:.1f}", "ms/image")
        tooltip("Milliseconds of the last render calls. The oldest is at the left.")
        action_button(self._actions, "window.copy_statistics", "Copy as text")
        if begin_statistics():
            for statistic in shown.rows:
                statistic_row(statistic)
            imgui.end_table()

    def _numbers(self, app: ViewerApp) -> Shown:
        # Numbers that change in every frame cannot be read. A frame is drawn later for the last ones.
        now, statistics, document = time.monotonic(), app.statistics, app.document
        state: tuple[object, ...] = (_reference(statistics.last), _reference(document))
        if document is not None:
            state = (*state, document.playback.dropped, len(document.view_renderer.cache.cached_times()))
        shown = self._shown
        if shown is None or now - shown.since >= PERIOD or state[1] != shown.state[1]:
            last = statistics.image_ms[-1] if statistics.image_ms else 0.0
            rows = statistics.rows(document, app.rendering.renderer)
            shown = self._shown = Shown(now, state, statistics.images_per_second, last, rows)
        elif state != shown.state:
            app.redraw.request_in(shown.since + PERIOD - now)
        return shown

    def _plot(self, name: str, values: NDArray[np.float32], value: str, unit: str) -> None:
        highest = max(1.0, float(np.percentile(values, 98)) * 1.2) if len(values) else 1.0
        values = np.concatenate([np.full(HISTORY - len(values), np.nan, np.float32), values])  # NaN is not drawn
        corner, size = imgui.get_cursor_screen_pos(), ImVec2(imgui.get_content_region_avail().x, em(2.4))
        imgui.plot_lines(f"###{name}", values, 0, "", 0.0, highest, size)
        draw, color, x, y = imgui.get_window_draw_list(), theme_color(imgui.Col_.text), corner.x + em(4), corner.y + em(0.15)
        draw.add_text(ImVec2(x - imgui.calc_text_size(value).x, y), color, value)
        draw.add_text(ImVec2(x + em(0.4), y), color, unit)


def _reference(thing: object) -> object:
    """Return something to compare with that keeps no closed document and no image alive."""
    return None if thing is None else weakref.ref(thing)


def begin_statistics() -> bool:
    """Begin a table of names, numbers and units."""
    if not imgui.begin_table("statistics", 3, imgui.TableFlags_.row_bg):
        return False
    imgui.table_setup_column("name", imgui.TableColumnFlags_.width_fixed, em(NAME_WIDTH))
    imgui.table_setup_column("value", imgui.TableColumnFlags_.width_fixed, em(VALUE_WIDTH))
    imgui.table_setup_column("unit", imgui.TableColumnFlags_.width_stretch)
    return True


def statistic_row(statistic: Statistic) -> None:
    """Draw one row: numbers are aligned at the right, units at the left."""
    imgui.table_next_row()
    imgui.table_next_column()
    imgui.text_disabled(statistic.name)
    tooltip(statistic.explanation)
    imgui.table_next_column()
    room = imgui.get_content_region_avail().x - imgui.calc_text_size(statistic.value).x
    imgui.set_cursor_pos_x(imgui.get_cursor_pos_x() + max(0.0, room))
    imgui.text(statistic.value)
    tooltip(statistic.explanation)
    imgui.table_next_column()
    imgui.text(statistic.unit)
    tooltip(statistic.explanation)
