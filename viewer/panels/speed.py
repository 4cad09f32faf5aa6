"""The section Speed: dynamic resolution, step and thresholds, backend, and their effect."""

from __future__ import annotations

import os
from dataclasses import replace

from imgui_bundle import imgui

from renderer.select import BACKENDS
from viewer.app.app import ViewerApp
from viewer.app.document import Document, Sampling
from viewer.playback.resolution import IN_TIME, PLAYING
from viewer.widgets.controls import button, checkbox, choice, heading, slider
from viewer.widgets.numbers import integer_slider


class SpeedPanel:
    """Trades quality for time."""

    title = "Speed"

    def __init__(self) -> None:
        self._tau1: float | None = None  # value of the held slider; finding the cells takes too long to do it for each step
        self._threads: int | None = None  # value of the held slider; a renderer is not created for each step

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        self._draw_resolution(app)
        self._draw_sampling(app)
        self._draw_backend(app)

    def _draw_resolution(self, app: ViewerApp) -> None:
        heading("Resolution")
        rendering = app.settings.rendering
        tip = "Lower the resolution during motion to keep the target rate, and refine when motion stops."
        rendering.dynamic_resolution = checkbox("Dynamic resolution", rendering.dynamic_resolution, tip)
        if rendering.dynamic_resolution:
            lowest, highest = PLAYING
            tip = (
                "Images per second while the camera moves. While only the video plays, the target is a tenth above the "
                f"video's own rate, from {lowest * IN_TIME:g} to {highest * IN_TIME:g} times this number."
            )
            rendering.target_fps = slider("Target", rendering.target_fps, 5.0, 120.0, tip, "%.0f images/s")
        tip = "Resolution of still images, relative to the view along each side."
        rendering.render_scale = slider("Render scale", rendering.render_scale, 0.1, 2.0, tip, "%.2fx")
        tip = "Render still pictures with twice the pixels along each side, so that edges are smooth."
        rendering.smooth_at_rest = checkbox("Smooth at rest", rendering.smooth_at_rest, tip)
        if app.document is not None and app.document.shown is not None:
            imgui.text_disabled(f"Shown at {app.document.shown.scale:.0%}, in motion at {app.quality.moving_scale:.0%}")
        window = app.settings.window
        window.vsync = checkbox("V-sync", window.vsync, "Wait for the screen's refresh to avoid tearing.")

    def _draw_sampling(self, app: ViewerApp) -> None:
        heading("Sampling")
        if app.document is None:
            return
        document = app.document
        bundle, chosen = document.video.config, document.sampling
        default = bundle.render.steps_per_diagonal
        steps = chosen.steps_per_diagonal or default
        tip = f"Steps per diagonal of the box. The video sets {default}; fewer steps are faster but coarser."
        new_steps = round(slider("Steps", float(steps), 16.0, 1024.0, tip, "%.0f", logarithmic=True))
        tau2 = chosen.tau2 if chosen.tau2 is not None else bundle.render.weight_threshold
        tip = "Samples with a weight at or below this get no color (tau2). Larger values are faster but lose faint parts."
        new_tau2 = slider("Weight, tau2", tau2, 1e-5, 0.2, tip, "%.5f", logarithmic=True)
        if new_steps != steps:
            document.set_sampling(replace(document.sampling, steps_per_diagonal=new_steps))
        if abs(new_tau2 - tau2) > 1e-9:
            document.set_sampling(replace(document.sampling, tau2=new_tau2))
        if document.video.has_maps:
            self._draw_tau1(document)
        if button("Use the video's values", "Use the step and thresholds that are stored in the video."):
            document.set_sampling(Sampling())
        self._draw_effect(app)

    def _draw_effect(self, app: ViewerApp) -> None:
        last = app.statistics.last
        if last is not None and last.image is not None:
            cost = last.image.statistics
            imgui.text_disabled(f"{cost.density_samples:,} density, {cost.color_samples:,} color samples")
            imgui.text_disabled(f"in {cost.total_ms:.1f} ms")
        if app.document is not None:
            cells = app.document.cells(app.document.playback.time)
            imgui.text_disabled(f"{int(cells.sum()):,} of {cells.size:,} cells occupied")

    def _draw_tau1(self, document: Document) -> None:
        own = document.video.config.occupancy.threshold
        shown = self._tau1 if self._tau1 is not None else document.sampling.tau1 or own
        tip = (
            f"Rays skip cells where the density never exceeds this, 1/m (tau1). The video sets {own:g}. Larger values are "
            "faster but lose thin parts. Frames then take longer to prepare."
        )
        chosen = slider("Density, tau1", shown, max(own, 0.01), max(1000.0, 100.0 * own), tip, "%.2f", logarithmic=True)
        if chosen != shown:
            self._tau1 = chosen
        if imgui.is_item_deactivated_after_edit() and self._tau1 is not None:
            document.set_sampling(replace(document.sampling, tau1=self._tau1 if self._tau1 > own else None))
            self._tau1 = None

    def _draw_backend(self, app: ViewerApp) -> None:
        heading("Backend")
        tip = f"In use: {app.rendering.renderer.name} on {app.rendering.renderer.device}"
        backend = choice("Renderer", app.rendering.backend, list(BACKENDS), tip, list(BACKENDS.values()))
        cores = os.cpu_count() or 1
        threads = self._threads or app.rendering.threads or cores
        tip = "CPU threads for rendering. Fewer threads leave more for other programs."
        chosen = integer_slider("Threads", threads, 1, max(cores, 2), tip)
        if chosen != threads:
            self._threads = chosen
        if backend != app.rendering.backend:
            app.set_backend(backend, app.rendering.threads)
        if imgui.is_item_deactivated_after_edit() and self._threads is not None:
            threads, self._threads = self._threads, None
            app.set_backend(app.rendering.backend, threads)
