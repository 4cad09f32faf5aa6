"""Edits of the camera path share the undo history of the camera moves. Using a path changes nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import waiting
from tests.viewer.conftest import DriveWindow, open_document, wait_until
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.drop import take_dropped
from viewer.app.path_edits import path_state, record_path_edit, show_path_time
from viewer.camera.history import CameraHistory


def two_keyframes(app: ViewerApp) -> tuple[Document, ActionRunner]:
    """Return a document with a path of two keyframes, frames 0 and 7, and the runner of its actions."""
    document, actions = open_document(app), ActionRunner(app)
    actions.run("path.add")
    document.playback.seek(7)
    document.camera.orbit(0.3, 0.0)
    actions.run("path.add")
    return document, actions


@pytest.mark.parametrize("preset", ["path.orbit", "path.spiral"])
def test_a_preset_gives_the_keyframes_back(app: ViewerApp, preset: str) -> None:
    document, actions = two_keyframes(app)
    before = path_state(document)
    actions.run(preset)
    replaced = path_state(document)
    assert not replaced.same_path(before) and "Ctrl+Z restores its 2 keyframes" in app.messages.last
    actions.run("camera.undo")
    assert path_state(document) == before
    actions.run("camera.redo")
    assert path_state(document) == replaced
    actions.run("camera.undo")
    assert path_state(document) == before


def test_a_preset_on_an_empty_path_does_not_mention_undo(app: ViewerApp) -> None:
    ActionRunner(app).run("path.orbit")
    assert app.messages.last == ""


def test_path_and_camera_are_undone_in_the_order_of_their_changes(app: ViewerApp) -> None:
    document, actions = open_document(app), ActionRunner(app)
    document.camera.history = CameraHistory()
    first = document.camera.state
    actions.run("path.add")
    document.camera.orbit(0.3, 0.0)
    second = document.camera.state
    actions.run("path.orbit")
    for keyframes, state in ((1, second), (1, first), (0, first)):
        actions.run("camera.undo")
        assert len(document.camera_path) == keyframes and document.camera.state is state
    assert not document.camera.history.can_undo
    for keyframes, state in ((1, first), (1, second), (13, second)):
        actions.run("camera.redo")
        assert len(document.camera_path) == keyframes and document.camera.state is state
    assert not document.camera.history.can_redo


@pytest.mark.parametrize("edit", ["path.add", "path.replace", "path.remove", "drop"])
def test_every_edit_can_be_undone(app: ViewerApp, tmp_path: Path, edit: str) -> None:
    document, actions = two_keyframes(app)
    document.camera_path.save(tmp_path / "path.json")
    before = path_state(document)
    document.playback.seek(3)
    if edit == "drop":
        keyframes = document.camera_path.keyframes
        take_dropped(app, str(tmp_path / "path.json"))
        waiting.wait_until(lambda: document.camera_path.keyframes != keyframes, lambda: app.update(0.0))
    else:
        actions.run(edit)
    assert not path_state(document).same_path(before)
    actions.run("camera.undo")
    assert path_state(document) == before


def test_edits_without_effect_are_not_in_the_history(app: ViewerApp) -> None:
    document = open_document(app)
    document.camera.history = CameraHistory()
    record_path_edit(document, path_state(document))
    assert not document.camera.history.can_undo


def test_undoing_a_path_ends_its_preview(app: ViewerApp) -> None:
    document, actions = two_keyframes(app)
    actions.run("path.preview")
    assert document.previewing
    actions.run("camera.undo")
    assert not document.previewing


def test_using_a_path_shows_instants_between_frames_and_leaves_the_mode_alone(app: ViewerApp) -> None:
    document, actions = two_keyframes(app)
    clock = document.playback
    document.path_time = 0.5
    show_path_time(document)
    assert clock.time == pytest.approx(document.camera_path.frame(0.5), abs=0.125) and clock.time % 1 > 0
    assert not clock.sub_frame and not app.settings.playback.sub_frame
    clock.seek(4.6)
    assert clock.time == 4
    actions.run("path.next")
    assert clock.time == 7 and not clock.sub_frame


def test_preview_leaves_the_mode_of_time_alone(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document, actions = two_keyframes(app)
        actions.run("path.preview")
        wait_until(context, lambda: document.playback.time % 1 > 0)
        actions.run("path.preview")
        assert not document.playback.sub_frame
        actions.run("playback.toggle")
        context.yield_(3)
        assert document.playback.time % 1 == 0

    drive(app, look)
