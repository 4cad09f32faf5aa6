"""The section View: what each pixel shows, and the overlays."""

from __future__ import annotations

from viewer import COLOR_MAPS, DISPLAY_MODES, SCALAR_MODES
from viewer.actions.runner import ActionRunner
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison
from viewer.picture.options import with_fixed_range
from viewer.widgets.controls import action_tip, checkbox, choice, combo, heading
from viewer.widgets.numbers import number_pair

MAX_VALUE = 1e9
"""Largest value at an end of the color map."""

OVERLAYS = ("view.box", "view.cameras", "view.path", "view.axes", "view.grid", "view.cells")
"""Actions that show and hide overlays."""


class ViewSection:
    """Controls of what the picture shows.

    Args:
        actions: runs the actions of the check boxes.
    """

    title = "View"

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        self._draw_mode(app)
        self._draw_overlays()

    def _draw_mode(self, app: ViewerApp) -> None:
        view = app.settings.view
        labels = [BY_NAME[f"view.{mode}"].label for mode in DISPLAY_MODES]
        tip = "What each pixel shows. Keys Alt+1 to Alt+7."
        view.mode = choice("Show", view.mode, DISPLAY_MODES, tip, labels)
        if view.mode == "heads" and app.document is not None:
            planes = app.document.video.config.mlp_planes
            names = [f"{plane} plane" for plane in planes]
            view.head_plane = combo("Plane", min(view.head_plane, len(names) - 1), names, "Plane whose color heads are shown.")
        if view.mode in SCALAR_MODES or (app.compare.active and app.compare.mode is Comparison.DIFFERENCE):
            view.color_map = choice(
                "Color map", view.color_map, COLOR_MAPS, "Colors for depth, opacity, samples and differences."
            )
        if view.mode in SCALAR_MODES:
            self._draw_range(app)

    def _draw_range(self, app: ViewerApp) -> None:
        view = app.settings.view
        automatic = checkbox("Automatic range", view.automatic_range, "Fit the color map to the values of the image.")
        if view.automatic_range and not automatic and app.document is not None:
            fixed = with_fixed_range(view, app.document.shown)
            view.low, view.high = fixed.low, fixed.high
        view.automatic_range = automatic
        if not view.automatic_range:
            tip = "Values at the two ends of the color map."
            view.low, view.high = number_pair("Range", (view.low, view.high), -MAX_VALUE, MAX_VALUE, tip)

    def _draw_overlays(self) -> None:
        heading("Overlays")
        for name in OVERLAYS:
            shown = self._actions.checked(name)
            if checkbox(BY_NAME[name].label, shown, action_tip(name)) != shown:
                self._actions.run(name)
