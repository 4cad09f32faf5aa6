"""Workspaces: what is saved comes back, bad files are refused, and a viewer that was killed loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.bundle.info import write_bundle
from renderer.select import create_renderer
from tests.factories import make_camera, make_video
from tests.viewer.conftest import open_document
from tests.waiting import wait_until
from viewer.app import workspaces
from viewer.app.app import ViewerApp
from viewer.app.workspace import read_workspace
from viewer.app.workspaces import newest_lost
from viewer.settings import Settings


def new_app(settings_file: Path | None = None) -> ViewerApp:
    """Return the state of a window without a window."""
    app = ViewerApp(create_renderer(background=True), Settings(), settings_file)
    app.settings.playback.autoplay = False
    app.settings.rendering.render_scale = 0.1
    return app


def open_two(app: ViewerApp, folder: Path) -> None:
    """Open two videos and change everything that a workspace has."""
    for name, frames in (("first", 8), ("second", 5)):
        write_bundle(make_video(seed=frames, num_frames=frames), folder / f"{name}.mlpvid")
        app.documents.open(folder / f"{name}.mlpvid")
        wait_until(lambda: not app.documents.loader.busy, lambda: app.update(0.01))
    app.documents.show(0)
    document = open_document(app)
    document.playback.set_in_point(2)
    document.playback.set_out_point(6)
    document.playback.toggle_marker(4, "jump")
    document.playback.seek(3)
    document.camera.snap_to(make_camera(64, 48, azimuth=1.3))
    document.camera_path.append(1.0, make_camera(64, 48, azimuth=0.4))
    document.camera_path.append(5.0, make_camera(64, 48, azimuth=0.9))
    document.camera_path.tension = 0.25
    app.settings.view.mode, app.settings.view.show_axes = "depth", True
    app.settings.window.layout, app.settings.window.inspector_width = "direct", 30.0


def check_two(app: ViewerApp) -> None:
    """Check that everything is as `open_two` made it."""
    wait_until(lambda: len(app.documents.all) == 2 and not app.workspaces.waiting, lambda: app.update(0.01))
    document = open_document(app)
    clock, path = document.playback, document.camera_path
    assert document.title == "first" and {d.title for d in app.documents.all} == {"first", "second"}
    assert (clock.time, clock.in_point, clock.out_point, clock.markers) == (3.0, 2, 6, {4: "jump"}) and not clock.playing
    expected = make_camera(64, 48, azimuth=1.3)
    np.testing.assert_allclose(document.camera.to_camera(*app.viewport.size).R, expected.R, atol=1e-9)
    assert [(k.time, k.frame) for k in path.keyframes] == [(0.0, 1.0), (1.0, 5.0)] and path.tension == 0.25
    np.testing.assert_allclose(path.keyframes[1].camera.K, make_camera(64, 48).K)
    assert (app.settings.view.mode, app.settings.view.show_axes) == ("depth", True)
    assert (app.settings.window.layout, app.settings.window.inspector_width) == ("direct", 30.0)
    assert not app.messages.errors and not document.camera.history.can_undo


def test_a_workspace_restores_what_was_saved(tmp_path: Path) -> None:
    first, second = new_app(), new_app()
    open_two(first, tmp_path)
    first.workspaces.save(tmp_path / "work.json")
    first.close()
    second.workspaces.open(tmp_path / "work.json")
    check_two(second)
    second.close()


def test_a_missing_video_is_reported_and_a_shorter_one_is_kept_within_its_frames(tmp_path: Path) -> None:
    app = new_app()
    open_two(app, tmp_path)
    app.workspaces.save(tmp_path / "work.json")
    (tmp_path / "second.mlpvid").unlink()
    write_bundle(make_video(seed=1, num_frames=3), tmp_path / "first.mlpvid")
    app.workspaces.open(tmp_path / "work.json")
    wait_until(lambda: bool(app.messages.errors) and not app.workspaces.waiting, lambda: app.update(0.01))
    clock = open_document(app).playback
    assert [fault.title for fault in app.messages.errors] == ["Cannot open second.mlpvid"]
    assert (clock.in_point, clock.out_point, clock.time, clock.markers) == (2, 2, 2.0, {})
    app.close()


DAMAGES: dict[str, Any] = {
    "the path of a bundle": lambda values: values["documents"][0].update(path=""),
    "is not a workspace": lambda values: values.pop("workspace"),
    "newer than this viewer": lambda values: values.update(workspace=2),
    "list of documents": lambda values: values.update(documents=5),
    "path of a bundle": lambda values: values["documents"][0].pop("path"),
    "camera": lambda values: values["documents"][0].pop("camera"),
    "playhead": lambda values: values["documents"][0]["playhead"].update(time=-1.0),
    "keyframe": lambda values: values["documents"][0].update(camera_path={"keyframes": [1]}),
    "view": lambda values: values["view"].update(mode="nothing"),
    "layout": lambda values: values["layout"].update(layout=7),
}


@pytest.mark.parametrize("fault", DAMAGES)
def test_a_bad_file_is_refused_and_changes_nothing(app: ViewerApp, tmp_path: Path, fault: str) -> None:
    app.workspaces.save(tmp_path / "work.json")
    values = json.loads((tmp_path / "work.json").read_text())
    DAMAGES[fault](values)
    (tmp_path / "bad.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=fault) as caught:
        app.workspaces.open(tmp_path / "bad.json")
    assert "bad.json" in str(caught.value) and len(app.documents.all) == 1
    assert read_workspace(tmp_path / "work.json").documents[0].path == open_document(app).path


def test_a_killed_viewer_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspaces, "KEEP_SECONDS", 0.0)
    sessions, settings = tmp_path / "config" / "sessions", tmp_path / "config" / "settings.yaml"
    killed = new_app(settings)
    assert killed.workspaces.lost is None
    open_two(killed, tmp_path)
    killed.workspaces._next = 0.0
    own = sessions / f"{os.getpid()}.json"
    kept = '"layout": "direct"'
    wait_until(lambda: own.is_file() and kept in own.read_text(), lambda: killed.update(0.01))
    assert newest_lost(sessions) is None, "this process still runs"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    own.rename(sessions / f"{ended.pid}.json")
    killed.workspaces._kept = None
    killed.close()
    again = new_app(settings)
    assert again.workspaces.lost == sessions / f"{ended.pid}.json"
    again.workspaces.recover()
    check_two(again)
    again.close()
    assert not list(sessions.iterdir()), "a viewer that ends as it should leaves nothing"
