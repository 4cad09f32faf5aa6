"""A frame is decoded once for all visitors."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from model.video import VolumetricVideo
from renderer.cpu.renderer import CpuRenderer
from tests.factories import make_camera, make_video
from tests.waiting import wait_until
from viewer.serve.shared_frames import SharedFrames
from viewer.serve.visitor import Visitor
from viewer.settings import Settings


class CountingRenderer(CpuRenderer):
    """Counts how often each frame is prepared."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.prepared: Counter[float] = Counter()

    def prepare(self, video: VolumetricVideo, time: float) -> Any:
        self.prepared[time] += 1
        return super().prepare(video, time)


@pytest.fixture
def frames() -> Any:
    shared = SharedFrames(CountingRenderer(), make_video(num_frames=6), None)
    yield shared
    shared.close()


def still() -> Settings:
    settings = Settings()
    settings.playback.autoplay = False
    return settings


def test_visitors_and_recordings_decode_a_frame_once(frames: SharedFrames) -> None:
    visitors = [Visitor(frames, still(), lambda: None) for _ in range(3)]
    for visitor in visitors:
        visitor.move(make_camera(32, 24), 0.0)
        visitor.playback.seek(4)
    images: set[int] = set()

    def all_have_images() -> bool:
        images.update(index for index, visitor in enumerate(visitors) if visitor.update(10.0) is not None)
        return len(images) == 3

    wait_until(all_have_images)
    assert frames.prepare(frames.video, 4.0).time == 4.0
    assert frames.renderer.prepared == {4.0: 1}  # type: ignore[attr-defined]
    for visitor in visitors:
        visitor.close()


def test_frames_of_another_video_are_not_mixed_up(frames: SharedFrames) -> None:
    frames.prepare(frames.video, 1.0)
    other = make_video(seed=1, num_frames=6)
    assert (frames.prepare(other, 1.0).box != frames.prepare(frames.video, 1.0).box).any()


def test_the_next_frames_of_all_visitors_are_decoded(frames: SharedFrames) -> None:
    first, second = object(), object()
    frames.plan(first, [0.0, 1.0])
    frames.plan(second, [5.0, 4.0, 1.0])
    assert frames.cache.wait_until_idle(30)
    assert frames.cache.cached_times() == [0.0, 1.0, 4.0, 5.0]
    frames.plan(first, [])
    frames.plan(second, [2.0])
    assert frames.cache.wait_until_idle(30)
    assert 2.0 in frames.cache
    assert frames.renderer.prepared == dict.fromkeys((0.0, 1.0, 2.0, 4.0, 5.0), 1)  # type: ignore[attr-defined]
