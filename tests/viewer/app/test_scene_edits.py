"""Scenes that are edited in the window: what is shown, decoded, undone, saved and restored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from common.streaming.address import Address
from model.bundle.info import write_bundle
from model.camera import Camera
from model.placement import Placement
from model.scene import PlacedVideo, Scene
from model.video import VolumetricVideo
from renderer.cpu.renderer import CpuRenderer
from renderer.scene.renderer import SceneRenderer
from renderer.select import create_renderer
from tests.factories import make_camera, make_video
from tests.viewer.conftest import open_document
from tests.waiting import wait_until
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.files import read_video
from viewer.app.scene_edits import crop_of, names_of
from viewer.app.scene_file import write_scene
from viewer.settings import Settings

PLACE = Placement((0.5, -0.25, 0.125), (10.0, -20.0, 30.0), 0.5)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[ViewerApp]:
    """The state of a window with one bundle of 6 frames open; b.mlpvid with 4 frames is beside it."""
    made = new_app()
    for name, frames in (("a", 6), ("b", 4)):
        write_bundle(make_video(seed=frames, num_frames=frames), tmp_path / f"{name}.mlpvid")
    made.documents.open(tmp_path / "a.mlpvid")
    wait_until(lambda: bool(made.documents.all), lambda: made.update(0.01))
    yield made
    made.close()


def new_app() -> ViewerApp:
    """Return the state of a window without a window."""
    made = ViewerApp(create_renderer("cpu", background=True), Settings())
    made.settings.playback.autoplay = False
    made.settings.rendering.smooth_at_rest, made.settings.rendering.render_scale = False, 0.1
    return made


def add(app: ViewerApp, path: Path) -> Document:
    """Add a bundle to the front document's scene."""
    app.scenes.add(open_document(app), path)
    wait_until(lambda: not app.scenes.adding, lambda: app.update(0.01))
    return open_document(app)


def shown(app: ViewerApp) -> np.ndarray:
    """Return the finished picture of the front document."""
    document = open_document(app)
    app.update(0.0)
    wait_until(lambda: document.view_renderer.finished, lambda: app.update(0.0))
    assert document.shown is not None and document.shown.image is not None
    return document.shown.image.rgba


def test_a_bundle_becomes_a_scene_and_again_a_bundle(app: ViewerApp, tmp_path: Path) -> None:
    alone = shown(app)
    document = add(app, tmp_path / "b.mlpvid")
    assert isinstance(document.video, Scene) and document.selected_video == 1
    assert [p.path for p in document.placed] == [tmp_path / "a.mlpvid", tmp_path / "b.mlpvid"]
    assert names_of(document.placed) == ["a", "b"]
    both = shown(app)
    assert not np.array_equal(both, alone)
    document.camera.undo()
    assert not isinstance(document.video, Scene) and np.array_equal(shown(app), alone)
    document.camera.redo()
    assert np.array_equal(shown(app), both)
    app.scenes.remove(document, 1)
    app.scenes.settle()
    assert not isinstance(document.video, Scene) and not app.messages.errors


def test_edits_decode_nothing_again(app: ViewerApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = add(app, tmp_path / "b.mlpvid")
    prepared: list[float] = []
    document.playback.seek(2)
    first = shown(app)
    prepare: Callable[..., object] = CpuRenderer.prepare

    def counted(self: CpuRenderer, video: VolumetricVideo, time: float) -> object:
        prepared.append(time)
        return prepare(self, video, time)

    monkeypatch.setattr(CpuRenderer, "prepare", counted)
    app.scenes.change(document, replace(document.placed[1], placement=PLACE))
    assert not np.array_equal(shown(app), first) and not prepared
    app.scenes.change(document, replace(document.placed[1], placement=Placement(time_offset=1 / 30)))
    assert not np.array_equal(shown(app), first)
    assert prepared == [1.0], "the second video is one frame behind, the first one is as it was"
    app.scenes.change(document, replace(document.placed[1], visible=False))
    assert not np.array_equal(shown(app), first) and len(prepared) == 1


def test_changes_until_the_mouse_is_released_are_one_edit(app: ViewerApp, tmp_path: Path) -> None:
    document = add(app, tmp_path / "b.mlpvid")
    for step in range(1, 4):
        app.scenes.change(document, replace(document.placed[1], placement=Placement((0.1 * step, 0.0, 0.0))))
    app.scenes.settle()
    app.scenes.settle()
    document.camera.undo()
    assert document.placed[1].placement == Placement() and len(document.placed) == 2
    document.camera.redo()
    assert document.placed[1].placement.position == (pytest.approx(0.3), 0, 0)


def test_a_crop_box_needs_no_scene(app: ViewerApp) -> None:
    document, before = open_document(app), shown(app)
    low, high = crop_of(document.placed[0])
    crop = low, (high[0], high[1], (low[2] + high[2]) / 2)
    app.scenes.change(document, replace(document.placed[0], crop=crop))
    app.scenes.settle()
    after = shown(app)
    assert not isinstance(document.video, Scene) and document.render_settings.crop == crop
    assert after[..., 3].sum() < 0.8 * before[..., 3].sum()
    expected = app.rendering.renderer.render(
        app.rendering.renderer.prepare(document.video, 0.0),
        document.camera.to_camera(*app.viewport.size).resized(*after.shape[1::-1]),
        document.render_settings,
    )
    assert np.array_equal(expected.rgba, after)
    document.camera.undo()
    assert np.array_equal(shown(app), before)


def test_a_shorter_scene_reports_no_old_request(app: ViewerApp, tmp_path: Path) -> None:
    """A request for a frame that a time offset has just removed must not become an error."""
    document = add(app, tmp_path / "b.mlpvid")
    app.scenes.change(document, replace(document.placed[1], placement=Placement(time_offset=1.0)))
    assert document.playback.num_frames == 34
    document.playback.seek(33)
    app.update(0.0)
    app.scenes.change(document, replace(document.placed[1], placement=Placement()))
    shown(app)
    assert document.playback.num_frames == 6 and document.playback.time == 5.0 and not app.messages.errors


def test_hidden_videos_are_not_decoded_and_count_for_the_length() -> None:
    first, second = make_video(seed=1), make_video(seed=2, num_frames=9)
    scene = Scene((PlacedVideo(first), PlacedVideo(second, PLACE, visible=False)))
    renderer = SceneRenderer(create_renderer("cpu"))
    frame = renderer.prepare(scene, 1.0)
    camera = make_camera(40, 30)
    assert scene.num_frames == 9 and np.array_equal(scene.bounds, first.bounds) and frame.nbytes > 0
    alone = renderer.render(renderer.prepare(first, 1.0), camera)
    assert np.array_equal(renderer.render(frame, camera).rgba, alone.rgba)
    nothing = Scene((PlacedVideo(first, visible=False),))
    assert not renderer.render(renderer.prepare(nothing, 0.0), camera).rgba.any() and np.ptp(nothing.bounds, axis=0).all()


def test_a_saved_scene_is_read_back(app: ViewerApp, tmp_path: Path) -> None:
    document = add(app, tmp_path / "b.mlpvid")
    crop = ((-0.5, -0.5, 0.0), (0.5, 0.5, 1.5))
    app.scenes.change(document, replace(document.placed[1], placement=PLACE, crop=crop, visible=False))
    (tmp_path / "scenes").mkdir()
    target = tmp_path / "scenes" / "two.mlpvid-scene"
    app.scenes.save(document, target)
    assert json.loads(target.read_text())["videos"][0] == {"bundle": "../a.mlpvid"}
    read = read_video(target)
    assert isinstance(read, Scene)
    placed = read.videos[1]
    assert (placed.placement, placed.crop, placed.visible) == (PLACE, crop, False)
    assert placed.path == target.parent / "../b.mlpvid" and read.videos[0].placement == Placement()
    assert document.path == target and not document.arranged and document.title == "two"


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    video = make_video()
    (tmp_path / "run").mkdir()
    for path, fault in ((None, "not read"), (Address("https://host/a.mlpvid"), "on a server"), (tmp_path / "run", "run")):
        with pytest.raises(InputError, match=fault):
            write_scene([PlacedVideo(video, path=path)], tmp_path / "scene.mlpvid-scene")
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_a_file_that_is_read_again_keeps_its_place(app: ViewerApp, tmp_path: Path) -> None:
    document = add(app, tmp_path / "b.mlpvid")
    app.scenes.change(document, replace(document.placed[1], placement=PLACE))
    app.scenes.settle()
    newer = make_video(seed=9, num_frames=5)
    document.replace_video(newer)
    assert document.placed[0].video is newer and document.placed[1].placement == PLACE
    document.camera.undo()
    assert document.placed[0].video is newer and document.placed[1].placement == Placement()


def test_a_broken_file_changes_nothing(app: ViewerApp, tmp_path: Path) -> None:
    (tmp_path / "bad.mlpvid").write_bytes(b"nothing")
    document = add(app, tmp_path / "bad.mlpvid")
    assert len(document.placed) == 1 and "bad.mlpvid" in str(app.messages.errors[0])


def test_a_workspace_restores_scenes_that_were_not_saved(app: ViewerApp, tmp_path: Path) -> None:
    crop = ((-0.5, -0.5, 0.0), (0.5, 0.5, 1.5))
    document = add(app, tmp_path / "b.mlpvid")
    app.scenes.change(document, replace(document.placed[1], placement=PLACE, visible=False))
    app.documents.open(tmp_path / "b.mlpvid")
    wait_until(lambda: len(app.documents.all) == 2, lambda: app.update(0.01))
    app.scenes.change(app.documents.all[1], replace(app.documents.all[1].placed[0], crop=crop))
    app.workspaces.save(tmp_path / "work.json")
    other = new_app()
    other.workspaces.open(tmp_path / "work.json")
    wait_until(lambda: len(other.documents.all) == 2 and not other.workspaces.waiting, lambda: other.update(0.01))
    scene, cropped = sorted(other.documents.all, key=lambda d: d.title)
    assert [(p.path, p.placement, p.visible) for p in scene.placed] == [
        (tmp_path / "a.mlpvid", Placement(), True),
        (tmp_path / "b.mlpvid", PLACE, False),
    ]
    assert cropped.crop == crop and not isinstance(cropped.video, Scene) and not other.messages.errors
    other.workspaces.save(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text())["documents"] == unordered(tmp_path / "work.json", other)
    other.close()


def unordered(path: Path, app: ViewerApp) -> list[object]:
    """Return the documents of a workspace file in the order of an app's tabs."""
    saved = {entry["path"]: entry for entry in json.loads(path.read_text())["documents"]}
    return [saved[str(document.path)] for document in app.documents.all]


def test_cameras_are_placed_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of a drag makes a new scene, and a capture may have 15,000 cameras."""
    video, asked = make_video(), list[object]()
    video.metadata.cameras = [make_camera(azimuth=0.001 * k) for k in range(200)]
    place = Placement.camera_in_scene

    def counted(self: Placement, camera: Camera) -> Camera:
        asked.append(camera)
        return place(self, camera)

    monkeypatch.setattr(Placement, "camera_in_scene", counted)
    cameras = Scene((PlacedVideo(video, PLACE),)).metadata.cameras
    assert len(cameras) == 200 and not asked
    expected = place(PLACE, video.metadata.cameras[7])
    assert np.array_equal(cameras[7].R, expected.R) and np.array_equal(cameras[5:10][2].T, expected.T) and len(asked) == 2


def test_names_that_no_file_can_have_are_written_as_they_are(tmp_path: Path) -> None:
    name = "x" * 300
    write_scene((PlacedVideo(make_video(num_frames=2), path=tmp_path / name),), tmp_path / "scene.mlpvid-scene")
    assert json.loads((tmp_path / "scene.mlpvid-scene").read_text())["videos"] == [{"bundle": name}]
