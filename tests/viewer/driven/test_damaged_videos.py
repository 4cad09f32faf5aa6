"""A long video with a damaged segment in the window: it asks, plays the rest, and shows where the damage is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.file_server import FileServer
from tests.model.bundle.segment_files import damage_segment, segment_videos, write_row
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.app.places import place_of

DIALOG = "//###damage"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle of frames 0 to 11, of which 4 to 7 are damaged."""
    path = write_row(tmp_path / "long.mlpvid", segment_videos([4, 4, 4]))
    damage_segment(path, 1)
    return path


def opened(app: ViewerApp, context: Any, place: str) -> None:
    """Open a video, and wait for its first image."""
    app.documents.open(place_of(place))
    wait_until(context, lambda: len(app.documents.all) == 2)
    wait_for_image(context, app)


def show_every_frame(app: ViewerApp, patch: pytest.MonkeyPatch) -> None:
    """Let hardly any time pass before the frame that is due is shown: a busy machine would skip some in each loop."""
    update = app.update

    def slowly(_seconds: float, *others: Any) -> None:
        document = open_document(app)
        time, shown = document.playback.time, document.shown
        due = bool(document.damage_at(time)) or (shown is not None and shown.frame is not None and shown.frame.time == time)
        update((0.5 if due else 0.01) / document.playback.fps, *others)

    patch.setattr(app, "update", slowly)


@pytest.mark.slow
@pytest.mark.parametrize("served", [False, True])
def test_the_rest_is_played_after_a_question(
    app: ViewerApp, drive: DriveWindow, bundle: Path, monkeypatch: pytest.MonkeyPatch, served: bool
) -> None:
    app.settings.streaming.folder = str(bundle.parent / "cache")
    show_every_frame(app, monkeypatch)

    def look(context: Any) -> None:
        with FileServer(bundle.read_bytes()) as server:
            opened(app, context, server.url if served else str(bundle))
            document = open_document(app)
            document.playback.play()  # in a loop
            wait_until(context, lambda: bool(document.damage_found))
            context.yield_(3)
            assert document.damage_found == "Frames 4 to 7 are damaged." and not document.playback.playing
            screenshot(context, f"damage-question-{served}")
            context.item_click(f"{DIALOG}/Play the rest")
            seen: set[float] = set()

            def played() -> bool:
                if document.shown is not None and document.shown.frame is not None:
                    seen.add(document.shown.frame.time)
                return document.playback.playing and seen >= {0.0, 1.0, 2.0, 3.0, 8.0, 9.0, 10.0, 11.0}

            wait_until(context, played)
            document.playback.pause()
            document.playback.seek(5.0)
            context.yield_(4)
            screenshot(context, f"damage-placeholder-{served}")
            assert document.damage_at(5.0) == "Frames 4 to 7 are damaged." and not document.buffering
            document.playback.seek(9.0)
            wait_for_image(context, app)
            screenshot(context, f"damage-rest-{served}")
            assert not document.damage_found, "it asks once"
            assert not app.messages.errors and seen.isdisjoint({4.0, 5.0, 6.0, 7.0})

    drive(app, look)


@pytest.mark.slow
def test_close_and_a_video_that_is_damaged_from_the_start(app: ViewerApp, drive: DriveWindow, bundle: Path) -> None:
    damage_segment(bundle, 0)
    damage_segment(bundle, 1)  # a second time: it is whole again

    def look(context: Any) -> None:
        app.documents.open(bundle)
        wait_until(context, lambda: len(app.documents.all) == 2 and bool(open_document(app).damage_found))
        context.yield_(3)
        assert open_document(app).damage_found == "Frames 0 to 3 are damaged."
        screenshot(context, "damage-at-first")
        context.item_click(f"{DIALOG}/Close")
        context.yield_(3)
        assert [document.path.name for document in app.documents.all] == ["random.mlpvid"] and not app.messages.errors

    drive(app, look)
