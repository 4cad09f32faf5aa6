"""The image panel: what is shown of each pixel, tone, background and overlays."""

from __future__ import annotations

from imgui_bundle import imgui

from viewer.actions.runner import ActionRunner
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.picture.color_maps import COLOR_MAPS
from viewer.picture.options import with_fixed_range
from viewer.settings import BACKGROUNDS, DISPLAY_MODES, SCALAR_MODES
from viewer.widgets.controls import action_tip, checkbox, choice, color, combo, em, heading, slider, tooltip
from viewer.widgets.numbers import number_pair

MAX_VALUE = 1e9
"""Largest value at an end of the color map."""

BACKGROUND_NAMES = ("One color", "Checker", "Gradient")

OVERLAYS = ("view.box", "view.cameras", "view.path", "view.axes", "view.grid", "view.cells")
"""Actions that show and hide overlays."""


class ImagePanel:
    """Controls of what the view shows of the rendered images.

    Args:
        actions: runs the actions of the check boxes.
    """

    title = "Image"

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        imgui.push_item_width(em(9))
        self._draw_mode(app)
        self._draw_tone(app)
        self._draw_background(app)
        self._draw_overlays()
        imgui.pop_item_width()

    def _draw_mode(self, app: ViewerApp) -> None:
        heading("Show")
        view = app.settings.view
        labels = [BY_NAME[f"view.{mode}"].label for mode in DISPLAY_MODES]
        tip = "What is shown of each pixel. Keys Alt+1 to Alt+7."
        view.mode = choice("View", view.mode, DISPLAY_MODES, tip, labels)
        if view.mode == "heads" and app.document is not None:
            planes = app.document.video.config.mlp_planes
            names = [f"{plane} plane" for plane in planes]
            view.head_plane = combo("Plane", min(view.head_plane, len(names) - 1), names, "Plane whose color heads are shown.")
        current = view.color_map if view.color_map in COLOR_MAPS else COLOR_MAPS[0]
        view.color_map = choice("Color map", current, COLOR_MAPS, "Colors for depth, opacity, samples and differences.")
        if view.mode in SCALAR_MODES:
            automatic = checkbox("Automatic range", view.automatic_range, "Fit the color map to the values of the image.")
            if view.automatic_range and not automatic and app.document is not None:
                fixed = with_fixed_range(view, app.document.shown)
                view.low, view.high = fixed.low, fixed.high
            view.automatic_range = automatic
            if not view.automatic_range:
                tip = "Values at the two ends of the color map."
                view.low, view.high = number_pair("Range", (view.low, view.high), -MAX_VALUE, MAX_VALUE, tip)

    def _draw_tone(self, app: ViewerApp) -> None:
        heading("Tone")
        view = app.settings.view
        view.exposure = slider("Exposure", view.exposure, -5.0, 5.0, "Exposure in stops. 0 shows colors as stored.", "%+.2f")
        view.gamma = slider("Gamma", view.gamma, 0.2, 5.0, "Gamma of the display. 1 shows colors as stored.", "%.2f", True)
        if imgui.button("As stored"):
            view.exposure, view.gamma = 0.0, 1.0
        tooltip("Set exposure to 0 and gamma to 1.")

    def _draw_background(self, app: ViewerApp) -> None:
        heading("Background")
        view = app.settings.view
        view.background = choice("Kind", view.background, BACKGROUNDS, "What is behind the volume.", BACKGROUND_NAMES)
        tip = "The second color of checker and gradient is derived from it."
        view.background_color = color("Color", view.background_color, tip)

    def _draw_overlays(self) -> None:
        heading("Overlays")
        for name in OVERLAYS:
            shown = self._actions.checked(name)
            if checkbox(BY_NAME[name].label, shown, action_tip(name)) != shown:
                self._actions.run(name)
