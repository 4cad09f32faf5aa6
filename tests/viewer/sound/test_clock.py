"""Picture and sound stay together: with a device that drifts and starts late, over loops, pauses and seeks."""

from __future__ import annotations

import random

import numpy as np
import pytest

from model.sound.decode import RATE
from tests.viewer.sound.fake_device import NO_PEAKS, FakeDevice, FakeTime, numbered_sound, sample_time
from viewer.playback.clock import LoopMode, Playback
from viewer.sound.clock import SoundClock
from viewer.sound.player import DecodedSound, PlayedPath, SoundPlayer, copy_along

FPS = 30.0


class Room:
    """A video that plays on a screen, and its sound on a device, in fake time."""

    def __init__(self, device_rate: float = RATE, late: float = 0.0, latency: float = 0.12, seconds: float = 60.0) -> None:
        self.time = FakeTime()
        self.device = FakeDevice(self.time, device_rate, latency, late)
        self.player = SoundPlayer(self.device, self.time)
        self.clock = Playback(round(seconds * FPS), FPS)
        self.sound: DecodedSound | None = numbered_sound(seconds)
        self.sound_clock = SoundClock(self.player)
        self.device.start(self.player.fill)
        self.random = random.Random(5)
        self.differences: list[float] = []
        """Time of the sound minus that of the picture after each step in which sound is heard, seconds."""
        self.steps: list[tuple[float, float]] = []
        """Real time and time of the video of each step, seconds."""

    def run(self, seconds: float, settle: float = 0.0) -> None:
        """Let time pass in frames of uneven length. Differences are not noted for the first `settle` seconds."""
        end, begin = self.time.now + seconds, self.time.now
        while self.time.now < end:
            step = self.random.choice((1 / 60, 1 / 60, 1 / 60, 1 / 30, 0.004, 0.09))
            self.time.now += step
            self.device.run()
            before = self.clock.position
            self.sound_clock.advance(self.clock, step, self.sound)
            self.steps.append((step, (self.clock.position - before) / FPS))
            heard = sample_time(self.device.sample())
            if heard is not None and self.time.now - begin >= settle:
                self.differences.append(self._apart(heard))

    def _apart(self, heard: float) -> float:
        length = self.clock.range_frames / FPS
        difference = heard - self.clock.position / FPS
        return (difference + length / 2) % length - length / 2  # near a loop's end, the other one may have begun again


@pytest.mark.slow
def test_ten_minutes_with_a_drifting_device() -> None:
    """It starts late, loops, pauses and seeks; picture and sound are never 20 ms apart."""
    room = Room(RATE * 44099 / 44100, late=0.7)
    room.clock.play()
    room.run(250)
    for change in (room.clock.pause, room.clock.play, lambda: room.clock.seek(1234), lambda: room.clock.set_in_point(600)):
        change()
        room.run(0.5, settle=0.2)  # until then, what the device already has is heard
        room.run(60)
    room.clock.clear_range()
    room.run(110, settle=0.2)
    assert len(room.differences) > 15_000
    assert np.abs(room.differences).max() < 0.02
    assert sum(step for step, _ in room.steps) > 600


def test_the_picture_neither_waits_nor_jumps() -> None:
    room = Room(RATE * 0.999, late=0.4)
    room.clock.play()
    room.run(20)
    for step, moved in room.steps:
        assert 0.9 * step - 1e-9 <= moved <= 1.1 * step + 1e-9
    early = [moved / step for step, moved in room.steps[:10]]
    np.testing.assert_allclose(early, 1.0, atol=1e-9)  # by the ordinary clock, before the device has begun


def test_the_device_leads() -> None:
    """Without the sound the picture would be 0.2 s behind after 20 s."""
    room = Room(RATE * 1.01)
    room.clock.play()
    room.run(20)
    assert np.abs(room.differences).max() < 0.02
    assert sum(moved for _, moved in room.steps) == pytest.approx(1.01 * sum(step for step, _ in room.steps), abs=0.05)


def _silent(room: Room) -> bool:
    room.run(0.3)  # what the device already has
    room.differences.clear()
    room.run(1.0)
    return not room.differences


def test_silent_when_it_does_not_play_forward_at_its_own_speed() -> None:
    room = Room()
    room.clock.play()
    room.run(2)
    assert room.differences and not _silent(room)
    room.clock.speed = 2.0
    assert _silent(room)
    room.clock.speed = 1.0
    assert not _silent(room)
    room.clock.reverse = True
    assert _silent(room)
    room.clock.reverse = False
    room.clock.begin_scrub()
    assert _silent(room)
    room.clock.end_scrub()
    assert not _silent(room) and np.abs(room.differences).max() < 0.02
    sound, room.sound = room.sound, None
    before, step = room.clock.position, len(room.steps)
    assert _silent(room), "muted"
    assert room.clock.position > before and all(moved == pytest.approx(s) for s, moved in room.steps[step:])
    room.sound = sound
    room.clock.set_in_point(room.clock.frame)
    room.clock.set_out_point(room.clock.frame)
    assert _silent(room), "a single frame"


def test_ping_pong_is_heard_forward_only_and_once_ends() -> None:
    room = Room(seconds=3.0)
    room.clock.mode = LoopMode.PING_PONG
    room.clock.play()
    room.run(12.5)
    assert len(room.differences) > 100 and np.median(np.abs(room.differences)) < 0.02
    room.clock.mode = LoopMode.ONCE
    room.clock.seek(0)
    room.clock.reverse = False
    room.run(5)
    assert not room.clock.playing and room.clock.frame == 89
    assert _silent(room)


def test_a_device_that_stalls_is_joined_again() -> None:
    room = Room()
    room.clock.play()
    room.run(3)
    room.device.stalled = True
    position, passed = room.clock.position, len(room.steps)
    room.run(2)
    assert (room.clock.position - position) / FPS == pytest.approx(sum(s for s, _ in room.steps[passed:]), abs=0.25)
    room.device.stalled = False
    room.run(1)
    room.differences.clear()
    room.run(5)
    assert room.differences and np.abs(room.differences).max() < 0.02


def test_silence_before_the_beginning_and_after_the_end() -> None:
    sound = DecodedSound(np.full((RATE // 10, 2), 7, np.int16), 0.2, NO_PEAKS)
    for path, passed, heard in (
        (PlayedPath(0.0, 0.0, 1.0, True), 0.0, (0.2, 0.3)),
        (PlayedPath(0.15, 0.0, 1.0, True), 0.0, (0.05, 0.15)),
        (PlayedPath(0.0, 0.0, 0.25, True), 0.1, (0.1, 0.15, 0.35, 0.4)),  # the range ends at 0.25 s: 0.05 s each time
        (PlayedPath(0.0, 0.0, 0.25, False), 0.1, (0.1, 0.15)),
    ):
        samples = np.zeros((RATE // 2, 2), np.int16)
        copy_along(samples, sound, path, passed)
        changes = np.flatnonzero(np.diff(np.concatenate([[0], samples[:, 0], [0]]))) / RATE
        np.testing.assert_allclose(changes, heard, atol=2 / RATE)


def test_the_volume() -> None:
    room = Room(seconds=1.0)
    room.player.volume = 0.5
    room.sound = DecodedSound(np.full((RATE, 2), 1000, np.int16), 0.0, NO_PEAKS)
    room.clock.play()
    room.run(0.5)
    assert room.device.sample() == (500, 500)
