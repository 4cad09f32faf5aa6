"""The section Compare: what the front video is compared with, and how."""

from __future__ import annotations

from functools import partial

from imgui_bundle import imgui

from common.errors import InputError
from renderer.select import BACKENDS
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison
from viewer.view.comparison import psnr_text, sides, times_text
from viewer.widgets.controls import begin_facts, button, combo, row, slider

COMPARED = tuple(name for name in BACKENDS if name != "auto")
"""Backends to choose from."""
MODES = ("Off", "Split view", "Difference")


class ComparePanel:
    """Chooses the second side of the split view."""

    title = "Compare"

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        if app.document is None:
            imgui.text_disabled("No video is open.")
            return
        compare = app.compare
        tip = "Split view: drag the divider. Difference: shows how much the images differ."
        compare.mode = Comparison(combo("Show", int(compare.mode), MODES, tip))
        self._draw_sources(app)
        if compare.mode is Comparison.DIFFERENCE:
            tip = "Differences are multiplied by this before they get a color."
            compare.gain = slider("Gain", compare.gain, 1.0, 64.0, tip, "%.1fx", True)
        if compare.mode is Comparison.DIVIDER:
            tip = "Where the two sides meet, from 0 at the left to 1 at the right. You can also drag it in the view."
            compare.divider = slider("Divider", compare.divider, 0.0, 1.0, tip)
            if button("Center the divider", "Move the divider back to the middle of the view.", compare.divider != 0.5):
                compare.divider = 0.5
        self._draw_state(app)

    def _draw_sources(self, app: ViewerApp) -> None:
        document = app.document
        assert document is not None
        others = [d for d in app.documents.all if d is not document]
        names = ["", *(f"{name} backend" for name in COMPARED), *(d.title for d in others)]
        if app.compare.label and app.compare.label not in names:
            names.append(app.compare.label)  # it was chosen while another tab was in front, and is now the front tab itself
        current = names.index(app.compare.label) if app.compare.label else 0
        shown = ["Nothing", *(f"{BACKENDS[name]} backend" for name in COMPARED), *names[1 + len(COMPARED) :]]
        chosen = combo("With", current, shown, "Another backend for the same video, or another open video.")
        if chosen == current:
            return
        if chosen == 0:
            app.compare.clear()
        elif chosen <= len(COMPARED):
            self._choose_backend(app, COMPARED[chosen - 1], names[chosen])
        else:
            other = others[chosen - 1 - len(COMPARED)]
            app.compare.set_source(
                names[chosen], app.rendering.renderer, partial(app.documents.video_of, other), app.rendering.cache_bytes
            )
        if app.compare.view_renderer is not None and app.compare.mode is Comparison.NONE:
            app.compare.mode = Comparison.DIVIDER

    def _choose_backend(self, app: ViewerApp, backend: str, label: str) -> None:
        try:
            renderer = app.rendering.create(backend, app.rendering.threads)
        except InputError as error:
            app.messages.show_exception(error, f"Cannot compare with the {label}", "Choose another backend.")
            return
        app.compare.set_source(label, renderer, app.documents.front_video, app.rendering.cache_bytes)

    def _draw_state(self, app: ViewerApp) -> None:
        compare, document = app.compare, app.document
        if compare.view_renderer is None or document is None:
            imgui.text_wrapped("Open a second video, or choose a backend to compare with.")
        elif begin_facts("sides", label_width=5.0):
            left, right = sides(app)
            row("Left", left, "The current video and its backend.")
            row("Right", right, "The video or the backend that it is compared with.")
            row("Time", times_text(compare, document.shown), "How long the last images took, left and right.")
            row(
                "PSNR",
                psnr_text(compare) or "rendering the same view ...",
                "Peak signal-to-noise ratio. Higher means more alike.",
            )
            imgui.end_table()
