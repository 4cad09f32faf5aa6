"""The section Image: tone and background."""

from __future__ import annotations

from viewer.app.app import ViewerApp
from viewer.settings import BACKGROUNDS
from viewer.widgets.controls import button, choice, color, slider

BACKGROUND_NAMES = ("One color", "Checker", "Gradient")


class ImagePanel:
    """Controls of tone and background. Exposure and gamma only change colors, so other modes do not show them."""

    title = "Image"

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        if app.settings.view.mode == "color":
            self._draw_tone(app)
        self._draw_background(app)

    def _draw_tone(self, app: ViewerApp) -> None:
        view = app.settings.view
        view.exposure = slider("Exposure", view.exposure, -5.0, 5.0, "Exposure in stops. 0 shows colors as stored.", "%+.2f")
        view.gamma = slider("Gamma", view.gamma, 0.2, 5.0, "Gamma of the display. 1 shows colors as stored.", "%.2f", True)
        if button("As stored", "Set exposure to 0 and gamma to 1.", (view.exposure, view.gamma) != (0.0, 1.0)):
            view.exposure, view.gamma = 0.0, 1.0

    def _draw_background(self, app: ViewerApp) -> None:
        view = app.settings.view
        view.background = choice("Background", view.background, BACKGROUNDS, "What is behind the volume.", BACKGROUND_NAMES)
        tip = "The second color of checker and gradient is derived from it."
        view.background_color = color("Color", view.background_color, tip)
