"""All cameras of a rig: files, contents equal to single renders, one decode per frame, cancelling, faults, no leftovers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from common.locks import exclusive
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, RenderedImage
from tests.factories import make_camera, make_video
from tests.viewer.fakes import FakeFrame, FakeRenderer
from tests.viewer.videos import decode
from viewer.camera_path.rig import RigCamera
from viewer.export import rig_recorder
from viewer.export.image_files import over_background
from viewer.export.projection import Projection
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import RecordProgress
from viewer.export.rig_recorder import output_of, record_rig

RIG = [RigCamera("a", make_camera(48, 32)), RigCamera("b", make_camera(32, 40, azimuth=2.0))]


@pytest.fixture(scope="module")
def video() -> VolumetricVideo:
    return make_video(num_frames=4)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_per_camera(tmp_path: Path, video: VolumetricVideo) -> None:
    renderer, fake = FakeRenderer(), FakeRenderer()
    result = record_rig(renderer, video, tmp_path / "out", RIG)
    assert (result.frames, result.cancelled) == (4, False)
    assert result.message == f"2 cameras: 4 frames written to {tmp_path / 'out'}"
    assert renderer.prepared == [0, 1, 2, 3], "each frame is decoded once for all cameras"
    assert files(tmp_path) == [f"out/{name}/{k:06d}.png" for name in "ab" for k in range(4)]
    for camera in RIG:
        for k in range(4):
            image = fake.render(fake.prepare(video, k), camera.camera)
            stored = np.asarray(Image.open(tmp_path / "out" / camera.name / f"{k:06d}.png"))
            np.testing.assert_array_equal(stored, over_background(image.rgba))


def test_a_video_per_camera(tmp_path: Path, video: VolumetricVideo) -> None:
    pytest.importorskip("av")
    result = record_rig(FakeRenderer(), video, tmp_path / "x.mp4", RIG, RecordOptions(fps=60.0, frames=(1, 3)))
    assert result.message == f"2 cameras: 4 frames written to {tmp_path / 'x-CAMERA.mp4'}"
    assert files(tmp_path) == ["x-a.mp4", "x-b.mp4"]
    assert [frame.shape for frame in decode(tmp_path / "x-b.mp4")] == [(40, 32, 3)] * 4


def test_one_size_for_all(tmp_path: Path, video: VolumetricVideo) -> None:
    renderer = FakeRenderer()
    record_rig(renderer, video, tmp_path / "out", RIG, RecordOptions(size=(20, 10), frames=(0, 1)))
    assert [(camera.width, camera.height) for camera in renderer.cameras] == [(20, 10)] * 2
    np.testing.assert_allclose(renderer.cameras[1].K, RIG[1].camera.fitted(20, 10).K)


def test_progress_counts_images(tmp_path: Path, video: VolumetricVideo) -> None:
    seen: list[RecordProgress] = []
    record_rig(FakeRenderer(), video, tmp_path / "out", RIG, RecordOptions(frames=(0, 3)), seen.append)
    assert [(p.done, p.total) for p in seen] == [(k, 6) for k in range(7)]


@pytest.mark.parametrize("output", ["out", "out.mp4"])
def test_cancelling_keeps_finished_frames(tmp_path: Path, video: VolumetricVideo, output: str) -> None:
    pytest.importorskip("av")
    token = CancelToken()

    def stop(progress: RecordProgress) -> None:
        if progress.done == 5:
            token.cancel()

    result = record_rig(FakeRenderer(), video, tmp_path / output, RIG, progress=stop, cancel=token)
    assert (result.cancelled, result.frames) == (True, 2)
    assert "2 of 4" in result.message and "2 cameras" in result.message
    kept = ["out-a.partial.mp4", "out-b.partial.mp4"] if output == "out.mp4" else None
    assert kept in (None, files(tmp_path))
    if kept:
        assert [len(decode(tmp_path / name)) for name in kept] == [3, 2]
    else:
        assert len(files(tmp_path)) == 5


@pytest.mark.parametrize("output", ["out", "out.mp4"])
def test_nothing_is_left_when_cancelled_at_once(tmp_path: Path, video: VolumetricVideo, output: str) -> None:
    pytest.importorskip("av")
    token = CancelToken()
    token.cancel()
    assert record_rig(FakeRenderer(), video, tmp_path / output, RIG, cancel=token).cancelled
    assert not list(tmp_path.iterdir())


def test_when_one_output_cannot_be_opened_the_others_are_removed(
    tmp_path: Path, video: VolumetricVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    real = rig_recorder.open_sink

    def second_fails(path: Path, *arguments: object) -> object:
        if path.stem.endswith("b"):
            raise InputError(path, "cannot be written")
        return real(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rig_recorder, "open_sink", second_fails)
    for output in ("out", "out.mp4"):
        with pytest.raises(InputError, match="cannot be written"):
            record_rig(FakeRenderer(), video, tmp_path / output, RIG)
        assert not list(tmp_path.iterdir())


def test_two_recordings_to_one_place_are_refused(tmp_path: Path, video: VolumetricVideo) -> None:
    pytest.importorskip("av")
    for target, output in ((tmp_path / "out", "out"), (tmp_path / "out-b.mp4", "out.mp4")):
        with exclusive(target), pytest.raises(InputError, match="is being written"):
            record_rig(FakeRenderer(), video, tmp_path / output, RIG)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("output", "options", "words"),
    [
        ("full", RecordOptions(), "not empty"),
        ("gone/out", RecordOptions(), "does not exist"),
        ("gone/out.mp4", RecordOptions(), "does not exist"),
        ("out.gif", RecordOptions(), "not a supported video format"),
        ("out", RecordOptions(frames=(2, 9)), "0:4"),
        ("out.mp4", RecordOptions(size=(16384, 16384)), "16384"),
        ("out", RecordOptions(projection=Projection("vr180")), "rigs"),
    ],
)
def test_faults_are_found_before_anything_is_rendered(
    tmp_path: Path, video: VolumetricVideo, output: str, options: RecordOptions, words: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.png").touch()
    renderer = FakeRenderer()
    with pytest.raises(InputError, match=words):
        record_rig(renderer, video, tmp_path / output, RIG, options)
    assert not renderer.prepared
    assert files(tmp_path) == ["full/old.png"]


class EmptyAtTheSide(FakeRenderer):
    """Shows nothing to cameras of one size: they look at the empty part of a box."""

    def render(self, frame: FakeFrame, camera: Camera, *arguments: Any, **options: Any) -> RenderedImage:
        image = super().render(frame, camera, *arguments, **options)
        empty = (camera.width, camera.height) == (32, 40) or frame.time < 2
        return replace(image, rgba=image.rgba * 0) if empty else image


def test_the_message_names_cameras_from_which_nothing_is_visible(tmp_path: Path, video: VolumetricVideo) -> None:
    result = record_rig(EmptyAtTheSide(), video, tmp_path / "out", RIG)
    assert result.message == f"2 cameras: 4 frames written to {tmp_path / 'out'} (nothing is visible from b)"
    none = record_rig(EmptyAtTheSide(), video, tmp_path / "none", RIG, RecordOptions(frames=(0, 2)))
    assert none.message == f"2 cameras: 2 frames written to {tmp_path / 'none'} (nothing is visible in any of them)"


def test_a_rig_that_never_sees_the_scene_is_refused(tmp_path: Path, video: VolumetricVideo) -> None:
    away = [RigCamera(named.name, replace(named.camera, T=named.camera.T - [0, 0, 1e4])) for named in RIG]
    renderer = FakeRenderer()
    with pytest.raises(InputError, match=r"^the rig: no camera sees the scene: .* 1e\+04 m behind this camera; check R"):
        record_rig(renderer, video, tmp_path / "out", away)
    assert not renderer.prepared and not files(tmp_path)


def test_names_of_outputs(tmp_path: Path) -> None:
    assert output_of(Path("d/x.webm"), "cam") == Path("d/x-cam.webm")
    assert output_of(Path("d/x"), "cam") == Path("d/x/cam")
    assert output_of(tmp_path, "cam") == tmp_path / "cam"
