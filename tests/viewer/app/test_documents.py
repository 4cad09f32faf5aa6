"""Documents start with the settings, and what the user changes in one becomes the default of later ones."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.factories import make_video
from tests.viewer.conftest import open_document
from viewer.app import documents
from viewer.app.app import ViewerApp
from viewer.app.document import Sampling
from viewer.playback.clock import LoopMode


def test_later_documents_start_with_what_was_changed(app: ViewerApp) -> None:
    first = open_document(app)
    first.playback.speed, first.playback.mode = 2.0, LoopMode.ONCE
    first.camera.roll_locked = False
    first.camera.fly_motion.speed = 4.0
    second = app.documents.add(Path("second.mlpvid"), make_video(num_frames=3))
    assert (second.playback.speed, second.playback.mode) == (2.0, LoopMode.ONCE)
    assert not second.camera.roll_locked and second.camera.fly_motion.speed == 4.0
    second.playback.speed = 0.5
    app.update(0.0)
    assert app.settings.playback.speed == 0.5 and first.playback.speed == 2.0


def test_an_unchanged_document_leaves_the_settings_alone(app: ViewerApp) -> None:
    app.settings.playback.mode = "once"  # as the settings dialog does for videos opened later
    open_document(app).playback.speed = 3.0
    app.update(0.0)
    assert (app.settings.playback.mode, app.settings.playback.speed) == ("once", 3.0)


def test_a_first_frame_shows_its_instant_and_is_no_default(app: ViewerApp) -> None:
    app.settings.playback.autoplay = True
    document = app.documents.add(Path("second.mlpvid"), make_video(num_frames=3), frame=1.5)
    app.update(0.0)
    assert document.playback.time == 1.5 and not document.playback.playing
    assert document.playback.sub_frame and not app.settings.playback.sub_frame


def test_sampling_belongs_to_the_document(app: ViewerApp) -> None:
    first = open_document(app)
    first.set_sampling(Sampling(steps_per_diagonal=40, tau2=0.1))
    assert app.quality.settings.steps_per_diagonal == 40 and app.quality.settings.weight_threshold == 0.1
    app.documents.add(Path("second.mlpvid"), make_video(num_frames=3))
    assert app.quality.settings.steps_per_diagonal is None


def test_frames_take_the_memory_of_the_device_unless_the_user_limits_them(
    app: ViewerApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = open_document(app).view_renderer.cache
    assert cache.room == 640 << 20
    for name in ("frame_memory", "frame_memory_left"):
        monkeypatch.setattr(app.rendering.renderer, name, 9 << 30, raising=False)
    assert cache.room == 9 << 30
    app.settings.rendering.cache_mebibytes = 100
    app.update(0.0)
    assert cache.room == 100 << 20


def test_the_cache_follows_the_settings(app: ViewerApp) -> None:
    app.settings.rendering.cache_mebibytes = 100
    app.update(0.0)
    assert open_document(app).view_renderer.cache.budget == 100 << 20


def test_memory_is_given_back_after_a_tab_was_closed(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    given_back = threading.Event()
    monkeypatch.setattr(documents, "_RETURN_AFTER", 0.0)
    monkeypatch.setattr(documents, "return_free_memory", given_back.set)
    open_document(app)
    assert not given_back.wait(0.05)
    app.documents.close(0)
    assert given_back.wait(10.0)
