"""Very many capture cameras and keyframes cost the window no more per frame than some."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.camera import Camera
from tests import waiting
from tests.factories import make_camera
from tests.viewer.conftest import DriveWindow, open_document, wait_for_image, wait_until
from viewer.app import path_loading
from viewer.app.app import ViewerApp
from viewer.app.drop import take_dropped
from viewer.camera_path.foreign import SceneTimes
from viewer.camera_path.path import CameraPath
from viewer.panels import camera as camera_panel
from viewer.picture import frustums
from viewer.view.overlays import Label

CAMERAS = 15_000
KEYFRAMES = 20_000


def count_work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the pyramids, buttons, labels and projections of cameras from now on."""
    work: Counter[str] = Counter()

    def counted(owner: Any, name: str) -> None:
        plain = getattr(owner, name)

        def count(*arguments: Any, **options: Any) -> Any:
            work[name] += 1
            return plain(*arguments, **options)

        monkeypatch.setattr(owner, name, count)

    for owner, name in ((frustums, "frustum_segments"), (camera_panel, "button"), (Label, "draw"), (Camera, "project")):
        counted(owner, name)
    return work


@pytest.mark.slow
def test_many_capture_cameras(app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    document, some = open_document(app), [make_camera(64, 48, azimuth=0.4 * k) for k in range(16)]
    cameras = [some[k % 16] for k in range(CAMERAS)]
    document.video.metadata = replace(document.video.metadata, cameras=cameras)
    app.settings.view.show_cameras = True
    work: Counter[str] = Counter()

    def look(context: Any) -> None:
        app.window.focus_panel("Camera")
        wait_for_image(context, app)
        document.camera.dolly(-6)
        left, top, width, height = app.viewport.place
        context.mouse_move_to_pos((left + width / 2, top + height / 2))
        context.yield_(5)
        found = count_work(monkeypatch)
        context.yield_(10)
        work.update(found)

    drive(app, look)
    assert 0 < work["button"] <= 10 * 400 and 0 < work["draw"] <= 10 * frustums.MAX_FRUSTUMS
    assert work["frustum_segments"] == 0, "they are computed once"
    assert 0 < work["project"] <= 10 * 20


@pytest.mark.slow
def test_many_keyframes_are_read_on_another_thread(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    camera = make_camera(64, 48).to_dict()
    text = [{"time": k / 100, "frame": k % 12, "camera": camera} for k in range(KEYFRAMES)]
    (tmp_path / "long.json").write_text(json.dumps({"keyframes": text}))
    readers, load = set(), path_loading.load_any

    def note(path: Path, times: SceneTimes) -> CameraPath:
        readers.add(threading.current_thread().name)
        return load(path, times)

    monkeypatch.setattr(path_loading, "load_any", note)
    app.settings.view.show_path = True
    built: list[int] = []

    def look(context: Any) -> None:
        document, work = open_document(app), count_work(monkeypatch)
        take_dropped(app, str(tmp_path / "long.json"))
        assert len(document.camera_path) == 0, "the window goes on"
        wait_until(context, lambda: len(document.camera_path) == KEYFRAMES)
        context.yield_(5)
        built.append(work["frustum_segments"])
        work.clear()
        context.yield_(10)
        built.append(work["frustum_segments"])
        assert not app.messages.errors

    drive(app, look)
    assert len(readers) == 1 and "camera path" in readers.pop()
    assert built[0] <= frustums.MAX_FRUSTUMS + 10 and built[1] <= 10, "the chosen one alone"


def test_a_path_that_cannot_be_read_is_reported(app: ViewerApp, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"keyframes": [5]}')
    take_dropped(app, str(tmp_path / "bad.json"))
    waiting.wait_until(lambda: app.messages.errors, lambda: app.update(0.01))
    assert app.messages.errors[0].title == "Cannot load bad.json" and "keyframe 0" in app.messages.errors[0].reason


def test_a_path_of_a_closed_document_is_dropped(app: ViewerApp, tmp_path: Path) -> None:
    path = CameraPath()
    path.append(0.0, make_camera(8, 8))
    path.save(tmp_path / "path.json")
    document = open_document(app)
    take_dropped(app, str(tmp_path / "path.json"))
    app.documents.close(0)
    waiting.wait_until(lambda: app.camera_paths._task is not None and not app.camera_paths._task.busy, lambda: app.update(0.01))
    assert len(document.camera_path) == 0 and not app.messages.errors
