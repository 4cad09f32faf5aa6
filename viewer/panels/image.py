"""The section Image: tone and background."""

from __future__ import annotations

from pathlib import Path

from viewer.app.app import ViewerApp
from viewer.settings import BACKGROUNDS, IMAGE_BACKGROUNDS
from viewer.widgets.controls import button, checkbox, choice, color, elided, field_width, slider
from viewer.widgets.numbers import dragged_number

BACKGROUND_NAMES = ("One color", "Checker", "Gradient", "Picture", "Panorama")


class ImagePanel:
    """Controls of tone, background and shadow. Exposure and gamma only change colors, and only they have a shadow."""

    title = "Image"

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        if app.settings.view.mode == "color":
            self._draw_tone(app)
        self._draw_background(app)
        if app.settings.view.mode == "color":
            self._draw_shadow(app)

    def _draw_tone(self, app: ViewerApp) -> None:
        view = app.settings.view
        view.exposure = slider("Exposure", view.exposure, -5.0, 5.0, "Exposure in stops. 0 shows colors as stored.", "%+.2f")
        view.gamma = slider("Gamma", view.gamma, 0.2, 5.0, "Gamma of the display. 1 shows colors as stored.", "%.2f", True)
        if button("As stored", "Set exposure to 0 and gamma to 1.", (view.exposure, view.gamma) != (0.0, 1.0)):
            view.exposure, view.gamma = 0.0, 1.0

    def _draw_background(self, app: ViewerApp) -> None:
        view = app.settings.view
        view.background = choice("Background", view.background, BACKGROUNDS, "What is behind the volume.", BACKGROUND_NAMES)
        if view.background not in IMAGE_BACKGROUNDS:
            tip = "The second color of checker and gradient is derived from it."
            view.background_color = color("Color", view.background_color, tip)
            return
        name = Path(view.background_file).name or "Choose..."
        if button(f"{elided(name, field_width('File'))}###file", f"{view.background_file}\nChoose an image.", width=-1):
            app.window.dialogs.add("background")
        if view.background == "panorama":
            tip = "Rotation of the panorama about the up direction, degrees. The panorama is infinitely far away."
            view.panorama_turn = slider("Turn", view.panorama_turn, -180.0, 180.0, tip, "%.0f°")

    def _draw_shadow(self, app: ViewerApp) -> None:
        view = app.settings.view
        view.show_shadow = checkbox("Ground shadow", view.show_shadow, "A soft shadow on the ground under the subject.")
        if not view.show_shadow:
            return
        view.shadow_strength = slider("Darkness", view.shadow_strength, 0.0, 1.0, "1 is as dark as under an evenly bright sky.")
        tip = "Height of the ground above the lowest occupied cell of the video, meters."
        view.ground_offset = dragged_number("Ground height", view.ground_offset, -1000.0, 1000.0, tip, "%.3f m", 0.002)
