"""The export dialogs: the surface of one or more frames as meshes or point clouds."""

from __future__ import annotations

import os
from pathlib import Path

from imgui_bundle import imgui

from common.errors import InputError
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.recording import free_path, typed_path
from viewer.dialogs.modal import begin_dialog, confirmed
from viewer.export.mesh import MeshOptions
from viewer.export.mesh_export import export_meshes, is_animation, path_of_frame
from viewer.export.mesh_files import check_mesh_path
from viewer.widgets.controls import button, combo, em, field, tooltip
from viewer.widgets.numbers import integer_field, integer_slider, number_field
from viewer.work.job import Job

SUFFIXES = (".ply", ".glb", ".usdc")

MAX_POINTS = 20_000_000
"""Maximum number of points in a cloud."""

MAX_DENSITY = 1e6
"""Largest density of a surface, 1/m."""

NAMES = {"export_mesh": "Export mesh", "export_points": "Export point cloud"}
"""Title of each dialog."""


class ExportDialog:
    """Chooses frames, resolution and file of an export, and starts it."""

    def __init__(self) -> None:
        self._suffix = 0
        self._whole_range = False
        self._resolution = MeshOptions.resolution
        self._density = 0.0  # automatic
        self._points = 200_000
        self._output = ""
        self._suggested = ""  # the last name that the user did not type
        self._choices: tuple[object, ...] = ()  # what the name was suggested for
        self._shown = ""
        self._fault = ""

    def draw(self, app: ViewerApp) -> None:
        """Draw the dialog that is open."""
        name = next((name for name in NAMES if name in app.window.dialogs), "")
        if not name or app.document is None:
            self._shown = ""
            return
        if self._shown != name:
            self._shown, self._fault, self._output = name, "", ""
        self._suggest_name(app, app.document)
        visible, opened = begin_dialog(NAMES[name], 27)
        if visible:
            self._draw_what(app.document, name)
            self._draw_where(app.document)
            if button("Export", "Write the file in the background. Key: Enter", width=em(7)) or confirmed():
                self._begin(app, app.document, name)
        imgui.end()
        if not opened:
            app.window.dialogs.discard(name)

    def _suggest_name(self, app: ViewerApp, document: Document) -> None:
        """Suggest a file that fits the choices and the frame on the screen, unless the user typed a name."""
        frame = None if self._whole_range else document.playback.frame
        choices = (self._shown, document.path, frame, self._suffix)
        if self._output not in ("", self._suggested) or (self._output and choices == self._choices):
            return
        stem = f"{document.path.stem}-{'points' if self._shown == 'export_points' else 'mesh'}"
        stem += "" if frame is None else f"-{frame:05d}"
        self._output = self._suggested = str(free_path(app.recording.folder, stem, SUFFIXES[self._suffix]))
        self._choices = choices

    def _draw_what(self, document: Document, name: str) -> None:
        clock, together = document.playback, "in one file" if is_animation(Path(self._output)) else "one file each"
        frames = (f"{clock.frame}, shown now", f"{clock.in_point} to {clock.out_point}, {together}")
        tip = "The frame that is shown, or all frames from the in point of the timeline to its out point."
        self._whole_range = bool(combo("Frames", int(self._whole_range), frames, tip))
        names = ("PLY", "glTF (.glb)", "USD (.usdc)")
        tip = "PLY keeps the world's axes. In glTF, y points up. USD has all frames in one file; z points up."
        suffix = combo("Format", self._suffix, names, tip)
        if suffix != self._suffix:
            self._suffix = suffix
            if self._output != self._suggested:  # typed by the user
                self._output = os.path.splitext(self._output)[0] + SUFFIXES[suffix]
        tip = "Number of voxels along the longest side of the box, or of the crop box."
        self._resolution = integer_slider("Resolution", self._resolution, 16, 512, tip, "%d voxels")
        tip = "Density at the surface, 1/m. With 0, it is where two steps of the renderer absorb half of the light."
        self._density = number_field("Density", self._density, 0.0, MAX_DENSITY, tip, "%g")
        if name == "export_points":
            tip = "Number of points, spread evenly over the surface."
            self._points = integer_field("Points", self._points, 1, MAX_POINTS, tip)

    def _draw_where(self, document: Document) -> None:
        changed, self._output = imgui.input_text(field("File", "What is written."), self._output)
        tooltip(f"{self._output}\nWith several frames in PLY or glTF, the frame number becomes part of each name.")
        clock, path = document.playback, Path(self._output)
        count = clock.out_point + 1 - clock.in_point
        if self._whole_range and count > 1 and path.name and not is_animation(path):
            first, last = (path_of_frame(path, frame, count).name for frame in (clock.in_point, clock.out_point))
            imgui.text_wrapped(f"{count} files, {first} to {last}")
        if changed:
            self._fault = ""
        if self._fault:
            imgui.text_wrapped(self._fault)

    def _begin(self, app: ViewerApp, document: Document, name: str) -> None:
        clock = document.playback
        frames = (clock.in_point, clock.out_point + 1) if self._whole_range else (clock.frame, clock.frame + 1)
        points = self._points if name == "export_points" else None
        try:
            options, output = MeshOptions(self._resolution, self._density or None), typed_path(self._output)
            check_mesh_path(output)
        except InputError as error:
            self._fault = str(error)
            return
        video, crop = document.rendered_video, document.crop  # with the cells that the window's tau1 leaves

        def work(job: Job) -> str:
            def report(done: int, total: int, part: float) -> None:
                job.report((done + part) / total, f"frame {done + 1} of {total}" if done < total else "")

            files = export_meshes(video, output, frames, options, points, report, job.cancel, crop)
            return f"{len(files)} file{'s' * (len(files) != 1)} written, the last is {files[-1]}"

        app.jobs.start(Job(NAMES[name], work, app.redraw.notify))
        app.window.dialogs.discard(name)
