"""Cameras whose images come from videos, next to cameras with folders of images."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from common.errors import InputError
from tests.training.captures.layouts.scene import Pixels, Recording, check_cameras, record, save
from tests.training.captures.layouts.test_easymocap import write_cameras
from training.captures.camera_files import VideoImage, decode_videos
from training.captures.frame_store import FrameStore
from training.captures.opening import open_capture

FPS = 25


@pytest.fixture(autouse=True)
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep decoded frames in the test's own folder."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return tmp_path / "cache" / "frames"


def write_frames(path: Path, images: list[Pixels], fps: int = FPS) -> None:
    """Write images to a video nearly without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "1"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        for index, pixels in enumerate(images):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_capture(folder: Path, recording: Recording, late: int = 0) -> None:
    """Write a capture of frames 0, 1, 0, 1: videos of all cameras but the last, which has images; masks for every second frame.

    The video of camera 1 starts `late` frames before the others.
    """
    folder.mkdir()
    write_cameras(folder, recording, np.zeros((5, 1)))
    last = len(recording.cameras) - 1
    for camera in range(last):
        early = [np.full_like(recording.color(0, camera), 90)] * (late if camera == 1 else 0)
        write_frames(folder / "videos" / f"{camera:02d}.mp4", early + [recording.color(f % 2, camera) for f in range(4)])
    for frame in range(4):
        save(folder / f"images/{last:02d}/{frame:06d}.png", recording.color(frame % 2, last))
    for frame, camera in recording.each():
        save(folder / f"masks/{camera:02d}/{2 * frame:06d}.png", recording.mask(0, camera))


def error_of(found: Pixels, expected: Pixels) -> float:
    return float(np.abs(found.astype(int) - expected.astype(int)).mean())


def test_videos_and_images_make_one_capture(tmp_path: Path, frames: Path) -> None:
    recording = record()
    write_capture(tmp_path / "shoot", recording)
    capture = open_capture(tmp_path / "shoot")
    check_cameras(capture, recording)
    assert capture.fps == FPS and [capture.frame_name(frame) for frame in range(capture.num_frames)] == ["0", "2"]
    assert any("2 of 4 frames are left out" in note for note in capture.notes)
    assert len(list(frames.rglob("*.png"))) == 3, "opening decodes more than the first frames"
    capture.check_files(range(2), [0, 1, 3])
    assert len(list(frames.rglob("*.png"))) == 5
    for frame in range(2):
        for camera in range(4):
            assert error_of(capture.color(frame, camera), recording.color(0, camera)) < 2.5


def test_a_camera_that_started_early_has_a_time_offset(tmp_path: Path) -> None:
    recording = record()
    write_capture(tmp_path / "shoot", recording, late=1)
    assert error_of(open_capture(tmp_path / "shoot").color(0, 1), recording.color(0, 1)) > 10
    (tmp_path / "shoot" / "meta.yaml").write_text(yaml.safe_dump({"cameras": {"01": {"time_offset": 1 / FPS}}}))
    capture = open_capture(tmp_path / "shoot")
    assert capture.num_frames == 2
    for camera in range(4):
        assert error_of(capture.color(0, camera), recording.color(0, camera)) < 2.5


def test_meta_chooses_the_rate_of_the_frames(tmp_path: Path) -> None:
    recording = record()
    write_capture(tmp_path / "shoot", recording)
    (tmp_path / "shoot" / "meta.yaml").write_text("fps: 12.5\nmasks: none\n")
    capture = open_capture(tmp_path / "shoot")
    assert capture.fps == 12.5
    source = capture.image_source(1, 0)
    assert isinstance(source, VideoImage) and source.index == 2


def test_a_missing_camera_lists_where_it_was_looked_for(tmp_path: Path) -> None:
    write_capture(tmp_path / "shoot", record())
    (tmp_path / "shoot/videos/01.mp4").unlink()
    with pytest.raises(InputError, match=r"no images of camera 01 \(looked for images/01, 01, videos/01.mp4, 01.mp4\)"):
        open_capture(tmp_path / "shoot")


def test_a_video_outside_of_the_capture_is_refused(tmp_path: Path) -> None:
    write_capture(tmp_path / "shoot", record())
    video = tmp_path / "shoot/videos/01.mp4"
    video.rename(tmp_path / "elsewhere.mp4")
    video.symlink_to(tmp_path / "elsewhere.mp4")
    with pytest.raises(InputError, match="leads out of the capture"):
        open_capture(tmp_path / "shoot")


def test_each_video_is_decoded_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_capture(tmp_path / "shoot", record())
    passes: list[list[int]] = []
    capture = open_capture(tmp_path / "shoot")
    monkeypatch.setattr(FrameStore, "decode", lambda _, __, indices: passes.append(sorted(indices)))
    decode_videos(capture.image_source(frame, camera) for frame in range(2) for camera in range(4))
    assert passes == [[0, 2]] * 3
