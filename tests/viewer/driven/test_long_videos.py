"""A long video in the window: it plays across seams, shows what it waits for, and damaged segments do not stop the others."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from model import segment_store
from model.bundle.info import read_bundle
from model.segmented_video import SegmentedVideo
from tests.model.bundle.segment_files import damage_segment, segment_videos, write_row
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.app.document import Document, Sampling


def _long(path: Path, overlap: int = 1) -> SegmentedVideo:
    video = read_bundle(write_row(path, segment_videos([4, 4, 4, 4]), overlap))
    assert isinstance(video, SegmentedVideo)
    return video


def _open(app: ViewerApp, path: Path) -> tuple[Document, SegmentedVideo]:
    video = _long(path)
    app.documents.add(path, video)
    return open_document(app), video


@pytest.mark.slow
def test_a_long_video_plays_through_all_segments(
    app: ViewerApp, drive: DriveWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_store, "SEGMENT_MEMORY", 0)  # as if the segments were large
    document, video = _open(app, tmp_path / "long.mlpvid")

    def look(context: Any) -> None:
        wait_for_image(context, app)
        for panel in app.window.panels:
            app.window.focus_panel(panel)
            context.yield_(3)
        seen: set[float] = set()
        document.playback.play()  # in a loop

        def played() -> bool:
            if document.shown is not None and document.shown.frame is not None:
                seen.add(document.shown.frame.time)
            assert len(video.store.loaded) <= 2
            return seen >= {float(frame) for frame in range(video.num_frames)}

        wait_until(context, played)
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_the_window_keeps_the_picture_and_marks_that_it_waits(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    document, video = _open(app, tmp_path / "long.mlpvid")
    gate, load = threading.Event(), video.store._load

    def slow(data: int, check: Any) -> Any:
        assert gate.wait(60)
        return load(data, check)

    video.store._load = slow

    def look(context: Any) -> None:
        wait_for_image(context, app)
        before = document.shown
        document.playback.seek(12.0)
        wait_until(context, lambda: document.buffering)
        context.yield_(10)  # the window goes on
        assert document.shown is before
        screenshot(context, "buffering")
        gate.set()
        wait_for_image(context, app)
        assert not document.buffering and document.shown is not before
        assert document.cells(12.0).shape == video.config.occupancy.resolution

    drive(app, look)


def test_tau1_applies_to_every_segment(tmp_path: Path, app: ViewerApp) -> None:
    document, _ = _open(app, tmp_path / "long.mlpvid")
    document.set_sampling(Sampling(tau1=1e9))  # nothing is as dense
    for time in (0.0, 7.0, 12.0):
        document.view_renderer.cache.get(time)
        assert document.knows_cells(time) and not document.cells(time).any()
    document.set_sampling(Sampling())
    document.view_renderer.cache.get(7.0)
    assert document.cells(7.0).any()


def test_a_damaged_segment_fails_alone(tmp_path: Path, app: ViewerApp) -> None:
    path = write_row(tmp_path / "a.mlpvid", segment_videos([4, 4, 4]))
    damage_segment(path, 1)
    app.documents.add(path, read_bundle(path))
    cache = open_document(app).view_renderer.cache
    assert cache.get(0.0).time == 0.0
    with pytest.raises(InputError, match=r"segments\.1\.hash\.tables is damaged"):
        cache.get(5.0)
    assert cache.get(9.0).time == 9.0
