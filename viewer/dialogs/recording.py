"""The recording dialog: render the camera path or an orbit to a file, or record the screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imgui_bundle import imgui

from common.errors import InputError
from common.numbers import counted
from model.camera import MAX_IMAGE_SIDE
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.recording import free_path, offline_job, typed_path
from viewer.camera_path.frame_schedule import MAX_FRAMES
from viewer.camera_path.path import CameraPath
from viewer.codecs import CODECS
from viewer.dialogs.modal import begin_columns, begin_dialog, confirmed
from viewer.export.record_options import RecordOptions, check_output, plan
from viewer.export.summary import summary
from viewer.picture.options import with_fixed_range
from viewer.widgets.controls import action_button, button, checkbox, combo, em, heading, left_of_box, slider, tooltip
from viewer.widgets.numbers import integer_pair, number_field

SIZES = ((1280, 720), (1920, 1080), (3840, 2160), (1080, 1080), (512, 512))
"""Sizes in the list."""

MAX_RATE = 1000.0
"""Maximum frame rate of a recording, frames per second."""

MIN_SECONDS, MAX_SECONDS = 0.1, 86_400.0
"""Shortest and longest orbit, seconds."""


@dataclass(frozen=True)
class Format:
    """A row of the list of file formats."""

    label: str
    """Its name."""
    suffix: str = ""
    """Suffix of a video file; empty for the folder of an image sequence."""
    codec: str | None = None
    """Codec of a video."""
    image_format: str = "png"
    """Format of the images of a sequence."""


_VIDEOS = {".mp4": "MP4", ".webm": "WebM"}

FORMATS = (
    *(
        Format(f"{container}, {codec.label}", suffix, name)
        for suffix, container in _VIDEOS.items()
        for name, codec in CODECS.items()
        if suffix == codec.suffixes[0]
    ),
    Format("PNG sequence"),
    Format("EXR sequence", image_format="exr"),
)
"""The list: video formats, each codec once, then image sequences."""


class RecordingDialog:
    """Chooses size, rate, range and format of a recording, and starts it.

    Args:
        actions: runs the actions of the buttons.
    """

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions
        self._use_path = False
        self._width, self._height = SIZES[0]
        self._fps = 0.0
        self._format = FORMATS[0]
        self._range = (0, 0)
        self._limit_range = False
        self._fixed_length = False
        self._seconds = MIN_SECONDS
        self._as_shown = True
        self._transparent = False
        self._output = ""
        self._document: Document | None = None
        self._fault = ""
        self._refused: tuple[object, ...] = ()  # the choices that led to the error

    def draw(self, app: ViewerApp) -> None:
        """Draw while the dialog is open."""
        if "recording" not in app.window.dialogs or app.document is None:
            return
        if self._document is not app.document:
            self._start(app, app.document)
        visible, opened = begin_dialog("Recording", 41.5)
        if visible:
            self._draw_columns(app, app.document)
            self._draw_where(app, app.document)
        imgui.end()
        if not opened:
            app.window.dialogs.discard("recording")
            self._document = None

    def _start(self, app: ViewerApp, document: Document) -> None:
        self._document = document
        self._use_path = len(document.camera_path) > 0
        self._fps = app.settings.recording.fps or document.playback.fps
        self._format = next(row for row in FORMATS if row.codec == app.settings.recording.codec)
        self._range = (document.playback.in_point, document.playback.out_point)
        self._fixed_length = False
        self._seconds = min(max(document.video.num_frames / document.video.metadata.fps, MIN_SECONDS), MAX_SECONDS)
        self._choose_name(app)

    def _choose_name(self, app: ViewerApp) -> None:
        assert self._document is not None
        self._output = str(free_path(app.recording.folder, f"{self._document.path.stem}-render", self._format.suffix))

    def _draw_columns(self, app: ViewerApp, document: Document) -> None:
        # Two columns, so that the dialog fits into a small window with large text.
        if not begin_columns():
            return
        imgui.table_next_column()
        self._draw_what(document)
        self._draw_size(app)
        imgui.table_next_column()
        self._draw_how(app)
        self._draw_screen(app)
        imgui.end_table()

    def _draw_what(self, document: Document) -> None:
        heading("Camera and frames")
        names = ("Orbit around the scene", f"Path, {counted(len(document.camera_path), 'keyframe')}")
        self._use_path = bool(combo("Camera", int(self._use_path), names, "Path of the camera."))
        tip = "When on, the scene plays only these frames. When off, it plays all frames, or those of the camera path."
        self._limit_range = checkbox("Only a range of frames", self._limit_range, tip)
        if self._limit_range:
            tip = "First and last frame. Both are recorded."  # the dialog reports frames beyond the end of the video
            self._range = integer_pair("Frames", self._range, 0, MAX_FRAMES, tip)
        if not self._use_path:
            tip = "When off, the orbit lasts as long as the selected frames."
            width = em(6)
            self._fixed_length = checkbox("Set length", self._fixed_length, tip, width + em(0.4))
            if self._fixed_length:  # on the same line: the dialog has to fit into a small window with large text
                tip = "Length of the orbit. The frames play in a loop during it."
                left_of_box(width)
                self._seconds = number_field("###Seconds", self._seconds, MIN_SECONDS, MAX_SECONDS, tip, "%.2f s")

    def _draw_size(self, app: ViewerApp) -> None:
        heading("Size and rate")
        settings = app.settings.recording
        names = [f"{w} x {h}" for w, h in SIZES]
        known = (self._width, self._height) in SIZES
        index = combo("Size", SIZES.index((self._width, self._height)) if known else -1, names, "Common sizes.")
        if index >= 0 and SIZES[index] != (self._width, self._height):
            self._width, self._height = SIZES[index]
        sides = self._width, self._height
        self._width, self._height = integer_pair("Pixels", sides, 0, MAX_IMAGE_SIDE, "Width and height.")
        tip, before = "Frame rate of the recording. The speed of the scene does not change with it.", self._fps
        self._fps = number_field("Frames per second", self._fps, 0.0, MAX_RATE, tip, "%.3f")
        if self._fps != before and self._document is not None and self._fps > 0:
            settings.fps = 0.0 if self._fps == self._document.playback.fps else self._fps

    def _draw_how(self, app: ViewerApp) -> None:
        heading("File")
        settings = app.settings.recording
        labels, tip = [row.label for row in FORMATS], "File format. A hardware encoder is used if one is available."
        chosen = FORMATS[combo("Format", FORMATS.index(self._format), labels, tip)]
        if chosen != self._format:
            self._format = chosen
            settings.codec = chosen.codec or settings.codec
            self._choose_name(app)
        tip = "Higher values give smaller files and a worse picture. At 12 the difference is hard to see."
        settings.quality = round(slider("Compression", float(settings.quality), 0.0, 51.0, tip, "%.0f"))
        tip = "Renders each side larger by this factor, then shrinks the image. Edges get smoother; rendering takes longer."
        settings.supersampling = round(slider("Edge smoothing", float(settings.supersampling), 1.0, 8.0, tip, "%.0fx"))
        self._draw_look()

    def _draw_look(self) -> None:
        exr = self._format.image_format == "exr"
        imgui.begin_disabled(exr)
        tip = "When on, the recording uses the view's exposure and gamma, and shows depth, normals, ... if the view does. When "
        tip += "off, it shows colors as stored. The background is always the view's; overlays are left out. EXR files keep "
        tip += "color and depth as rendered."
        shown = checkbox("As the view shows it", self._as_shown and not exr, tip)
        self._as_shown = self._as_shown if exr else shown
        imgui.end_disabled()
        codec = self._format.codec
        can, tip = codec is None or bool(CODECS[codec].transparent_encoders), "Keep the opacity. Only for WebM and images."
        imgui.begin_disabled(not can)
        self._transparent = checkbox("Transparent background", self._transparent and can, tip)
        imgui.end_disabled()

    def _draw_where(self, app: ViewerApp, document: Document) -> None:
        preview, fault = self._preview(app, document)
        heading(preview)
        tooltip("What will be written. The size is an estimate from the last recording with this format and compression.")
        imgui.set_next_item_width(-em(8.5))
        _, self._output = imgui.input_text("###output", self._output)
        tooltip("Output file, or output folder for an image sequence.")
        imgui.same_line()
        tip = "Render in the background. The window stays usable. Key: Enter"
        if button("Start", tip, width=imgui.get_content_region_avail().x) or confirmed():
            self._begin(app)
        if self._fault and self._refused == self._choices(app, document):
            fault = self._fault
        if fault:
            imgui.text_wrapped(fault)

    def _choices(self, app: ViewerApp, document: Document) -> tuple[object, ...]:
        return self._plain_options(app, document), self._output, self._use_path

    def _preview(self, app: ViewerApp, document: Document) -> tuple[str, str]:
        """Return what will be written, and why that is not possible, if so."""
        options = self._plain_options(app, document)
        try:
            count = plan(document.video, self._path(document), (self._width, self._height), options).count
        except InputError as error:
            return "Save as", str(error)
        fps = self._fps or document.video.metadata.fps
        return f"Save {summary(count, fps, options, app.recording.sizes)}", ""

    def _path(self, document: Document) -> CameraPath | str:
        return document.camera_path if self._use_path else "orbit"

    def _draw_screen(self, app: ViewerApp) -> None:
        heading("Or record the screen")
        tip = "Show panels and menus in screenshots and screen recordings."
        app.recording.with_interface = checkbox("With the interface", app.recording.with_interface, tip)
        recording = app.recording.screen is not None
        label = "Stop recording" if recording else "Record the screen"
        action_button(self._actions, "file.record_screen", label, recording)
        imgui.same_line()
        action_button(self._actions, "file.screenshot", "Screenshot")

    def _plain_options(self, app: ViewerApp, document: Document) -> RecordOptions:
        """Return all choices except the display settings."""
        settings = app.settings.recording
        return RecordOptions(
            size=(self._width, self._height),
            fps=self._fps,
            frames=(self._range[0], self._range[1] + 1) if self._limit_range else None,
            seconds=self._seconds if self._fixed_length and not self._use_path else None,
            supersampling=settings.supersampling,
            transparent=self._transparent,
            codec=self._format.codec,
            quality=settings.quality,
            image_format=self._format.image_format,
            settings=document.render_settings,
        )

    def _options(self, app: ViewerApp, document: Document) -> RecordOptions:
        shown = app.settings.view
        if self._as_shown:
            display = with_fixed_range(shown, document.shown)
        else:
            display = replace(shown, mode="color", exposure=0.0, gamma=1.0)
        x, y, z = document.camera.up.tolist()
        return replace(self._plain_options(app, document), display=display, up=(x, y, z))

    def _begin(self, app: ViewerApp) -> None:
        assert self._document is not None
        document = self._document
        path = self._path(document)
        try:
            options, output = self._options(app, document), typed_path(self._output)
            plan(document.video, path, (self._width, self._height), options)
            check_output(output, (self._width, self._height), options)
        except InputError as error:
            self._fault, self._refused = str(error), self._choices(app, document)
            return
        self._fault = ""
        video, sizes = document.rendered_video, app.recording.sizes
        app.jobs.start(offline_job(app.rendering.renderer, video, output, path, options, app.redraw.notify, sizes))
        app.window.dialogs.discard("recording")
        self._document = None
