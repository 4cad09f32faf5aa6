"""Videos for Python programs: what they render and record, and the examples in the docstrings."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlpvid
import viewer.video
from common.errors import InputError
from model.bundle.write import write_bundle
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_video
from viewer.camera_path.path import CameraPath, Keyframe
from viewer.video import Video, open_video


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "small.mlpvid"
    write_bundle(make_video(num_frames=3), target)
    return target


def test_an_image_is_that_of_the_backend(path: Path) -> None:
    with mlpvid.open(path, backend="reference") as video:
        camera = video.orbit(0.3, (20, 12))
        image = video.render(1.5, camera)
    renderer = ReferenceRenderer()
    expected = renderer.render(renderer.prepare(video.content, 1.5), camera)
    np.testing.assert_array_equal(image.rgba, expected.rgba)
    np.testing.assert_array_equal(image.depth, expected.depth)


def test_the_camera_is_fitted_into_another_size(path: Path) -> None:
    video = open_video(str(path), "reference")
    camera = video.overview((16, 16))
    wide = video.render(0, camera, (32, 16)).rgba
    assert wide.shape == (16, 32, 4)
    np.testing.assert_allclose(wide[:, 8:24], video.render(0, camera).rgba, atol=1e-5)


def test_another_view_of_a_frame_does_not_prepare_it_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = []
    original = ReferenceRenderer.prepare

    def prepare(self: ReferenceRenderer, video: object, time: float) -> object:
        prepared.append(time)
        return original(self, video, time)  # type: ignore[arg-type]

    monkeypatch.setattr(ReferenceRenderer, "prepare", prepare)
    video = open_video(path, "reference")
    for frame, turn in ((0, 0.0), (0, 0.5), (1, 0.5), (0, 0.5)):
        video.render(frame, video.orbit(turn, (8, 8)))
    assert prepared == [0, 1, 0]


def test_a_recording_is_written_with_its_choices(path: Path, tmp_path: Path) -> None:
    video = open_video(path, "reference")
    done = []
    result = video.record(tmp_path / "images", size=(16, 12), seconds=0.1, progress=lambda p: done.append(p.done))
    assert result.frames == len(list((tmp_path / "images").glob("*.png"))) == done[-1] > 0
    with pytest.raises(TypeError, match="either options or single choices"):
        video.record(tmp_path / "again", options=mlpvid.RecordOptions(), size=(16, 12))


def test_a_path_that_never_sees_the_scene_is_refused(path: Path, tmp_path: Path) -> None:
    video = open_video(path, "reference")
    camera = video.orbit(0.0, (16, 12))
    away = replace(camera, T=camera.T - [0, 0, 1000])
    route = CameraPath([Keyframe(0.0, 0.0, away), Keyframe(0.2, 1.0, away)])
    with pytest.raises(InputError, match=r"the camera path: never sees the scene: .* m behind this camera; check R and T"):
        video.record(tmp_path / "images", route, size=(16, 12))
    route.save(tmp_path / "path.json")
    with pytest.raises(InputError, match=r"path\.json: never sees the scene"):
        video.record(tmp_path / "images", tmp_path / "path.json", size=(16, 12))
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".mlpvid"] == ["path.json"]
    seen = CameraPath([Keyframe(0.0, 0.0, away), Keyframe(0.2, 1.0, camera)])
    assert video.record(tmp_path / "images", seen, size=(16, 12)).frames > 1


def test_mistakes_are_told(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="frame 3: is not in this video"):
        open_video(path, "reference").render(3)
    with pytest.raises(InputError, match="no such file"):
        mlpvid.open(tmp_path / "missing.mlpvid")
    monkeypatch.setattr("viewer.commands.start.why_no_window", lambda: "there is no display")
    with pytest.raises(InputError, match="the window: there is no display; render and record need none"):
        mlpvid.view(open_video(path))


def test_public_names_exist() -> None:
    assert all(getattr(mlpvid, name) is not None for name in mlpvid.__all__)
    assert set(mlpvid.__all__) <= set(dir(mlpvid))
    with pytest.raises(AttributeError, match="has no attribute 'opened'"):
        _ = mlpvid.opened
    assert repr(Video(make_video(num_frames=3), Path("x.mlpvid"))) == "<Video x.mlpvid: 3 frames, 30 per second>"


@pytest.mark.slow
@pytest.mark.parametrize("module", [mlpvid, viewer.video], ids=lambda module: module.__name__)
def test_the_examples_in_docstrings(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"frame": "0"}, "frame: must be a number, not '0'"),
        ({"frame": None}, "frame: must be a number, not None"),
        ({"frame": np.array([0, 1])}, "frame: must be a number"),
        ({"frame": 10**400}, "frame: must be a number"),
        ({"frame": 2.0000001}, "frame 2.0000001: is not in this video (0 to 2)"),
        ({"frame": 2 + 1e-12}, "frame 2.000000000001: is not in this video (0 to 2)"),
        ({"size": (0, 0)}, "size: must be 1 to 16384 whole pixels per side, not 0x0"),
        ({"size": (8.5, 8)}, "size: must be 1 to 16384 whole pixels per side, not 8.5x8"),
        ({"size": "8x8"}, "size: must be width and height in pixels, not '8x8'"),
        ({"size": 8}, "size: must be width and height in pixels, not 8"),
        ({"camera": "front"}, "camera: must be a Camera, not 'front'"),
        ({"settings": {}}, "settings: must be RenderSettings, not {}"),
        ({"cancel": "now"}, "cancel: must be a CancelToken, not 'now'"),
    ],
)
def test_wrong_arguments_of_an_image_are_named(path: Path, wrong: dict[str, Any], message: str) -> None:
    with mlpvid.open(path, backend="cpu") as video, pytest.raises(InputError) as caught:
        video.render(**wrong)
    assert message in str(caught.value)


@pytest.mark.parametrize("size", [(0, 0), (-1, 2), "ab", None, (8,), (float("nan"), 8), (1 << 40, 8)])
def test_wrong_sizes_are_refused_by_every_method(path: Path, size: Any) -> None:
    video = mlpvid.open(path, backend="cpu")
    for method in (video.overview, lambda size: video.orbit(0.0, size), lambda size: video.overview().fitted(*size or (0, 0))):
        with pytest.raises((InputError, TypeError), match=r"size|argument"):
            method(size)


@pytest.mark.parametrize("turn", [float("nan"), float("inf"), "1", None])
def test_a_turn_is_a_number(path: Path, turn: Any) -> None:
    with pytest.raises(InputError, match="turn: must be a finite number of turns"):
        mlpvid.open(path).orbit(turn)


def test_a_turn_may_be_huge(path: Path) -> None:
    video = mlpvid.open(path)
    np.testing.assert_allclose(video.orbit(1e6 + 0.25).R, video.orbit(0.25).R, atol=1e-6)
    video.orbit(1e308)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"path": None}, "path: must be a name, not None"),
        ({"path": ""}, "path: must be a name, not ''"),
        ({"path": b"a.mlpvid"}, "path: must be a name, not b'a.mlpvid'"),
        ({"path": "x" * 5000}, "cannot be read (File name too long)"),
        ({"path": "a\0b"}, "contains a null character"),
        ({"backend": ["cpu"]}, "backend ['cpu']: is unknown; choose one of auto, cuda"),
        ({"backend": ""}, "backend '': is unknown"),
        ({"threads": 0}, "threads: must be a whole number from 1 to 1024, not 0"),
        ({"threads": "2"}, "threads: must be a whole number from 1 to 1024, not '2'"),
        ({"threads": 10**9}, "threads: must be a whole number from 1 to 1024, not 1000000000"),
    ],
)
def test_wrong_arguments_of_open_are_named(path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        mlpvid.open(**{"path": path, **wrong})
    assert message in str(caught.value)


def test_what_renders_inside_its_own_recording_is_told_so(path: Path, tmp_path: Path) -> None:
    """It waited for itself."""
    video = mlpvid.open(path, backend="cpu")
    calls: list[Any] = [lambda _: video.render(size=(8, 8)), lambda _: video.close(), lambda _: video.backend]
    for call in calls:
        with pytest.raises(InputError, match="is being recorded by this thread; render later, or open it a second time"):
            video.record(tmp_path / "a.mp4", size=(16, 16), progress=call)
    assert not list(tmp_path.glob("*.mp4")), "nothing is left"
    assert video.render(size=(8, 8)).rgba.any(), "the video can be used again"
