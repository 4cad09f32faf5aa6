"""The figures panel: what rendering costs."""

from __future__ import annotations

import numpy as np
from imgui_bundle import ImVec2, imgui

from viewer.app import ViewerApp
from viewer.app_actions import ActionRunner
from viewer.panels.widgets import action_tip, button, em, row, tooltip


class FiguresPanel:
    """A plot of the render times and a table of everything else.

    Args:
        actions: runs what the buttons stand for.
    """

    title = "Figures"

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        values = app.figures.plot()
        newest = float(values[-1])
        highest = max(1.0, float(np.percentile(values, 98)) * 1.2)
        width = imgui.get_content_region_avail().x
        imgui.plot_lines("###times", values, 0, f"{newest:.1f} ms an image", 0.0, highest, ImVec2(width, em(3.5)))
        tooltip("Milliseconds of the last render calls, oldest at the left.")
        if imgui.begin_table("figures", 2, imgui.TableFlags_.sizing_stretch_prop | imgui.TableFlags_.row_bg):
            for name, value, tip in app.figures.rows(app.document, app.renderer):
                row(name, value, tip)
            imgui.end_table()
        if button("Copy as text###window.copy_figures", action_tip("window.copy_figures")):
            self._actions.run("window.copy_figures")
