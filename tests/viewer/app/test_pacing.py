"""How long the window waits: it draws what arrives, answers input, and leaves the cores to the renderer otherwise."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import pytest

from tests.viewer.conftest import open_document
from viewer.app.app import ViewerApp
from viewer.app.pacing import HEARTBEAT, IMAGE_GRACE, INPUT_INTERVAL, SLEEP, Activity
from viewer.playback.clock import LoopMode, Playback
from viewer.window import window as window_module
from viewer.window.window import Window

STILL = Activity(
    moving=False,
    pending=False,
    image_waits=False,
    rendering=False,
    image_in=math.inf,
    next_change=0.0,
    redraw_in=math.inf,
    since_drawn=9.0,
)
PLAYING = dataclasses.replace(STILL, moving=True, next_change=0.02, since_drawn=0.01)


@pytest.mark.parametrize(
    ("activity", "changes", "wait"),
    [
        (STILL, {}, SLEEP),
        (STILL, {"rendering": True}, SLEEP),
        (STILL, {"redraw_in": 0.3}, 0.3),
        (STILL, {"pending": True}, 0.0),
        (STILL, {"pending": True, "rendering": True}, 0.0),
        (STILL, {"image_waits": True}, 0.0),
        (PLAYING, {}, 0.02),
        (PLAYING, {"next_change": 5.0}, HEARTBEAT - 0.01),
        (PLAYING, {"rendering": True}, HEARTBEAT - 0.01),
        (PLAYING, {"rendering": True, "image_waits": True}, 0.0),
        (PLAYING, {"rendering": True, "pending": True}, INPUT_INTERVAL - 0.01),
        (PLAYING, {"rendering": True, "pending": True, "since_drawn": 0.2}, 0.0),
        (PLAYING, {"rendering": True, "pending": True, "image_in": IMAGE_GRACE + 0.001}, INPUT_INTERVAL - 0.01),
        (PLAYING, {"rendering": True, "pending": True, "image_in": IMAGE_GRACE / 2}, INPUT_INTERVAL + IMAGE_GRACE - 0.01),
        (PLAYING, {"rendering": True, "pending": True, "image_in": -IMAGE_GRACE / 2}, INPUT_INTERVAL + IMAGE_GRACE - 0.01),
        (PLAYING, {"rendering": True, "pending": True, "image_in": -0.1}, INPUT_INTERVAL - 0.01),
        (PLAYING, {"rendering": True, "pending": True, "image_in": 0.001, "since_drawn": 0.2}, 0.0),
        (PLAYING, {"pending": True}, 0.0),
    ],
)
def test_the_window_waits_as_long_as_nothing_has_to_be_drawn(activity: Activity, changes: dict[str, Any], wait: float) -> None:
    assert dataclasses.replace(activity, **changes).wait == pytest.approx(wait)


def test_an_update_is_due_when_the_next_frame_is_and_the_renderer_is_free() -> None:
    due = dataclasses.replace(PLAYING, next_change=-0.001)
    assert due.update_due and not PLAYING.update_due
    assert not dataclasses.replace(due, rendering=True).update_due, "the next request would only wait"
    assert not dataclasses.replace(due, moving=False).update_due


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sub_frame", [False, True])
@pytest.mark.parametrize("mode", list(LoopMode))
def test_the_clock_knows_when_its_time_changes(reverse: bool, sub_frame: bool, mode: LoopMode) -> None:
    clock = Playback(7, 24.0)
    clock.speed, clock.reverse, clock.sub_frame, clock.mode = 0.5, reverse, sub_frame, mode
    assert clock.seconds_to_next == math.inf
    clock.seek(3)
    clock.play()
    clock.advance(0.013)
    for _ in range(3):
        shown, seconds = clock.time, clock.seconds_to_next
        assert 0 < seconds <= (1 / 8 if sub_frame else 1) / 12 + 1e-9
        clock.advance(seconds * 0.99)
        assert clock.time == shown
        clock.advance(seconds * 0.01 + 1e-5)
        assert clock.time != shown


class Bench:
    """A window that is not shown, a clock that only waiting moves, and a renderer that takes as long as the test wants."""

    def __init__(self, app: ViewerApp, monkeypatch: pytest.MonkeyPatch, render_seconds: float) -> None:
        self.now, self.frames, self.updates, self.shown, self._render_seconds = 100.0, 0, 0, 0, render_seconds
        self._app, self._ready = app, math.inf
        fake = SimpleNamespace(perf_counter=lambda: self.now, monotonic=lambda: self.now)
        for module in ("viewer.window.window.clock", "viewer.app.redraw.time", "viewer.app.app.time"):
            monkeypatch.setattr(module, fake)
        monkeypatch.setattr(window_module, "input_waits", lambda: False)
        app.viewport.size = (640, 480)
        self.window = Window(app, keep_layout=False, simulated=True)
        monkeypatch.setattr(self.window, "_update", self._update)
        monkeypatch.setattr(type(app), "activity", property(lambda _: self._activity()))
        self._requested: float | None = None

    def _activity(self) -> Activity:
        clock, redraw = open_document(self._app).playback, self._app.redraw
        due = clock.seconds_to_next - (self.now - self._updated)
        waits = self.now >= self._ready
        image_in = self._ready - self.now
        rendering = self._ready < math.inf and not waits
        return Activity(True, redraw.pending, waits, rendering, image_in, due, math.inf, redraw.since_frame)

    _updated = 100.0

    def _update(self) -> None:
        self.updates += 1
        clock = open_document(self._app).playback
        if self.now >= self._ready:
            self._ready, self.shown = math.inf, self.shown + 1
        clock.advance(self.now - self._updated)
        self._updated = self.now
        if self._ready == math.inf and clock.time != self._requested:
            self._requested, self._ready = clock.time, self.now + self._render_seconds

    def _wait(self, seconds: float) -> None:
        self.now = min(self.now + seconds, max(self._ready, self.now)) + 1e-6

    def play(self, seconds: float) -> None:
        """Run the window's loop for this long."""
        open_document(self._app).playback.play()
        end = self.now + seconds
        while self.now < end:
            self.window.wait_for_work(self._wait)
            self.frames += 1
            self.window._begin_frame()


@pytest.mark.parametrize(("render_seconds", "images"), [(0.004, 60), (0.025, 60), (0.05, 40)])
def test_playing_draws_one_frame_for_each_image(
    app: ViewerApp, monkeypatch: pytest.MonkeyPatch, render_seconds: float, images: int
) -> None:
    open_document(app).playback.reset(12, 30.0)
    bench = Bench(app, monkeypatch, render_seconds)
    bench.play(2.0)
    assert images - 3 <= bench.shown <= images + 1, "no time is lost between two images"
    assert bench.frames <= bench.shown + 5, "nothing else is drawn"
    assert bench.updates <= 2 * bench.shown + 10


def test_slow_images_do_not_freeze_the_window(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(app, monkeypatch, 0.7)
    bench.play(3.0)
    assert 1 / HEARTBEAT * 3 - 5 <= bench.frames <= 1 / HEARTBEAT * 3 + 8


def test_an_update_that_fails_does_not_stop_the_window(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(app, keep_layout=False, simulated=True)
    due: list[int] = []
    waits: list[float] = []
    monkeypatch.setattr(type(app), "activity", dataclasses.replace(PLAYING, next_change=-1.0))
    monkeypatch.setattr(window, "_update", lambda: due.append(1))
    window.wait_for_work(waits.append)
    assert len(due) == 1 and not waits
