"""The section Training: curves of a training run, and a captured image next to the rendering of the same view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from imgui_bundle import ImVec2, imgui, implot

from common.errors import InputError
from common.installation import viewer_command
from model.run.log import Measurements
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.training_log import TrainingLog
from viewer.app.training_view import Pixels, TrainingView
from viewer.gl.context import ImageTextures, create_context
from viewer.playback.run_video import RunVideo
from viewer.widgets.controls import begin_facts, button, combo, em, heading, row, tooltip

PLOT_HEIGHT = 9.0
"""Height of a plot, text heights."""

CURVES = {"psnr": "training rays", "held_back_psnr": "held-out view"}
"""Measurements in the PSNR plot, and their names for the user."""


class TrainingPanel:
    """Shows the run in the front tab, or the run whose first checkpoint the viewer waits for."""

    title = "Training"

    def __init__(self) -> None:
        self._log: TrainingLog | None = None
        self._view: TrainingView | None = None
        self._textures: ImageTextures | None = None
        self._plots: Any = None
        self._frame, self._camera = -1, 0  # positions in the lists of the boxes; -1 is the middle

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        folder, document = shown_run(app)
        if folder is None:
            self.close()
            imgui.text_wrapped(f"Open the folder of a training run to watch it: {viewer_command()} RUN")
            return
        log, view = self._opened(app, folder)
        self._try(app, log.follow)
        self._try(app, view.list_views)
        self._draw_facts(log.measurements, document)
        self._draw_plots(log.measurements)
        if document is not None and view.choices:
            self._draw_view(app, document, view)

    def close(self) -> None:
        """End its threads, and release the textures while the context exists."""
        for part in (self._log, self._view):
            if part is not None:
                part.close()
        if self._textures is not None:
            self._textures.release()
        if self._plots is not None:
            implot.destroy_context(self._plots)
        self._log = self._view = self._textures = self._plots = None

    def _opened(self, app: ViewerApp, folder: Path) -> tuple[TrainingLog, TrainingView]:
        if self._log is None or self._view is None or self._log.folder != folder:
            self.close()
            self._log, self._view = TrainingLog(folder, app.redraw), TrainingView(folder, app.redraw)
            self._plots = implot.create_context()
        return self._log, self._view

    def _try(self, app: ViewerApp, work: Callable[[], None]) -> None:
        try:
            work()
        except InputError as error:
            app.messages.show_exception(error, "Cannot show the training run")

    def _draw_facts(self, measured: Measurements, document: Document | None) -> None:
        last = measured.last
        if not begin_facts("training"):
            return
        video = document.video if document is not None else None
        shown = f"step {video.run.step}" if isinstance(video, RunVideo) else "none yet"
        row("Checkpoint", shown, "The checkpoint that the picture shows. A newer one is loaded when it is written.")
        if "step" in last:
            progress = f" ({last['progress']:.0%})" if "progress" in last else ""
            row("Training", f"step {last['step']:.0f}{progress}", "The last step in the log of the run.")
        if "rays_per_second" in last:
            row("Speed", f"{last['rays_per_second']:,.0f} rays/s", "Rays that training renders per second.")
        held_out = measured.curves.get("held_back_psnr")
        if held_out is not None:
            best = int(np.argmax(held_out[1]))
            text = f"{held_out[1][best]:.2f} dB at step {held_out[0][best]:.0f}"
            row("Best view", text, "The best rendering of the held-out view, whose checkpoint is kept as best.safetensors.")
        imgui.end_table()

    def _draw_plots(self, measured: Measurements) -> None:
        implot.set_current_context(self._plots)
        curves = {name: measured.curves[key] for key, name in CURVES.items() if key in measured.curves}
        tip = "PSNR of the training rays (running mean, on the dilated mask) and of the held-out view (in its box)."
        self._plot("PSNR, dB", curves, tip)
        if "loss" in measured.curves:
            self._plot("Loss", {"loss": measured.curves["loss"]}, "Loss of the training rays, running mean.", logarithmic=True)

    def _plot(self, title: str, curves: dict[str, Any], tip: str, logarithmic: bool = False) -> None:
        size, flags = ImVec2(-1, em(PLOT_HEIGHT)), implot.Flags_.no_menus | implot.Flags_.no_box_select
        if not implot.begin_plot(f"{title}###{title}", size, flags | (implot.Flags_.no_legend if len(curves) < 2 else 0)):
            return
        fit = implot.AxisFlags_.auto_fit
        implot.setup_legend(implot.Location_.south_east)
        implot.setup_axes("step", "", fit | implot.AxisFlags_.no_label, fit)
        if logarithmic:
            implot.setup_axis_scale(implot.ImAxis_.y1, implot.Scale_.log10)
        for name, (steps, values) in curves.items():
            implot.plot_line(name, steps, values)
        implot.end_plot()
        tooltip(tip)

    def _draw_view(self, app: ViewerApp, document: Document, view: TrainingView) -> None:
        heading("Captured and rendered")
        frames = list(view.choices)
        self._frame = len(frames) // 2 if self._frame < 0 else min(self._frame, len(frames) - 1)
        self._frame = combo("Frame", self._frame, [str(frame) for frame in frames], "Frame of the video.")
        cameras = [c for c in view.choices[frames[self._frame]] if c < len(document.video.metadata.cameras)]
        if not cameras:
            return
        self._camera = min(self._camera, len(cameras) - 1)
        tip = "Camera of the capture. Its image is at the left, the rendering at the right."
        self._camera = combo("Camera", self._camera, [str(camera) for camera in cameras], tip)
        frame, camera = frames[self._frame], cameras[self._camera]
        self._try(app, lambda: view.follow(app, document, frame, camera))
        self._draw_images(view)
        if button("Look through this camera", "Move the camera of the picture there, and go to this frame."):
            document.camera.snap_to(document.video.metadata.cameras[camera])
            document.playback.seek(float(frame))
            app.redraw.record_motion()

    def _draw_images(self, view: TrainingView) -> None:
        if view.captured is None:
            imgui.text_disabled("Loading ...")
            return
        width = (imgui.get_content_region_avail().x - em(0.4)) / 2
        self._image("captured", view.captured, width, "The captured image, on black.")
        imgui.same_line(0, em(0.4))
        if view.rendered is None:
            imgui.text_disabled("Rendering ...")
            return
        self._image("rendered", view.rendered.pixels, width, "The same view, rendered from the newest checkpoint.")
        imgui.text(f"PSNR {view.rendered.psnr:.2f} dB")
        tooltip("Over the whole image, black background included.")

    def _image(self, name: str, pixels: Pixels, width: float, tip: str) -> None:
        if self._textures is None:
            self._textures = ImageTextures(create_context())
        texture = self._textures.get(name, id(pixels), lambda: pixels, nearest=False)
        imgui.image(texture, ImVec2(width, width * pixels.shape[0] / pixels.shape[1]))
        tooltip(tip)


def shown_run(app: ViewerApp) -> tuple[Path | None, Document | None]:
    """Return the run's folder and its document: those of the front tab, or the folder whose first checkpoint is awaited."""
    document = app.document
    if document is not None:
        run = document.path if isinstance(document.video, RunVideo) else None
        return (run, document) if isinstance(run, Path) else (None, None)
    return (app.documents.awaited[-1], None) if app.documents.awaited else (None, None)
