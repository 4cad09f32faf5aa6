"""Recordings from end to end: counts, scene time, content equal to single renders, cancelling, faults, no leftovers."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from common.locks import exclusive
from model.bundle.write import write_bundle
from model.video import VolumetricVideo
from renderer.backend import CancelToken, RenderedImage
from renderer.reference.renderer import ReferenceRenderer
from renderer.select import create_renderer
from tests.command_runs import ROOT
from tests.factories import make_camera, make_video
from tests.viewer.export.test_video_sink import psnr
from tests.viewer.fakes import FakeRenderer
from tests.viewer.videos import decode
from viewer.camera_path.path import CameraPath, Keyframe
from viewer.export.downsampling import downsampled
from viewer.export.image_files import over_background, straight_alpha
from viewer.export.image_sink import ImageSink
from viewer.export.record_options import DEFAULT_SIZE, RecordOptions, plan
from viewer.export.recorder import RecordProgress, record
from viewer.picture.backdrop import BackdropMaker, pixels_behind, with_shadow
from viewer.settings import DisplaySettings

SIZE = (96, 64)


@pytest.fixture(scope="module")
def video() -> VolumetricVideo:
    return make_video(num_frames=12)


def make_path(size: tuple[int, int] = SIZE, count: int = 6) -> CameraPath:
    return CameraPath([Keyframe(k / 30, float(2 * k), make_camera(*size, azimuth=0.2 * k)) for k in range(count)])


def pngs(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]


def test_orbit_as_video(tmp_path: Path, video: VolumetricVideo) -> None:
    pytest.importorskip("av")
    renderer = FakeRenderer()
    result = record(renderer, video, tmp_path / "a.mp4", "orbit", RecordOptions(size=SIZE))
    frames = decode(tmp_path / "a.mp4")
    assert (result.frames, result.cancelled, len(frames)) == (12, False, 12)
    assert renderer.prepared == list(range(12)), "scene time advances by one frame per frame"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    fake = FakeRenderer()
    for k, frame in enumerate(frames):
        image = fake.render(fake.prepare(video, k), renderer.cameras[k])
        assert psnr(frame, over_background(image.rgba)) > 35, k


def test_frames_equal_single_renders(tmp_path: Path) -> None:
    small, renderer = make_video(num_frames=4), ReferenceRenderer(threads=1)
    path = CameraPath([Keyframe(k / 30, float(k), make_camera(40, 32, azimuth=0.5 * k)) for k in range(4)])
    record(renderer, small, tmp_path / "out", path, RecordOptions(display=DisplaySettings(background_color=(0.2, 0.3, 0.4))))
    images = pngs(tmp_path / "out")
    assert len(images) == 4
    for k, image in enumerate(images):
        alone = renderer.render(renderer.prepare(small, float(k)), make_camera(40, 32, azimuth=0.5 * k))
        np.testing.assert_array_equal(image, over_background(alone.rgba, (0.2, 0.3, 0.4)))
    assert np.std(images[0].astype(float) - images[3]) > 1, "the scene moved"


def test_backgrounds_and_shadows_follow_the_camera_and_the_frame(tmp_path: Path) -> None:
    """Every frame equals a picture of the same view. The panorama turns with the camera, and every frame has its shadow."""
    small, renderer = make_video(num_frames=3), create_renderer("cpu")
    random = np.random.default_rng(4)
    Image.fromarray(random.integers(0, 255, (16, 32, 3), np.uint8)).save(tmp_path / "sky.png")
    display = DisplaySettings(background="panorama", background_file=str(tmp_path / "sky.png"), show_shadow=True)
    cameras = [make_camera(40, 32, azimuth=0.5 * k) for k in range(3)]
    path = CameraPath([Keyframe(k / 30, float(k), camera) for k, camera in enumerate(cameras)])
    record(renderer, small, tmp_path / "out", path, RecordOptions(display=display, up=(0.0, 0.1, 1.0)))
    images, backdrops = pngs(tmp_path / "out"), BackdropMaker(renderer, small, display, up=(0.0, 0.1, 1.0))
    shadows = []
    for image, camera, time in zip(images, cameras, (0.0, 1.0, 2.0), strict=True):
        frame = renderer.prepare(small, time)
        behind = backdrops.behind(frame, camera)
        assert behind is not None and behind.shadow is not None
        shadows.append(behind.shadow.darkness)
        rgba = with_shadow(renderer.render(frame, camera).rgba, display, behind)
        np.testing.assert_array_equal(image, over_background(rgba, pixels_behind(display, behind, 40, 32)))
    assert abs(float(shadows[0].mean()) - float(shadows[1].mean())) > 1e-4


def test_path_from_a_file(tmp_path: Path, video: VolumetricVideo) -> None:
    make_path().save(tmp_path / "path.json")
    renderer = FakeRenderer()
    record(renderer, video, tmp_path / "out", str(tmp_path / "path.json"))
    assert renderer.prepared == [0, 2, 4, 6, 8, 10]
    assert [image.shape for image in pngs(tmp_path / "out")] == [(64, 96, 3)] * 6


def test_size_follows_the_path_and_is_padded_for_video(tmp_path: Path, video: VolumetricVideo) -> None:
    pytest.importorskip("av")
    path = make_path((97, 65), 2)
    record(FakeRenderer(), video, tmp_path / "out", path)
    assert pngs(tmp_path / "out")[0].shape == (65, 97, 3)
    record(FakeRenderer(), video, tmp_path / "a.mp4", path)
    assert decode(tmp_path / "a.mp4")[0].shape == (66, 98, 3)


def test_other_rate_keeps_the_speed_of_the_scene(tmp_path: Path, video: VolumetricVideo) -> None:
    renderer = FakeRenderer()
    result = record(renderer, video, tmp_path / "out", "orbit", RecordOptions(size=SIZE, fps=60.0, frames=(3, 6)))
    assert result.frames == 6
    assert renderer.prepared == [3, 3.5, 4, 4.5, 5], "the last frame is held, and prepared once"


def test_range_and_length(tmp_path: Path, video: VolumetricVideo) -> None:
    schedule = plan(video, "orbit", SIZE, RecordOptions(frames=(2, 5), seconds=2.0))
    assert schedule.count == 60
    assert {schedule.time(k) for k in range(60)} == {2, 3, 4}


def test_transparent_images(tmp_path: Path, video: VolumetricVideo) -> None:
    renderer = FakeRenderer()
    record(renderer, video, tmp_path / "out", make_path(count=1), RecordOptions(transparent=True))
    (image,) = pngs(tmp_path / "out")
    alone = renderer.render(renderer.prepare(video, 0), renderer.cameras[0])
    np.testing.assert_array_equal(image, straight_alpha(alone.rgba))


def test_exr_images(tmp_path: Path, video: VolumetricVideo) -> None:
    openexr = pytest.importorskip("OpenEXR")
    record(FakeRenderer(), video, tmp_path / "out", make_path(count=2), RecordOptions(image_format="exr"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["000000.exr", "000001.exr"]
    channels = openexr.File(str(tmp_path / "out" / "000001.exr"), separate_channels=True).channels()
    assert channels["Z"].pixels.max() == 3.0  # the fake's depth: 1 + time


def test_supersampling_renders_larger_and_averages(tmp_path: Path, video: VolumetricVideo) -> None:
    renderer = FakeRenderer()
    record(renderer, video, tmp_path / "out", make_path(count=1), RecordOptions(supersampling=3))
    camera = renderer.cameras[0]
    assert (camera.width, camera.height) == (288, 192)
    np.testing.assert_allclose(camera.K[:2], 3 * make_camera(*SIZE, azimuth=0).K[:2])
    assert pngs(tmp_path / "out")[0].shape == (64, 96, 3)


def test_downsampled_by_hand() -> None:
    rgba = np.zeros((2, 4, 4), np.float32)
    rgba[0, 0] = [0.5, 0.25, 0, 1.0]
    rgba[1, 1] = [0, 0, 0, 0.5]
    depth = np.array([[2.0, 0, 0, 0], [0, 5.0, 0, 0]], np.float32)
    color, far = downsampled(RenderedImage(rgba, depth, np.zeros((2, 4, 2), np.uint16)), 2)
    np.testing.assert_allclose(color, np.array([[[0.125, 0.0625, 0, 0.375], [0, 0, 0, 0]]]))
    np.testing.assert_allclose(far, [[3.0, 0.0]])  # (2 * 1 + 5 * 0.5) / 1.5


def test_progress_runs_from_none_to_all(tmp_path: Path, video: VolumetricVideo) -> None:
    seen: list[RecordProgress] = []
    record(FakeRenderer(), video, tmp_path / "out", make_path(), progress=seen.append)
    assert [p.done for p in seen] == list(range(7))
    assert {p.total for p in seen} == {6}
    assert seen[0].seconds_left == math.inf and seen[-1].seconds_left == 0
    assert all(0 <= p.seconds_left < 60 for p in seen[1:])


@pytest.mark.parametrize("name", ["a.mp4", "out"])
def test_cancelling_keeps_what_is_finished(tmp_path: Path, video: VolumetricVideo, name: str) -> None:
    pytest.importorskip("av")
    token = CancelToken()

    def stop_after_three(progress: RecordProgress) -> None:
        if progress.done == 3:
            token.cancel()

    result = record(FakeRenderer(), video, tmp_path / name, make_path(), progress=stop_after_three, cancel=token)
    assert (result.frames, result.cancelled) == (3, True)
    assert "stopped after 3 of 6 frames" in result.message and "3 finished frames are kept" in result.message
    left = [p.name for p in tmp_path.iterdir()]
    assert left == (["a.partial.mp4"] if name == "a.mp4" else ["out"])
    kept = decode(tmp_path / "a.partial.mp4") if name == "a.mp4" else pngs(tmp_path / "out")
    assert len(kept) == 3


def test_interrupting_says_what_is_left(tmp_path: Path, video: VolumetricVideo) -> None:
    pytest.importorskip("av")

    def interrupt(progress: RecordProgress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="interrupted after 2 of 6 frames; 2 finished frames are kept"):
        record(FakeRenderer(), video, tmp_path / "a.mp4", make_path(), progress=interrupt)


@pytest.mark.parametrize("name", ["a.mp4", "out"])
def test_a_failing_renderer_leaves_nothing_half_written(tmp_path: Path, video: VolumetricVideo, name: str) -> None:
    pytest.importorskip("av")

    class Broken(FakeRenderer):
        def render(self, *arguments: object, **options: object) -> RenderedImage:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record(Broken(), video, tmp_path / name, make_path())
    assert list(tmp_path.iterdir()) == []


FAULTS = {
    "empty range": (RecordOptions(frames=(3, 3)), "frames 3:3"),
    "range beyond the end": (RecordOptions(frames=(0, 13)), "within 0:12"),
    "no rate": (RecordOptions(fps=-1.0), "frame rate"),
    "no length": (RecordOptions(seconds=0.0), "positive number of seconds"),
    "infinite": (RecordOptions(seconds=math.inf), "positive number of seconds"),
    "supersampling": (RecordOptions(supersampling=0), "supersampling"),
    "too large": (RecordOptions(size=(9000, 9000), supersampling=8), "16384"),
    "no such codec": (RecordOptions(codec="divx"), "cannot be stored in"),
}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "rate 0": ({"fps": 0}, "frame rate 0: must be 0.1 to 1000"),
    "rate as text": ({"fps": "30"}, "frame rate: must be a number of frames per second, not '30'"),
    "size as text": ({"size": "16x16"}, "size: must be width and height in pixels, not '16x16'"),
    "half a pixel": ({"size": (16.5, 16)}, "size: must be 1 to 16384 whole pixels per side, not 16.5x16"),
    "range as text": ({"frames": "0:1"}, "frames: must be two whole numbers A, B"),
    "half a frame": ({"frames": (0.5, 1.5)}, "frames: must be two whole numbers A, B"),
    "length as text": ({"seconds": "1"}, "length: must be a positive number of seconds, not '1'"),
    "supersampling as truth": ({"supersampling": True}, "supersampling: must be a whole number from 1 to 8"),
    "codec without name": ({"codec": ""}, "codec: must be a name, not ''"),
    "quality beyond its range": ({"quality": 52}, "quality 52: must be 0"),
    "quality that is no number": ({"quality": math.nan}, "quality: must be a finite number, not nan"),
    "no direction": ({"up": (0, 0, 0)}, "up: must be a direction of three numbers, not all 0"),
    "two numbers as direction": ({"up": (1, 2)}, "up: must be a direction of three numbers"),
    "display as mapping": ({"display": {}}, "display: must be of the class DisplaySettings, not {}"),
    "projection as text": ({"projection": "stereo"}, "projection: must be of the class Projection"),
    "settings as nothing": ({"settings": None}, "settings: must be of the class RenderSettings, not None"),
}
"""What programs may pass, since Python does not check types."""


@pytest.mark.parametrize(("choices", "fault"), WRONG.values(), ids=list(WRONG))
def test_wrong_values_are_named(tmp_path: Path, video: VolumetricVideo, choices: dict[str, Any], fault: str) -> None:
    test_faults_are_found_before_rendering(tmp_path, video, RecordOptions(**choices), fault)


@pytest.mark.parametrize(("options", "fault"), FAULTS.values(), ids=list(FAULTS))
def test_faults_are_found_before_rendering(tmp_path: Path, video: VolumetricVideo, options: RecordOptions, fault: str) -> None:
    renderer = FakeRenderer()
    with pytest.raises(InputError, match=re.escape(fault)):
        record(renderer, video, tmp_path / "a.mp4", "orbit", options)
    assert not renderer.prepared and list(tmp_path.iterdir()) == []


def test_bad_outputs_and_paths(tmp_path: Path, video: VolumetricVideo) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo.png").touch()
    (tmp_path / "bad.json").write_text(json.dumps({"keyframes": []}))
    for output, path, fault in (
        ("full", "orbit", "not empty"),
        ("none/out", "orbit", "does not exist"),
        ("a.gif", "orbit", "is not a supported video format"),
        ("x" * 300 + ".mp4", "orbit", "has a name that is too long"),
        ("a\0.mp4", "orbit", "contains a null character"),
        ("out", str(tmp_path / "bad.json"), "no keyframes"),
        ("out", str(tmp_path / "none.json"), "no such file"),
    ):
        with pytest.raises(InputError, match=fault):
            record(FakeRenderer(), video, tmp_path / output, path)
    assert not (tmp_path / "out").exists()


def test_orbit_has_a_size_of_its_own(video: VolumetricVideo) -> None:
    assert plan(video, "orbit", DEFAULT_SIZE, RecordOptions()).camera(0).width == 1280


def test_image_sink_says_which_frames_are_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, pixels: np.ndarray) -> None:
        if path.name == "000002.png":
            raise InputError(path, "cannot be written (No space left on device)")
        path.touch()

    monkeypatch.setattr("viewer.export.image_sink.save_png", full)
    sink = ImageSink(tmp_path / "out")
    with pytest.raises(InputError, match=r"No space left.*2 finished frames are kept"):
        for _ in range(5):
            sink.write(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(InputError, match="unknown"):
        ImageSink(tmp_path / "other", "bmp")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        ImageSink(tmp_path / "file")


@pytest.mark.parametrize("name", ["a.mp4", "out"])
def test_a_second_recording_to_one_name_is_refused(tmp_path: Path, video: VolumetricVideo, name: str) -> None:
    renderer = FakeRenderer()
    with exclusive(tmp_path / name), pytest.raises(InputError, match=rf"{name}: is being written by process \d+ since"):
        record(renderer, video, tmp_path / name, "orbit", RecordOptions(size=SIZE))
    assert not renderer.prepared and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_partial_file_of_a_killed_recording_is_replaced(tmp_path: Path, video: VolumetricVideo) -> None:
    program = (
        "import os, sys; from pathlib import Path; from model.bundle.read import read_bundle\n"
        "from tests.viewer.fakes import FakeRenderer\n"
        "from viewer.export.record_options import RecordOptions; from viewer.export.recorder import record\n"
        "def stop(progress):\n    if progress.done == 2: os._exit(9)\n"
        "record(FakeRenderer(), read_bundle(sys.argv[2]), Path(sys.argv[1]), 'orbit', RecordOptions(size=(32, 32)), stop)"
    )
    bundle = tmp_path / "video.mlpvid"  # the child reads it without PyTorch, which takes long to load
    write_bundle(video, bundle)
    target = tmp_path / "a.mp4"
    (tmp_path / "b.partial.mp4").touch()  # of somebody else
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", program, target, bundle], cwd=ROOT, check=False).returncode == 9
    assert {"a.partial.mp4", "a.partial-2.mp4"} < {path.name for path in tmp_path.iterdir()}
    record(FakeRenderer(), video, target, "orbit", RecordOptions(size=SIZE))
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "b.partial.mp4", bundle.name}
