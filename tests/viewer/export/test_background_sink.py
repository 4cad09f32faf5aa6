"""Encode in the background: order, held images, a slow encoder, faults, and the timing of a screen recording."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from common.errors import InputError
from tests.viewer.videos import decode
from tests.waiting import TIMEOUT
from viewer.app import recording as app_recording
from viewer.app.recording import ScreenRecording
from viewer.export.background_sink import WAITING, BackgroundSink
from viewer.export.video_sink import VideoSink


class FakeSink:
    """Records the value of each image; can be slow or fail."""

    path = Path("fake.mp4")

    def __init__(self, gate: threading.Event | None = None, fail_at: int | None = None) -> None:
        self.values: list[int] = []
        self.skipped = 0
        self.finished = self.aborted = False
        self._gate, self._fail_at = gate, fail_at

    def write(self, pixels: np.ndarray) -> None:
        if self._gate is not None:
            assert self._gate.wait(TIMEOUT)
        if len(self.values) == self._fail_at:
            raise InputError("fake.mp4", "cannot be written (No space left on device)")
        self.values.append(int(pixels[0, 0, 0]))

    def skip(self, frames: int) -> None:
        assert self.values, "the first frame is missing"
        self.skipped += frames

    def finish(self) -> None:
        self.finished = True

    def abort(self) -> str:
        self.aborted = True
        return "gone"


def background(fake: FakeSink) -> BackgroundSink:
    return BackgroundSink(cast(VideoSink, fake))


def picture(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def test_pictures_arrive_in_order() -> None:
    fake = FakeSink()
    sink = background(fake)
    for value in range(5):
        sink.write(picture(value))
    sink.finish()
    assert fake.values == [0, 1, 2, 3, 4] and fake.finished
    assert (sink.frames, sink.left_out) == (5, 0)


def test_held_pictures_stay() -> None:
    fake = FakeSink()
    sink = background(fake)
    sink.hold(3)
    sink.write(picture(1))
    sink.hold(2)
    sink.hold(-4)
    sink.write(picture(2))
    sink.hold(1)
    sink.finish()
    assert fake.values == [1, 1, 1, 2, 2]
    assert sink.frames == 5


def test_a_slow_encoder_drops_pictures_and_does_not_block() -> None:
    gate = threading.Event()
    fake = FakeSink(gate)
    sink = background(fake)
    for value in range(50):
        sink.write(picture(value))
    assert not fake.values, "the window got here although nothing is encoded yet"
    assert WAITING <= 50 - sink.left_out <= WAITING + 1
    gate.set()
    sink.finish()
    assert len(fake.values) + fake.skipped == sink.frames == 50
    assert fake.values == sorted(fake.values) and fake.values[-1] == 49 - sink.left_out


def test_what_is_left_after_the_end_is_bounded() -> None:
    gate = threading.Event()
    fake = FakeSink(gate)
    sink = background(fake)
    for value in range(WAITING // 2):
        sink.write(picture(value))
        sink.hold(10_000)
    gate.set()
    sink.finish()
    assert sink.frames == len(fake.values) + fake.skipped == 10_001 * WAITING // 2
    assert set(fake.values) == set(range(WAITING // 2)), "every picture is there"
    assert fake.values[-2:] == [WAITING // 2 - 1] * 2, "the last frame is encoded"


def test_a_cancelled_end_discards_what_waits() -> None:
    gate = threading.Event()
    fake = FakeSink(gate)
    sink = background(fake)
    for value in range(WAITING - 1):
        sink.write(picture(value))
    shares: list[float] = []

    def cancelled() -> bool:
        gate.set()
        return True

    sink.drain(shares.append, cancelled)
    assert len(fake.values) <= 1 and not fake.finished
    assert sink.abort() == "gone" and all(0 <= share <= 1 for share in shares)


def test_a_slow_encoder_leaves_a_video_of_the_right_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    gate, now, write = threading.Event(), [0.0], VideoSink.write

    def slow(sink: VideoSink, pixels: np.ndarray) -> None:
        assert gate.wait(TIMEOUT)
        write(sink, pixels)

    monkeypatch.setattr(VideoSink, "write", slow)
    monkeypatch.setattr(app_recording, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for suffix in (".mp4", ".webm"):
        gate.clear()
        now[0] = 0.0
        path = tmp_path / f"a{suffix}"
        recording = ScreenRecording(path, (64, 48), quality=10, fps=10.0)
        for second in range(20):
            now[0] = float(second)
            recording.add(np.full((48, 64, 3), 10 * second, np.uint8))
        now[0] = 20.05
        gate.set()
        assert recording.left_out > 0
        assert f"too slow for {recording.left_out} pictures" in recording.finish()
        with av.open(str(path)) as video:
            times = [round(float(packet.pts * packet.time_base), 2) for packet in video.demux(video=0) if packet.size]
        assert len(times) < 100 and times[-1] == 19.9, "200 frames of 0.1 s, of which few are encoded"
        assert {0.0, 1.0, 2.0, 3.0} <= set(times), "pictures have their times"


def test_a_fault_of_the_encoder_is_raised_by_the_next_call() -> None:
    sink = background(FakeSink(fail_at=2))
    for value in range(3):
        sink.write(picture(value))
    with pytest.raises(InputError, match="No space"):
        sink.finish()
    with pytest.raises(InputError, match="No space"):
        sink.write(picture(9))


def test_stopping_early() -> None:
    fake = FakeSink()
    sink = background(fake)
    sink.write(picture(1))
    assert sink.abort() == "gone" and fake.values == [1] and not fake.finished


def test_a_screen_recording_shows_each_picture_for_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    now = [100.0]
    monkeypatch.setattr(app_recording, "time", SimpleNamespace(monotonic=lambda: now[0]))
    recording = ScreenRecording(tmp_path / "a.mp4", (64, 48), quality=10, fps=10.0)
    for seconds, value in ((0.0, 20), (0.55, 120), (0.65, 220)):  # seconds since the start
        now[0] = 100.0 + seconds
        assert recording.due
        recording.add(np.full((48, 64, 3), value, np.uint8))
        assert not recording.due
    now[0] = 101.05
    assert "10 frames" in recording.finish()
    shades = [round(float(frame.mean()), -1) for frame in decode(tmp_path / "a.mp4")]
    assert shades == [20] * 5 + [120] + [220] * 4
