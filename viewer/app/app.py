"""Combine the parts of the window's state, and update them once per frame of the screen. Nothing here draws."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import replace
from pathlib import Path

from common.errors import DamagedData, InputError
from renderer.backend import DeviceFailed, Renderer, RenderSettings
from viewer.app.backgrounds import Backgrounds
from viewer.app.closing import Closing
from viewer.app.compare import CompareView
from viewer.app.document import Document
from viewer.app.documents import Documents
from viewer.app.faults import CHECK_FOLDER
from viewer.app.jobs import Jobs
from viewer.app.messages import Messages
from viewer.app.pacing import MOTION_INTERVAL, Activity
from viewer.app.path_edits import show_path_time
from viewer.app.path_loading import PathLoader
from viewer.app.recording import Recording
from viewer.app.redraw import Redraw
from viewer.app.rendering import ADVICE, Rendering
from viewer.app.scene_edits import SceneEdits
from viewer.app.sound import Sound
from viewer.app.statistics import Statistics
from viewer.app.streams import Streams
from viewer.app.viewport import Viewport
from viewer.app.window_state import WindowState
from viewer.app.workspaces import Workspaces
from viewer.picture.backdrop import shadow_request
from viewer.playback.view_renderer import RequestQuality
from viewer.settings import Settings
from viewer.settings_file import save_settings
from viewer.sound.clock import is_audible
from viewer.sound.device import SoundDevice

LONGEST_FLY_STEP = 0.1
"""Seconds; a flight does not jump after a slow frame."""


SAVE_SECONDS = 2.0
"""Seconds between two checks for changed settings."""


class ViewerApp:
    """Puts the parts together that panels, dialogs and actions use, and moves them from frame to frame.

    Args:
        renderer: the backend to render with.
        settings: the user's settings; panels change them in place.
        settings_file: where they are saved; None means that they are not saved.
    """

    def __init__(self, renderer: Renderer, settings: Settings | None = None, settings_file: Path | None = None) -> None:
        self.settings = settings or Settings()
        self.settings_file = settings_file
        self._saved_settings = self._tried_settings = copy.deepcopy(settings or Settings())
        self._next_save = 0.0
        self.redraw = Redraw()
        self.messages = Messages(self.redraw.request)
        self.window = WindowState()
        self.viewport = Viewport()
        self.jobs = Jobs(self.messages, self.redraw)
        self.rendering = Rendering(renderer, self.settings.rendering, self.messages)
        self.compare = CompareView(self.redraw.notify)
        self.documents = Documents(self.settings, self.rendering, self.messages, self.redraw, self._forget_closed)
        self.streams = Streams(self.settings, self.jobs, self.documents.loader, self.redraw)
        self.documents.open_address = self.streams.open
        self.backgrounds = Backgrounds(self.messages, self.redraw)
        self.scenes = SceneEdits(self.documents, self.messages, self.redraw)
        self.sound = Sound(self.settings.playback, self.messages, self.redraw.notify, SoundDevice())
        self.recording = Recording(self.settings.recording, self.messages, self.jobs, self.redraw)
        self.closing = Closing(self.jobs, self.recording)
        sessions = settings_file.parent / "sessions" if settings_file is not None else None
        self.workspaces = Workspaces(self.documents, self.settings, self.viewport, self.messages, sessions)
        self.camera_paths = PathLoader(self.messages, self.window, self.redraw)
        self.statistics = Statistics()
        self._updated = time.monotonic()
        self._requested_moving = False

    @property
    def document(self) -> Document | None:
        """The document in the front tab; None while nothing is open."""
        return self.documents.front

    @property
    def moving(self) -> bool:
        """Whether something moves, so that a quick image matters more than a fine one."""
        document = self.document
        if document is None:
            return False
        moves = document.playback.playing or document.previewing or document.camera.fly_motion.moving
        return moves or self.redraw.recently_moved

    @property
    def _video_rate(self) -> float | None:
        """Frames per second of a video that plays; None while the camera moves too, or if nothing plays."""
        document = self.document
        if document is None or not document.playback.playing or self.redraw.recently_moved:
            return None
        return document.playback.fps * document.playback.speed

    @property
    def quality(self) -> RequestQuality:
        """How fine the next image has to be."""
        settings, tau2 = RenderSettings(), 0.0
        if self.document is not None:
            settings, tau2 = self.document.render_settings, self.document.video.config.render.weight_threshold
        quality = self.rendering.quality(settings, self.moving, max(self.viewport.size), tau2)
        if self.settings.view.has_shadow and self.document is not None:
            quality = replace(quality, shadow=shadow_request(self.document.camera.up, self.settings.view))
        if self.recording.screenshot_pending:  # dynamic resolution would make it coarse
            quality = replace(quality, moving_scale=quality.still_scale, quick_settings=None)
        if self.settings.view.mode != "color" or self.compare.active:
            return quality
        return replace(quality, rest_scale=self.rendering.rest_scale(quality.still_scale, self.viewport.size))

    @property
    def sleeps(self) -> bool:
        """Whether nothing will change on screen until an event comes."""
        activity = self.activity
        return not (activity.moving or activity.pending) and activity.redraw_in == math.inf

    @property
    def activity(self) -> Activity:
        """What happens in the window now. It determines how long the window may wait."""
        document = self.document
        sides = [] if document is None else [document.view_renderer]
        if self.compare.view_renderer is not None:
            sides.append(self.compare.view_renderer)
        return Activity(
            moving=(self.moving or self._requested_moving) and self.recording.screen is None,
            pending=self.redraw.pending or self.recording.screen is not None,
            image_waits=any(side.worker.has_results for side in sides),
            rendering=any(side.worker.busy for side in sides),
            image_in=min((side.worker.image_in for side in sides), default=math.inf),
            next_change=self._next_change(document) - (time.monotonic() - self._updated),
            redraw_in=self.redraw.until_due,
            since_drawn=self.redraw.since_frame,
        )

    def _next_change(self, document: Document | None) -> float:
        """Return the time from the last update to the next one that is due, seconds."""
        if document is None or not self.moving:
            return 0.0  # the update after the last move requests the fine image
        if document.previewing or document.camera.fly_motion.moving:
            return MOTION_INTERVAL
        return min(document.playback.seconds_to_next, self.redraw.until_rest if self.redraw.recently_moved else math.inf)

    def set_backend(self, backend: str, threads: int | None) -> None:
        """Render everything with another backend or number of threads; an error becomes a dialog."""
        if self.rendering.choose(backend, threads):
            self.documents.replace_renderer(self.rendering.renderer)

    def update(self, seconds: float, fly_direction: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        """Advance clock and camera, take finished images, and request the next one.

        Args:
            seconds: time since the last call.
            fly_direction: right, down and forward, from the fly keys that are held.
        """
        self._updated = time.monotonic()
        self.documents.show_loaded()
        self.scenes.update()
        self.workspaces.update()
        self.documents.remember_choices()
        self.jobs.report_ended()
        self.camera_paths.take(self.documents.all)
        self._apply_settings()
        self.backgrounds.update(self.settings.view)
        self._save_changes()
        self.documents.reload_changed()
        document = self.document
        self._requested_moving = False
        if document is None:
            self.sound.silence()
            return
        self.sound.advance(document, seconds)
        if self.recording.screen is not None:
            clock = document.playback
            self.recording.screen.follow(document.video, clock.position / clock.fps if is_audible(clock) else None)
        self._move_camera(document, seconds, fly_direction)
        self._take_images(document)
        quality, camera = self.quality, document.camera.to_camera(*self.viewport.size)
        document.request(camera, quality)
        self._requested_moving = quality.moving
        second = replace(quality, shadow=None)  # that of the first side is drawn
        for result in self.compare.update(document.playback.time, camera, second, document.shown):
            self.redraw.request()
            if isinstance(result.error, DeviceFailed):
                self.compare.clear()
                self.messages.show_exception(result.error, "The comparison stopped", "Choose another backend to compare with.")

    def close(self) -> None:
        """Complete a screen recording, end all threads and save the settings."""
        self.recording.stop()
        self.jobs.close()
        self.sound.close()
        self.camera_paths.close()
        self.backgrounds.close()
        self.compare.clear()
        self.workspaces.close()
        while self.documents.all:
            self.documents.close(0)
        self.save_settings()

    def save_settings(self) -> None:
        """Write the settings file, if there is one."""
        self.documents.remember_choices()
        if self.settings_file is not None:
            try:
                save_settings(self.settings, self.settings_file, self._saved_settings)
                self._saved_settings = copy.deepcopy(self.settings)
            except InputError as error:
                self.messages.show_exception(error, "Cannot save the settings", CHECK_FOLDER)

    def _save_changes(self) -> None:
        """Save changed settings now and then: a viewer that is killed loses none, and another one sees them."""
        if time.monotonic() < self._next_save:
            return
        self._next_save = time.monotonic() + SAVE_SECONDS
        if self.settings != self._tried_settings:
            self._tried_settings = copy.deepcopy(self.settings)
            self.save_settings()

    def _forget_closed(self) -> None:
        """Keep no image of a document that was closed: on a graphics card it needs much memory."""
        self.compare.follow()
        if all(document.shown is not self.statistics.last for document in self.documents.all):
            self.statistics.last = None

    def _apply_settings(self) -> None:
        self.rendering.apply_settings(self._video_rate)
        renderers = [document.view_renderer for document in self.documents.all]
        for view_renderer in [*renderers, self.compare.view_renderer]:
            if view_renderer is not None and view_renderer.cache.budget != self.rendering.cache_bytes:
                view_renderer.cache.budget = self.rendering.cache_bytes

    def _move_camera(self, document: Document, seconds: float, fly_direction: tuple[float, float, float]) -> None:
        if not document.fitted and self.viewport.known:
            document.show_first(self.settings.navigation.initial_view, *self.viewport.size)
        if document.previewing:
            self._preview(document, seconds)
        if any(fly_direction) or document.camera.fly_motion.moving:
            document.camera.fly(min(seconds, LONGEST_FLY_STEP), fly_direction)
            self.redraw.record_motion()

    def _preview(self, document: Document, seconds: float) -> None:
        path = document.camera_path
        if not len(path):
            document.previewing = False
            return
        document.path_time += seconds
        if document.path_time > path.end:
            document.path_time = path.start
        show_path_time(document)
        self.redraw.record_motion()

    def _take_over(self, fault: DeviceFailed) -> bool:
        """Render everything with the next backend; return False if there is none."""
        failed = self.rendering.renderer
        if not self.rendering.take_over(fault):
            return False
        self.documents.replace_renderer(self.rendering.renderer)
        self.compare.replace_renderer(failed, self.rendering.renderer)
        return True

    def _take_images(self, document: Document) -> None:
        for result in document.take_results():
            self.redraw.request(0 if self.moving else 1)  # the statistics of an image at rest include its presentation
            if isinstance(result.error, DeviceFailed) and self._take_over(result.error):
                return
            if isinstance(result.error, DamagedData) and document.video.is_damaged(result.request.time):
                document.stop_at_damage(result.request.time)
                continue
            if result.error is not None:
                self.messages.show_exception(result.error, "Cannot render this view", ADVICE)
                continue
            self.statistics.record(result)
            self.rendering.measure(result)
