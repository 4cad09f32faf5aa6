"""The controls of what a visitor sees: view, color map, background, and how fine the images are."""

from __future__ import annotations

from typing import Any

from viewer import COLOR_MAPS, SCALAR_MODES
from viewer.picture.options import VIEWS
from viewer.picture.views import Legend
from viewer.serve.events import Post, assign, on_change
from viewer.serve.visitor import Visitor, within

LABELS = {view.value.capitalize(): mode for mode, view in VIEWS.items()}
"""Names of the views, and their display modes."""


class ViewControls:
    """The folders View and Quality.

    Args:
        gui: viser's controls of one visitor.
        visitor: whose images they change.
        post: gives actions to the server's thread.
        image: what the server has to show behind the scene: "picture", "panorama" or nothing.
    """

    def __init__(self, gui: Any, visitor: Visitor, post: Post, image: str = "") -> None:
        self._visitor, display = visitor, visitor.display
        with gui.add_folder("View"):
            shown = next(label for label, mode in LABELS.items() if mode == display.mode)
            self.view = gui.add_dropdown("Show", list(LABELS), initial_value=shown, hint="What each pixel of the image shows")
            self.color_map = gui.add_dropdown(
                "Color map",
                list(COLOR_MAPS),
                initial_value=display.color_map,
                visible=False,
                hint="Colors for depth, opacity and samples",
            )
            self.legend = gui.add_markdown("", visible=False)
            color = tuple(round(255 * value) for value in display.background_color)
            self.background = gui.add_rgb("Background", color, hint="Color behind the scene")
            self._add_ground(gui, post, image)
        self._add_quality(gui, post)
        on_change(self.view, post, self._show)
        on_change(self.color_map, post, lambda name: setattr(display, "color_map", name))
        on_change(self.background, post, self._set_background)

    def _add_ground(self, gui: Any, post: Post, image: str) -> None:
        display = self._visitor.display
        if image:
            shown = gui.add_checkbox(
                image.capitalize(), display.has_image, hint="Show it behind the scene instead of the color"
            )
            on_change(shown, post, lambda chosen: setattr(display, "background", image if chosen else "color"))
        self.shadow = gui.add_checkbox("Ground shadow", display.show_shadow, hint="A soft shadow on the ground")
        self.strength = gui.add_slider(
            "Darkness",
            0.0,
            1.0,
            0.05,
            display.shadow_strength,
            hint="1 is as dark as under an evenly bright sky",
            visible=False,
        )
        on_change(self.shadow, post, lambda shown: setattr(display, "show_shadow", shown))
        on_change(self.strength, post, lambda value: setattr(display, "shadow_strength", within(value, 0.0, 1.0)))

    def _add_quality(self, gui: Any, post: Post) -> None:
        quality = self._visitor.quality
        with gui.add_folder("Quality", expand_by_default=False):
            self.still = gui.add_slider(
                "At rest", 0.1, 2.0, 0.05, quality.still, hint="Pixels of still images along each side, relative to the canvas"
            )
            self.automatic = gui.add_checkbox(
                "Adapt", quality.automatic, hint="Let the size of moving images follow the speed of rendering"
            )
            self.moving = gui.add_slider(
                "Moving",
                0.1,
                1.0,
                0.05,
                quality.moving,
                disabled=quality.automatic,
                hint="Size of moving images while Adapt is off",
            )
            self.compression = gui.add_slider(
                "JPEG", 30, 100, 1, quality.jpeg_moving, hint="Quality of moving images; lower values send fewer bytes"
            )
            self.size = gui.add_markdown("")
        on_change(self.still, post, lambda value: setattr(quality, "still", value))
        on_change(self.automatic, post, lambda value: setattr(quality, "automatic", value))
        on_change(self.moving, post, lambda value: setattr(quality, "moving", value))
        on_change(self.compression, post, lambda value: setattr(quality, "jpeg_moving", value))

    def refresh(self) -> None:
        """Show only what has an effect now."""
        scalar = self._visitor.display.mode in SCALAR_MODES
        assign(self.color_map, "visible", scalar)
        assign(self.legend, "visible", scalar)
        assign(self.strength, "visible", self._visitor.display.has_shadow)
        assign(self.moving, "disabled", self._visitor.quality.automatic)

    def show_image(self, width: int, height: int, milliseconds: float, legend: Legend | None) -> None:
        """Describe the image that was sent: its size in pixels, the time of rendering, and the range of its numbers."""
        if not self._visitor.moving:
            assign(self.size, "content", f"{width} x {height} pixels, {milliseconds:.0f} ms")
            if legend is not None:
                assign(self.legend, "content", f"{legend.title}: {legend.low:.4g} to {legend.high:.4g}")

    def _show(self, label: str) -> None:
        self._visitor.display.mode = LABELS[label]

    def _set_background(self, color: tuple[int, int, int]) -> None:
        red, green, blue = (min(max(value, 0), 255) / 255 for value in color)
        self._visitor.display.background_color = (red, green, blue)
