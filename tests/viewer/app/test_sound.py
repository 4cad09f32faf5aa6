"""The sound in the window: decoded and played without waiting, silent with a word where that is impossible."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.sound.decode import RATE
from model.sound.stored import VideoSound
from model.video import VolumetricVideo
from tests.factories import make_video
from tests.model.bundle.bundle_files import tiny_video
from tests.model.sound.sounds import click_sound
from tests.viewer.export.test_sound_recording import heard_in
from tests.viewer.sound.fake_device import FakeDevice, FakeTime
from viewer.app import recording
from viewer.app import sound as app_sound
from viewer.app.messages import Messages
from viewer.app.recording import ScreenRecording
from viewer.app.sound import Sound
from viewer.export.played_parts import PlayedParts
from viewer.playback.clock import Playback
from viewer.settings import PlaybackSettings


class Collected(Messages):
    """Keeps all sentences for the status bar."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.statuses: list[str] = []

    def set_status(self, text: str) -> None:
        """Keep a sentence."""
        self.statuses.append(text)


class Room:
    """The sound of a window with one document, whose video of two frames lasts two seconds."""

    def __init__(self, sound: VideoSound | None, device: FakeDevice | None = None) -> None:
        video: VolumetricVideo = tiny_video()
        video.metadata.fps, video.metadata.sound = 1.0, sound
        self.document: Any = SimpleNamespace(video=video, playback=Playback(2, 1.0))
        self.document.playback.play()
        self.time = FakeTime()
        self.device = device or FakeDevice(self.time)
        self.settings, self.messages = PlaybackSettings(), Collected()
        self.sound = Sound(self.settings, self.messages, lambda: None, self.device)

    @property
    def statuses(self) -> list[str]:
        """All that the status bar has shown."""
        return self.messages.statuses

    def advance_until(self, condition: Callable[[], object]) -> None:
        """Let frames of the screen pass until other threads have done their work."""
        for _ in range(2_000):
            self.sound.advance(self.document, 0.001)
            if condition():
                return
            time.sleep(0.001)
        raise AssertionError("it did not happen")

    def loudest(self) -> int:
        """Return the largest sample that the device gets now in two seconds."""
        count = len(self.device.blocks)
        self.time.now += 2.0
        self.device.run()
        return int(np.abs(np.array(self.device.blocks[count:], np.int32)).max())


@pytest.fixture
def room() -> Any:
    """Return a room with a sound that clicks every quarter of a second."""
    result = Room(click_sound(2.0, np.arange(0.05, 2, 0.25).tolist()))
    yield result
    result.sound.close()


def test_it_is_heard_and_muted(room: Room) -> None:
    assert room.sound.of(room.document) is None, "it is decoded on another thread"
    room.advance_until(lambda: room.device.playing)
    room.advance_until(lambda: room.loudest() > 5_000)
    full = room.loudest()
    room.settings.muted = True
    room.advance_until(lambda: room.loudest() == 0)
    room.settings.muted, room.settings.volume = False, 0.5
    room.advance_until(lambda: 0.4 * full < room.loudest() < 0.6 * full)
    assert room.device.starts == 1 and room.statuses == []
    room.document.playback.pause()
    room.advance_until(lambda: room.loudest() == 0)


def test_an_idle_device_is_closed_and_opened_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.advance_until(lambda: room.device.playing)
    monkeypatch.setattr(app_sound, "IDLE_SECONDS", 0.0)
    room.document.playback.pause()
    room.advance_until(lambda: not room.device.playing)
    room.document.playback.play()
    room.advance_until(lambda: room.device.starts == 2)
    room.advance_until(lambda: room.loudest() > 5_000)


def test_without_a_device_the_video_plays_on_and_the_status_bar_says_why_once() -> None:
    room = Room(click_sound(2.0, (0.5,)), FakeDevice(FakeTime(), missing=True))
    room.advance_until(lambda: room.statuses)
    before = room.document.playback.position
    for _ in range(20):
        room.sound.advance(room.document, 0.001)
    assert room.document.playback.position == pytest.approx(before + 0.02)
    assert room.statuses == ["the sound: cannot be played: no device. The video plays without sound"]
    room.sound.try_again()
    room.advance_until(lambda: len(room.statuses) == 2)
    room.sound.close()


def test_a_damaged_sound_is_one_message() -> None:
    def fail() -> bytes:
        raise InputError("the sound of a.mlpvid", "is damaged")

    room = Room(VideoSound("the sound of a.mlpvid", fail))
    room.advance_until(lambda: room.statuses)
    for _ in range(20):
        room.sound.advance(room.document, 0.001)
    assert room.statuses == ["the sound of a.mlpvid: is damaged. The video plays without sound"]
    assert room.sound.columns(room.document, 10) is None and room.device.starts == 0
    room.sound.close()


def test_a_video_without_sound_needs_no_device() -> None:
    room = Room(None)
    for _ in range(5):
        room.sound.advance(room.document, 0.1)
    assert room.document.playback.position == pytest.approx(0.5) and room.device.starts == 0
    room.sound.silence()
    room.sound.close()


def test_the_waveform_spans_the_frames_and_is_kept(room: Room) -> None:
    room.document.video.metadata.sound = click_sound(2.0, (0.255, 0.755))
    room.advance_until(lambda: room.sound.of(room.document) is not None)
    columns = room.sound.columns(room.document, 100)  # from frame 0 to frame 1: one second
    assert columns is not None
    np.testing.assert_array_equal(np.flatnonzero(columns > 0.5), [25, 75])
    assert room.sound.columns(room.document, 100) is columns
    other = room.sound.columns(room.document, 50)
    assert other is not None and len(other) == 50


def test_a_recording_of_the_screen_has_what_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second from 0.5 s on, a pause of a second, and another second from 0.75 s on: the click at 1 s is there twice."""
    now = 100.0
    monkeypatch.setattr(recording, "time", SimpleNamespace(monotonic=lambda: now))
    video = make_video(num_frames=60)
    video.metadata.sound = click_sound(2.0, (1.0,))
    screen = ScreenRecording(tmp_path / "a.mp4", (32, 32), 30.0)
    for step in range(180):  # pictures of a screen with 60 Hz
        now = 100 + step / 60
        position = 0.5 + step / 60 if step < 60 else 0.75 + (step - 120) / 60
        screen.follow(video, None if 60 <= step < 120 else position)
        if screen.due:
            screen.add(np.full((32, 32, 3), 90, np.uint8))
    now = 103.0
    assert "sound" not in screen.finish()
    found, sound, pictures = heard_in(tmp_path / "a.mp4")
    np.testing.assert_allclose(found, [0.5, 2.25], atol=0.02)
    assert sound == pytest.approx(pictures, abs=1e-3) and pictures == pytest.approx(3.0, abs=0.04)


def test_loops_on_the_screen_leave_no_gap(tmp_path: Path) -> None:
    parts, video = PlayedParts(), make_video(num_frames=30)
    video.metadata.sound = click_sound(1.0, np.arange(0.02, 1, 0.04).tolist())
    for step in range(150):
        parts.follow(video, (step / 60) % 1.0, step / 60)
    samples = parts.track(2.4).samples
    assert samples is not None
    loud = np.flatnonzero(np.abs(samples[:, 0].astype(int)) > 5000) / RATE
    assert np.diff(loud).max() < 0.06
    silent = PlayedParts()
    silent.follow(video, None, 0.0)
    assert silent.track(1.0).samples is None and "without sound" in silent.track(1.0).note
