"""Recordings carry the sound of their video: at the right times, as long as the pictures, or not at all with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.sound.decode import RATE
from model.sound.stored import VideoSound
from model.video import VolumetricVideo
from renderer.backend import CancelToken
from tests.factories import make_camera, make_video
from tests.model.sound.sounds import click_sound, click_times, clicks
from tests.viewer.fakes import FakeRenderer
from viewer.camera_path.frame_schedule import PlayedRange, orbit_schedule, path_schedule
from viewer.camera_path.path import CameraPath, Keyframe
from viewer.camera_path.rig import RigCamera
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import RecordResult, record
from viewer.export.rig_recorder import record_rig
from viewer.export.sound_track import place_sound
from viewer.export.video_sink import VideoSink

av = pytest.importorskip("av")

SIZE = (32, 32)


def _video(clicks_at: tuple[float, ...] = (1.0,), offset: float = 0.0, frames: int = 60) -> VolumetricVideo:
    """Return a video of two seconds; the clicks are at these times of the sound."""
    video = make_video(num_frames=frames)
    video.metadata.sound = click_sound(2.0, clicks_at, offset)
    return video


def heard_in(path: Path) -> tuple[list[float], float, float]:
    """Return the times of clicks in a file, and the lengths of sound and pictures, seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        stated = None if stream.duration is None else float((stream.start_time + stream.duration) * stream.time_base)
        sound, begin = [], None
        for frame in container.decode(audio=0):
            begin = frame.time if begin is None else begin
            sound.append(frame.to_ndarray().T if frame.format.is_planar else frame.to_ndarray().reshape(-1, 2))
    assert begin is not None
    samples = np.concatenate(sound)
    samples = (samples * 32767).astype(np.int16) if samples.dtype.kind == "f" else samples
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        times = [frame.time for frame in container.decode(video=0)]
        # MP4 says how long the last picture is shown. The mean rate says it only if no repeated picture was left out.
        rate, length = float(video.average_rate), None if video.duration is None else float(video.duration * video.time_base)
    assert times[0] == 0
    # AAC has 1024 samples in each packet; MP4 says how many of the last one are played.
    seconds = begin + len(samples) / RATE if stated is None else stated
    return [begin + time for time in click_times(samples)], seconds, times[-1] + 1 / rate if length is None else length


def _record(video: VolumetricVideo, output: Path, path: CameraPath | str = "orbit", **options: object) -> RecordResult:
    return record(FakeRenderer(), video, output, path, RecordOptions(size=SIZE, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_a_click_stays_at_its_time_and_the_lengths_are_equal(tmp_path: Path, name: str) -> None:
    result = _record(_video(), tmp_path / name)
    assert result.message == f"60 frames written to {tmp_path / name}"
    found, sound, pictures = heard_in(tmp_path / name)
    np.testing.assert_allclose(found, [1.0], atol=0.02)
    assert pictures == pytest.approx(2.0, abs=1e-3) and sound == pytest.approx(2.0, abs=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_range_in_a_loop_with_an_offset(tmp_path: Path) -> None:
    """Frames 15 to 44 are 0.5 to 1.5 s of the video; the click at 0.75 s of the sound is at 1.0 s of the video."""
    _record(_video((0.75,), 0.25), tmp_path / "a.mp4", frames=(15, 45), seconds=2.6)
    found, sound, pictures = heard_in(tmp_path / "a.mp4")
    np.testing.assert_allclose(found, [0.5, 1.5, 2.5], atol=0.02)
    assert sound == pytest.approx(pictures, abs=1e-3) and pictures == pytest.approx(2.6, abs=1e-3)


def _path(frames_per_second: float, first: float = 0.0) -> CameraPath:
    camera = make_camera(*SIZE)
    return CameraPath([Keyframe(time, first + time * frames_per_second, camera) for time in (0.0, 0.5, 1.0, 1.5)])


def test_a_path_at_the_speed_of_the_scene_has_sound_and_others_say_why_not(tmp_path: Path) -> None:
    result = _record(_video(), tmp_path / "a.mp4", _path(30.0, 10.0))
    np.testing.assert_allclose(heard_in(tmp_path / "a.mp4")[0], [1.0 - 10 / 30], atol=0.02)
    assert "sound" not in result.message
    for name, path, options in (
        ("fast", _path(39.0), {}),
        ("backward", _path(-30.0, 50.0), {}),
        ("still", "orbit", {"frames": (3, 4), "seconds": 1.0}),
    ):
        result = _record(_video(), tmp_path / f"{name}.mp4", path, **options)
        assert result.message.count("without sound, because the scene does not play forward at its own speed") == 1
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            assert not container.streams.audio


def test_a_damaged_sound_leaves_a_silent_recording(tmp_path: Path) -> None:
    video = _video(frames=4)

    def fail() -> bytes:
        raise InputError("the sound", "is damaged")

    for read, fault in ((fail, "the sound: is damaged"), (lambda: b"noise", "is damaged, or not a sound")):
        video.metadata.sound = VideoSound("the sound", read)
        result = _record(video, tmp_path / "a.mp4")
        assert result.frames == 4 and "; without sound: " in result.message and fault in result.message


def test_images_and_silent_videos_say_nothing(tmp_path: Path) -> None:
    assert "sound" not in _record(_video(frames=3), tmp_path / "folder").message
    assert "sound" not in _record(make_video(num_frames=3), tmp_path / "a.mp4").message


def test_a_cancelled_recording_needs_no_sound(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    result = record(FakeRenderer(), _video(), tmp_path / "a.mp4", "orbit", RecordOptions(size=SIZE), cancel=token)
    assert result.cancelled and list(tmp_path.iterdir()) == []


def test_every_camera_of_a_rig_has_the_sound(tmp_path: Path) -> None:
    rig = [RigCamera(name, make_camera(*SIZE)) for name in "ab"]
    record_rig(FakeRenderer(), _video((0.25,), frames=15), tmp_path / "x.mp4", rig, RecordOptions())
    for name in "ab":
        found, sound, pictures = heard_in(tmp_path / f"x-{name}.mp4")
        np.testing.assert_allclose(found, [0.25], atol=0.02)
        assert sound == pytest.approx(pictures, abs=1e-3)


def test_opacity_and_sound_together(tmp_path: Path) -> None:
    """WebM with transparency is copied into a file with sound; the opacity stays."""
    sink = VideoSink(tmp_path / "a.webm", 64, 32, 25.0, transparent=True)
    sink.sound = clicks(1.0, (0.04,))
    picture = np.full((32, 64, 4), 200, np.uint8)
    picture[..., 3] = np.linspace(0, 255, 64)
    for _ in range(5):
        sink.write(picture)
    sink.finish()
    with av.open(str(tmp_path / "a.webm")) as container:
        assert container.streams.video[0].metadata.get("ALPHA_MODE") == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own decoder skips the alpha
        packets = [packet for packet in container.demux(video=0) if packet.size]
        frames: list[Any] = [frame for packet in packets for frame in decoder.decode(packet)]
    assert len(frames) == 5
    assert np.abs(frames[2].to_ndarray(format="rgba")[..., 3].astype(int) - picture[..., 3]).max() <= 8
    found, sound, pictures = heard_in(tmp_path / "a.webm")
    assert sound == pytest.approx(pictures, abs=1e-3) == 0.2
    np.testing.assert_allclose(found, [0.04], atol=0.02)


def test_parts_of_the_sound_by_hand() -> None:
    sound = clicks(1.0, (0.0, 0.5))
    placed = place_sound(sound, 0.25, [PlayedRange(0.0, 0.0, 0.5), PlayedRange(2.0, 0.5, 1.0)], 2.5)
    # First part: video 0 to 0.5 s is sound -0.25 to 0.25 s, so the click at 0 is at 0.25 s. Second part: video 0.5 s is sound
    # 0.25 s, so the click at 0.5 is at 2.25 s; it is cut at 2.5 s.
    assert placed.shape == (2.5 * RATE, 2)
    assert click_times(placed) == [0.25, 2.25]
    assert not place_sound(sound, 10.0, [PlayedRange(0.0, 0.0, 2.5)], 2.5).any(), "it has not begun"
    assert not place_sound(sound, -10.0, [PlayedRange(0.0, 0.0, 2.5)], 2.5).any(), "it is over"


def test_where_the_scene_plays_by_hand() -> None:
    schedule = orbit_schedule([[0, 0, 0], [1, 1, 1]], (0, 0, 1), SIZE, (10, 20), 20.0, 30.0, 1.2)
    parts = [(p.start, p.scene_start, p.seconds) for p in schedule.played()]
    np.testing.assert_allclose(parts, [(0, 0.5, 0.5), (0.5, 0.5, 0.5), (1.0, 0.5, 0.2)])
    for part in schedule.played():  # the pictures agree
        frame = round(part.start * 30) + 3
        assert schedule.time(frame) == pytest.approx(20 * (part.scene_start + 0.1))
    clip = path_schedule(_path(30.0), SIZE, 60, (0, 30), 30.0, 25.0)
    assert [(p.start, p.scene_start, p.seconds) for p in clip.played()] == [(0.0, 0.0, 1.0)]
    assert path_schedule(_path(30.0), SIZE, 60, None, 30.0, 25.0).played()[0].seconds == pytest.approx(1.52)
    assert path_schedule(_path(31.0), SIZE, 60, None, 30.0, 25.0).played() == ()
