"""The state of the window and what happens in it from one frame of the screen to the next; draws nothing itself."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from pathlib import Path

from common.errors import InputError
from model.video import VolumetricVideo
from renderer.backend import Renderer, RenderSettings
from renderer.select import create_renderer
from viewer.app.compare import CompareView
from viewer.app.document import Document
from viewer.app.faults import CHECK_FILE, CHECK_FOLDER, TRY_AGAIN, Fault, cannot_open, fault_of
from viewer.app.file_stamp import Stamp, file_stamp
from viewer.app.files import BundleLoader, FileWatch
from viewer.app.path_edits import show_path_time
from viewer.app.recording import ScreenRecording, free_path, typed_path
from viewer.app.statistics import Statistics
from viewer.app.window_state import WindowState
from viewer.camera.fly import FlyMotion
from viewer.camera.history import CameraHistory
from viewer.export.summary import MeasuredSizes
from viewer.playback.clock import LoopMode
from viewer.playback.render_worker import ViewResult
from viewer.playback.resolution import MIN_SCALE, ResolutionController
from viewer.playback.view_renderer import RequestQuality
from viewer.settings import Settings, save_settings
from viewer.work.job import Job

FIRST_SCALE = 0.2
"""Size of the very first image, relative to the view, before anything is known of the backend's speed."""

PATIENCE = 4.0
"""Longest time that a first image may be expected to take, in frames of the target rate."""

MESSAGE_SECONDS = 10.0
"""How long the status bar repeats what was said."""

REST = 0.15
"""Seconds after the last move of the camera after which it counts as still."""


class ViewerApp(WindowState):
    """Open documents, what is shown of them, and what the user has to be told.

    Args:
        renderer: what renders.
        settings: what the user chose; changed in place by the panels.
        settings_file: where they are kept; None: nowhere.
    """

    def __init__(self, renderer: Renderer, settings: Settings | None = None, settings_file: Path | None = None) -> None:
        super().__init__()
        self.renderer = renderer
        self.settings = settings or Settings()
        self.settings_file = settings_file
        self.backend, self.threads = self.settings.rendering.backend, self.settings.rendering.threads
        """What was asked for of the renderer; the command line may say something else than the settings."""
        self.wake: Callable[[], None] = lambda: None
        """Ends the window's sleep; called from any thread."""
        self.documents: list[Document] = []
        self.active_index = 0
        """Which document is in the front tab."""
        self.render_settings = RenderSettings()
        """Deviations of step and thresholds from the bundle's."""
        self.compare = CompareView(self.notify)
        self.figures = Statistics()
        self.resolution = ResolutionController(self.settings.rendering.target_fps)
        self.loader = BundleLoader(self.notify)
        self.jobs: list[Job] = []
        """Work under way."""
        self.recording_sizes = MeasuredSizes()
        """How large recordings became."""
        self.screen_recording: ScreenRecording | None = None
        self.errors: list[Fault] = []
        """Faults to show as dialogs, oldest first."""
        self.message = ""
        """What was said last."""
        self._said = 0.0
        self.new_results: list[ViewResult] = []
        """Images of the front document that arrived this frame."""
        self._watch = FileWatch()
        self._redraws = 3
        self._last_motion = -1.0
        self._milliseconds_full_size: float | None = None

    # Documents

    @property
    def document(self) -> Document | None:
        """The one in the front tab; None while nothing is open."""
        return self.documents[self.active_index] if self.documents else None

    @property
    def cache_bytes(self) -> int:
        """Memory budget of a document's decoded frames."""
        return self.settings.rendering.cache_mebibytes << 20

    def open(self, path: Path) -> None:
        """Read a bundle in the background and show it in a new tab, or bring the tab forward that has it already."""
        path = path.absolute()
        for index, document in enumerate(self.documents):
            if document.path == path:
                self.show_document(index)
                return
        self.loader.load(path)

    def add(self, path: Path, video: VolumetricVideo, play: bool = True, stamp: Stamp = None) -> Document:
        """Show a video in a new tab; it plays at once if the settings say so and `play` does not forbid it."""
        document = Document(path.absolute(), video, self.renderer, self.cache_bytes, self.notify, stamp)
        chosen = self.settings.playback
        document.playback.mode = LoopMode(chosen.mode)
        document.playback.speed, document.playback.sub_frame = chosen.speed, chosen.sub_frame
        navigation = self.settings.navigation
        document.camera.roll_locked = navigation.roll_locked
        document.camera.set_field_of_view(math.radians(navigation.field_of_view))
        document.camera.fly_motion = FlyMotion(navigation.fly_speed, navigation.fly_smoothing)
        document.camera.history = CameraHistory()  # what the settings made of the camera cannot be undone
        if play and chosen.autoplay and video.num_frames > 1:
            document.playback.play()
        self.settings.remember_file(str(document.path))
        self.documents.append(document)
        self.show_document(len(self.documents) - 1)
        return document

    def show_document(self, index: int) -> None:
        """Bring a tab forward."""
        self.active_index = index % len(self.documents) if self.documents else 0
        self.resolution.restart()
        self.redraw()

    def close_document(self, index: int) -> None:
        """Close a tab."""
        document = self.documents.pop(index)
        self.show_document(max(0, min(self.active_index - (index < self.active_index), len(self.documents) - 1)))
        self.compare.follow()
        document.close()

    def video_of(self, document: Document) -> VolumetricVideo | None:
        """The video that a tab shows now; None after the tab was closed."""
        return document.video if document in self.documents else None

    def front_video(self) -> VolumetricVideo | None:
        """The video in the front tab; None while nothing is open."""
        return self.document.video if self.document is not None else None

    def reload(self, document: Document) -> None:
        """Read a document's bundle again."""
        document.stamp = file_stamp(document.path)
        self.loader.load(document.path, again=True)

    def look_at_files(self) -> None:
        """Read again what changed on disk."""
        reading = self.loader.loading
        for changed in self._watch.changed([document for document in self.documents if document.path not in reading]):
            self.say(f"{changed.path.name} changed on disk and was read again")
            self.reload(changed)

    # Rendering

    def set_backend(self, backend: str, threads: int | None) -> None:
        """Render everything with another backend or number of threads; a fault becomes a dialog."""
        try:
            self.renderer = create_renderer(backend, threads, background=True)
        except Exception as error:  # whatever a driver or a missing part raises; the renderer at hand goes on
            self.report(error, f"Cannot render with {backend}", f"Choose another one; {self.renderer.name} goes on rendering.")
            return
        if backend != self.backend:
            self.settings.rendering.backend = self.backend = backend
        if threads != self.threads:
            self.settings.rendering.threads = self.threads = threads
        for document in self.documents:
            document.replace_renderer(self.renderer)
        self.resolution.restart()
        self.redraw()

    @property
    def moving(self) -> bool:
        """Whether something moves, so that the next image counts more than a fine one."""
        document = self.document
        if document is None:
            return False
        moves = document.playback.playing or document.previewing or document.camera.fly_motion.moving
        return moves or clock.monotonic() - self._last_motion < REST

    @property
    def quality(self) -> RequestQuality:
        """How fine the next image is to be."""
        rendering = self.settings.rendering
        self.resolution.enabled = rendering.dynamic_resolution
        self.resolution.target_fps = rendering.target_fps
        moving_scale = min(self.resolution.scale * rendering.render_scale, self._bearable_scale())
        return RequestQuality(self.render_settings, moving_scale, rendering.render_scale, self.moving)

    def _bearable_scale(self) -> float:
        # Until dynamic resolution has measured enough, keep a slow backend from starting with an image that takes seconds.
        if self._milliseconds_full_size is None:
            return FIRST_SCALE
        longest = PATIENCE * 1000 / self.settings.rendering.target_fps
        return max(MIN_SCALE / 2, math.sqrt(longest / max(self._milliseconds_full_size, 1e-6)))

    # What the user is told

    def report(self, error: Exception, title: str, advice: str = TRY_AGAIN) -> None:
        """Show a fault as a dialog; `title` and `advice` as in `fault_of`."""
        self.tell(fault_of(error, title, advice))

    def tell(self, fault: Fault) -> None:
        """Show a fault as a dialog, unless it stands there already."""
        if fault not in self.errors:
            self.errors.append(fault)
        self.redraw()

    def say(self, message: str) -> None:
        """Show a sentence in the status bar for a while."""
        self.message, self._said = message, clock.monotonic()
        self.redraw()

    @property
    def status(self) -> str:
        """What the status bar says: the last message while it is news."""
        return self.message if clock.monotonic() - self._said < MESSAGE_SECONDS else ""

    def start_job(self, job: Job) -> None:
        """Show the progress of some work until it ends."""
        self.jobs.append(job)
        self.redraw()

    def ask_screenshot(self) -> None:
        """Have the next picture saved."""
        self.screenshot_asked = True
        self.redraw()

    @property
    def output_folder(self) -> Path:
        """Where screenshots, recordings and exports go unless the user says otherwise."""
        chosen = self.settings.recording.folder
        try:
            return typed_path(chosen) if chosen else Path.cwd()
        except InputError:
            return Path(chosen)  # what is to be written there says that there is no such folder

    def toggle_screen_recording(self) -> None:
        """Begin to record what is shown, or complete the file."""
        document = self.document
        if self.screen_recording is not None:
            recording, self.screen_recording = self.screen_recording, None
            self.start_job(Job(f"Completing {recording.output.name}", lambda _: recording.finish(), self.notify))
        elif document is not None:
            output = free_path(self.output_folder, f"{document.path.stem}-screen", ".mp4")
            size = self.window_pixels if self.record_ui else self.view_size
            self.screen_recording = ScreenRecording(output, size, self.settings.recording.quality)
            self.say(f"Recording the screen to {output}")

    # Redrawing

    def notify(self) -> None:
        """There is something new to show; called from any thread."""
        self._redraws = max(self._redraws, 2)
        self.wake()

    def redraw(self, frames: int = 3) -> None:
        """Draw at least this many frames more before the window sleeps."""
        self._redraws = max(self._redraws, frames)

    def note_motion(self) -> None:
        """The user moves the camera or the playhead now; coarse images until it rests."""
        self._last_motion = clock.monotonic()
        self.redraw()

    @property
    def sleeps(self) -> bool:
        """Whether nothing will change on screen until an event comes."""
        return self._redraws <= 0 and not self.moving and self.screen_recording is None

    # Time

    def update(self, seconds: float) -> None:
        """Let `seconds` pass: move clock and camera, take what was rendered, ask for what is to be seen next."""
        self._redraws -= 1
        self._take_loaded()
        self._settle_jobs()
        document = self.document
        if document is None:
            self.new_results = []
            return
        self.look_at_files()
        document.playback.advance(seconds)
        self._move_camera(document, seconds)
        self._take_images(document)
        quality, camera = self.quality, document.camera.to_camera(*self.view_size)
        document.request(camera, quality)
        if quality.moving:
            self.redraw(2)  # the update after the last move is the one that asks for the fine image
        if self.compare.update(document.playback.time, camera, quality, document.shown):
            self.redraw()

    def close(self) -> None:
        """Keep the settings and end all threads; a screen recording is completed."""
        if self.screen_recording is not None:
            self.toggle_screen_recording()
        self._settle_jobs()
        for job in self.jobs:
            job.cancel.cancel()
        for job in self.jobs:
            job.wait(60.0)
        self._settle_jobs()
        for job in self.jobs:
            self.report(InputError(job.label, "did not end in time"), "Cannot end all work")
        self.compare.clear()
        while self.documents:
            self.close_document(0)
        self.save_settings()

    def save_settings(self) -> None:
        """Write the settings file, if there is one."""
        if self.settings_file is not None:
            try:
                save_settings(self.settings, self.settings_file)
            except InputError as error:
                self.report(error, "Cannot keep the settings", CHECK_FOLDER)

    def _take_loaded(self) -> None:
        for path, outcome, stamp in self.loader.take():
            known = next((d for d in self.documents if d.path == path), None)
            if isinstance(outcome, Exception):
                if known is None:  # one that is open stays in the list: it may be whole again the next time
                    self.settings.forget_file(str(path))
                self.report(outcome, cannot_open(path), CHECK_FILE)
            elif known is not None:
                known.replace_video(outcome, stamp)
            else:
                self.add(path, outcome, stamp=stamp)
            self.redraw()

    def _settle_jobs(self) -> None:
        for job in [job for job in self.jobs if not job.running]:
            self.jobs.remove(job)
            if job.error is not None:
                self.report(job.error, f"{job.label} failed")
            else:
                self.say(job.message)

    def _move_camera(self, document: Document, seconds: float) -> None:
        if not document.fitted and self.view_known:
            document.show_first(self.settings.navigation.initial_view, *self.view_size)
        if document.previewing:
            self._preview(document, seconds)
        if any(self.fly_direction) or document.camera.fly_motion.moving:
            document.camera.fly(min(seconds, 0.1), self.fly_direction)
            self.note_motion()

    def _preview(self, document: Document, seconds: float) -> None:
        path = document.camera_path
        if not len(path):
            document.previewing = False
            return
        document.path_time += seconds
        if document.path_time > path.end:
            document.path_time = path.start
        show_path_time(document)
        self.note_motion()

    def _take_images(self, document: Document) -> None:
        self.new_results = document.take_results()
        for result in self.new_results:
            self.redraw(2)
            if result.error is not None:
                self.report(result.error, "Cannot render this view", "Choose another backend in the panel Speed.")
                continue
            self.figures.note(result)
            self._measure(result)

    def _measure(self, result: ViewResult) -> None:
        """Let dynamic resolution learn from a first image; one of another size counts as the present one would."""
        self._milliseconds_full_size = result.render_ms / result.scale**2
        if result.scale == result.request.scale and not result.decoded:
            wanted = self.resolution.scale * self.settings.rendering.render_scale
            pixels = 1.0 if abs(result.scale - wanted) < 1e-9 else (wanted / result.scale) ** 2
            self.resolution.measure(result.render_ms / 1000 * pixels, self.resolution.scale)
