"""Read a bundle again: never an older state of the file, and the user's choices are kept where possible."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.atomic import atomic_write
from model.bundle.info import read_bundle, write_bundle
from model.video import VolumetricVideo
from tests.factories import make_video
from tests.viewer.conftest import open_document
from tests.waiting import TIMEOUT, wait_until
from viewer.app import files as app_files
from viewer.app.app import ViewerApp


def write(path: Path, frames: int, seed: int = 0) -> None:
    """Write a bundle whose file time depends on its length."""
    write_bundle(make_video(seed=seed, num_frames=frames), path)
    os.utime(path, (1000 + frames, 1000 + frames))


def update_until(app: ViewerApp, condition: Callable[[], bool]) -> None:
    """Update the app without a window until a condition holds."""
    wait_until(condition, lambda: app.update(0.0))


@pytest.fixture
def changing(app: ViewerApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an open file that the app checks for changes at every update."""
    monkeypatch.setattr(app_files, "WATCH_INTERVAL", 0.0)
    path = tmp_path / "changing.mlpvid"
    write(path, 3)
    app.documents.open(path)
    update_until(app, lambda: len(app.documents.all) == 2)
    return path


def test_a_change_while_the_file_is_read_is_not_missed(app: ViewerApp, changing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [lambda: write(changing, 5)]

    def read(path: Path) -> VolumetricVideo:
        video = read_bundle(path)
        if changes:
            changes.pop()()
        return video

    monkeypatch.setattr(app_files, "read_bundle", read)
    document = open_document(app)
    write(changing, 4)
    update_until(app, lambda: document.video.num_frames == 5)
    assert not app.messages.errors


def test_a_reload_during_another_one_is_done_after_it(app: ViewerApp, changing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, reading, go_on = open_document(app), threading.Event(), threading.Event()
    monkeypatch.setattr(app.documents, "reload_changed", lambda: None)

    def read(path: Path) -> VolumetricVideo:
        video = read_bundle(path)
        reading.set()
        assert go_on.wait(TIMEOUT)
        return video

    monkeypatch.setattr(app_files, "read_bundle", read)
    app.documents.reload(document)
    assert reading.wait(TIMEOUT)
    write(changing, 7)
    app.documents.reload(document)
    app.documents.reload(document)
    go_on.set()
    update_until(app, lambda: not app.documents.loader.loading and document.video.num_frames == 7)
    assert len(app.documents.all) == 2


def test_a_file_that_can_no_longer_be_opened_stays_open_and_recent(app: ViewerApp, changing: Path) -> None:
    with atomic_write(changing) as other:  # the old one is mapped into memory
        other.write_bytes(b"half")
    app.documents.reload(open_document(app))
    update_until(app, lambda: bool(app.messages.errors))
    assert str(changing) in app.settings.recent_files and open_document(app).video.num_frames == 3


def test_what_was_set_stays_where_it_can(app: ViewerApp) -> None:
    document = open_document(app)
    clock = document.playback
    clock.set_in_point(2)
    clock.set_out_point(8)
    document.replace_video(make_video(seed=1, num_frames=12))
    assert (clock.in_point, clock.out_point) == (2, 8)
    document.replace_video(make_video(seed=1, num_frames=9))
    assert (clock.in_point, clock.out_point) == (0, 8)


def test_the_up_of_the_new_video_is_taken_over_when_it_is_another_one(app: ViewerApp) -> None:
    document = open_document(app)
    document.camera.set_up((0, 1, 0))
    document.replace_video(make_video(seed=1, num_frames=12))
    np.testing.assert_array_equal(document.camera.up, (0, 1, 0))  # the user's choice
    video = make_video(seed=2, num_frames=12)
    video.metadata = replace(video.metadata, up=(1.0, 0.0, 0.0))
    document.replace_video(video)
    np.testing.assert_array_equal(document.camera.up, (1, 0, 0))
