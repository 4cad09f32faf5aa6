"""Measure the window and the renderer together: --benchmark --window."""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from common.errors import InputError
from viewer.app.app import ViewerApp
from viewer.commands.describe import print_values
from viewer.commands.start import choose_settings, close, make_app, why_no_window
from viewer.window.window import Window

WARM_UP = 4.0
"""Seconds before the first measurement, in which frames are decoded and dynamic resolution settles."""

SETTLE = 2.0
"""Seconds before each later measurement."""

SECONDS = 8.0
"""Length of each measurement without --seconds."""

TURN = 0.5
"""Speed of the orbit, radians per second."""

MOUSE_EVENTS = 125
"""Events per second of a mouse that is dragged."""


@dataclass
class Measurement:
    """What is counted during one measurement, on the window's thread."""

    began: float = field(default_factory=time.perf_counter)
    """Wall clock at the beginning, seconds."""
    thread_began: float = field(default_factory=time.thread_time)
    """Processor time of the window's thread at the beginning, seconds."""
    process_began: float = field(default_factory=time.process_time)
    """Processor time of all threads at the beginning, seconds."""
    frames: int = 0
    """Frames that the window drew."""
    sizes: list[tuple[int, int]] = field(default_factory=list)
    """Width and height of each image that was shown, pixels."""

    def result(self, view: tuple[int, int]) -> dict[str, Any]:
        """Return the figures by name. The view's size is its width and height in pixels."""
        wall = time.perf_counter() - self.began
        width, height = (statistics.median(side) for side in zip(*self.sizes, strict=True)) if self.sizes else (0, 0)
        return {
            "images_per_second": round(len(self.sizes) / wall, 1),
            "image_width": int(width),
            "image_height": int(height),
            "share_of_view_sides": round(width / view[0], 3),
            "window_frames_per_second": round(self.frames / wall, 1),
            "window_thread_cores": round((time.thread_time() - self.thread_began) / wall, 3),
            "all_threads_cores": round((time.process_time() - self.process_began) / wall, 3),
        }


@dataclass(frozen=True)
class Phase:
    """One measurement: what happens in the window meanwhile."""

    name: str
    """Its name in the result."""
    playing: bool
    """Whether the video plays."""
    orbiting: bool
    """Whether the user drags the camera around the scene."""


PHASES = (Phase("playing", True, False), Phase("orbiting", False, True), Phase("idle", False, False))
"""All measurements, in order."""


class WindowMeter:
    """Drives a window through all phases and measures each.

    Args:
        window: the window, not yet shown, with one document.
        seconds: length of each measurement.
    """

    def __init__(self, window: Window, seconds: float) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        """The figures of each phase."""
        self._window, self._app, self._seconds = window, window.app, seconds
        self._phases = list(PHASES)
        self._measurement: Measurement | None = None
        self._next = self._last = 0.0
        self._shown: object = None
        callbacks = window.params.callbacks
        self._begin_frame, self._before_swap = callbacks.pre_new_frame, callbacks.before_swap
        callbacks.pre_new_frame, callbacks.before_swap = self._before_frame, self._after_drawing

    def _before_frame(self) -> None:
        now = time.perf_counter()
        if not self._next:
            self._next, self._last = now + WARM_UP, now
            self._prepare()
        elapsed, self._last = now - self._last, now
        document = self._app.document
        if document is not None and self._phases[0].orbiting:
            document.camera.orbit(TURN * elapsed, 0.0)
            self._app.redraw.record_motion()
        self._begin_frame()

    def _after_drawing(self) -> None:
        self._before_swap()
        now = time.perf_counter()
        if self._measurement is not None:
            self._count(self._measurement)
        if now < self._next:
            return
        if self._measurement is None:
            self._measurement, self._next = Measurement(), now + self._seconds
            return
        self.results[self._phases.pop(0).name] = self._measurement.result(self._app.viewport.size)
        self._measurement, self._next = None, now + SETTLE
        if self._phases:
            self._prepare()
        else:
            self._window.params.app_shall_exit = True

    def _prepare(self) -> None:
        document = self._app.document
        if document is not None and self._phases[0].playing:
            document.playback.play()
        elif document is not None:
            document.playback.pause()

    def _count(self, measurement: Measurement) -> None:
        measurement.frames += 1
        shown = self._app.document.shown if self._app.document is not None else None
        if shown is not self._shown and shown is not None and shown.image is not None:
            self._shown = shown
            measurement.sizes.append(shown.image.size)

    def run(self) -> None:
        """Show the window until everything is measured or the user closes it."""
        ended = threading.Event()
        mouse = threading.Thread(target=self._post_events, args=(ended,), daemon=True)
        mouse.start()
        try:
            self._window.run()
        finally:
            ended.set()
            mouse.join()

    def _post_events(self, ended: threading.Event) -> None:
        # A dragged mouse sends events. Without a mouse, something must end the idle phase as well.
        while not ended.wait(1 / MOUSE_EVENTS):
            if self._phases and (self._phases[0].orbiting or time.perf_counter() > self._next):
                self._app.redraw.wake()


def window_benchmark(options: argparse.Namespace) -> int:
    """Run --benchmark --window: play a bundle in the window, orbit, rest, and print what was shown and what it cost."""
    from viewer.app.files import read_video  # noqa: PLC0415 - loads PyTorch

    if reason := why_no_window():
        raise InputError("--window", reason, "use --benchmark alone, which needs no display")
    video = read_video(options.bundle, config=options.config)
    settings, _, _ = choose_settings(options.config)
    app = make_app(options, settings, None)
    window = Window(app, options.size or (1280, 800), keep_layout=False)
    meter = WindowMeter(window, options.seconds or SECONDS)
    try:
        app.documents.add(options.bundle, video)
        meter.run()
    finally:
        close(app)
    if len(meter.results) < len(PHASES):
        raise InputError("--benchmark --window", "was closed before everything was measured")
    print_values(_report(app, meter, options), options.json)
    return 0


def _report(app: ViewerApp, meter: WindowMeter, options: argparse.Namespace) -> dict[str, Any]:
    renderer, (width, height) = app.rendering.renderer, app.viewport.size
    measured_on = {"backend": renderer.name, "device": renderer.device, "threads": renderer.threads}
    return {**meter.results, "view_width": width, "view_height": height, "seconds": options.seconds or SECONDS, **measured_on}
