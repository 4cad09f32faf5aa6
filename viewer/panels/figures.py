"""The figures panel: what rendering costs."""

from __future__ import annotations

import numpy as np
from imgui_bundle import ImVec2, imgui
from numpy.typing import NDArray

from viewer.app import ViewerApp
from viewer.app_actions import ActionRunner
from viewer.panels.widgets import action_button, begin_facts, em, row, tooltip


class FiguresPanel:
    """Plots of the frame rate and the render times, and a table of everything else.

    Args:
        actions: runs what the buttons stand for.
    """

    title = "Figures"

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        figures = app.figures
        self._plot("rate", figures.rate_plot(), f"{figures.images_per_second:.0f} images /s")
        tooltip("Images a second from one to the next, oldest at the left.")
        times = figures.plot()
        self._plot("times", times, f"{times[-1]:.1f} ms an image")
        tooltip("Milliseconds of the last render calls, oldest at the left.")
        if begin_facts("figures", imgui.TableFlags_.row_bg):
            for name, value, tip in app.figures.rows(app.document, app.renderer):
                row(name, value, tip)
            imgui.end_table()
        action_button(self._actions, "window.copy_figures", "Copy as text")

    def _plot(self, name: str, values: NDArray[np.float32], label: str) -> None:
        highest = max(1.0, float(np.percentile(values, 98)) * 1.2)
        size = ImVec2(imgui.get_content_region_avail().x, em(2.4))
        imgui.plot_lines(f"###{name}", values, 0, label, 0.0, highest, size)
