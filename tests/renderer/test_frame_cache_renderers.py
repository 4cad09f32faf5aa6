"""The frame cache with renderers whose device has little memory, or that prepare several frames together."""

from __future__ import annotations

import pytest

from common.errors import InputError
from renderer.frame_cache import DEFAULT_BUDGET, FrameCache
from tests.renderer.fake_frames import FakeFrame, FakeRenderer, make_cache
from tests.waiting import TIMEOUT


class DeviceRenderer(FakeRenderer):
    """A renderer whose device has memory for 70 bytes of frames."""

    frame_memory = 70

    def __init__(self) -> None:
        super().__init__()
        self.caches: list[FrameCache] = []

    @property
    def frame_memory_left(self) -> int:
        return self.frame_memory - sum(cache.nbytes for cache in self.caches)


def test_frames_take_all_that_a_device_has_for_them() -> None:
    renderer = DeviceRenderer()
    cache = make_cache(renderer, None)
    renderer.caches.append(cache)
    cache.decode_ahead(range(20))
    assert cache.wait_until_idle(TIMEOUT)
    assert cache.cached_times() == [0, 1, 2, 3, 4, 5, 6] and cache.room == 70
    assert make_cache(FakeRenderer(), None).room == DEFAULT_BUDGET
    cache.close()


def test_the_caches_of_a_device_share_its_memory() -> None:
    renderer = DeviceRenderer()
    renderer.caches += (make_cache(renderer, None), make_cache(renderer, 1000))
    for cache in renderer.caches:
        for time in range(5):
            cache.get(float(time))
    assert [len(cache.cached_times()) for cache in renderer.caches] == [5, 2]
    for cache in renderer.caches:
        cache.close()


class BatchRenderer(FakeRenderer):
    """Prepares up to four frames together."""

    frames_at_once = 4

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[float]] = []

    def prepare_together(self, video: object, times: list[float]) -> list[FakeFrame]:
        self.batches.append(times)
        return [self.prepare(video, time) for time in times]


def test_frames_ahead_are_prepared_together_in_twos_and_fours() -> None:
    renderer = BatchRenderer()
    cache = make_cache(renderer)
    cache.get(0.0)
    cache.decode_ahead([float(time) for time in range(8)])
    assert cache.wait_until_idle(TIMEOUT)
    assert renderer.batches == [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0]] and renderer.prepared == [float(time) for time in range(8)]
    cache.close()


def test_a_frame_that_fails_does_not_take_others_with_it() -> None:
    renderer = BatchRenderer()
    renderer.faults[2.0] = InputError("frame 2", "is damaged")
    cache = make_cache(renderer)
    cache.get(0.0)
    cache.decode_ahead([1.0, 2.0, 3.0, 4.0])
    assert cache.wait_until_idle(TIMEOUT)
    assert cache.cached_times() == [0.0, 1.0, 3.0, 4.0]
    with pytest.raises(InputError, match="is damaged"):
        cache.get(2.0)
    cache.close()


def test_a_full_cache_waits_for_several_free_places() -> None:
    renderer = BatchRenderer()
    cache = make_cache(renderer, budget=90)
    for playhead in range(8):
        cache.get(float(playhead))
        cache.decode_ahead([float(time) for time in range(playhead, 40)])
        assert cache.wait_until_idle(TIMEOUT)
        assert playhead + 1.0 in cache, "playback must not wait"
    assert renderer.batches == [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0]]
    cache.close()


def test_at_the_end_of_the_plan_no_frame_is_left_out() -> None:
    renderer = BatchRenderer()
    cache = make_cache(renderer, budget=90)
    for playhead in range(10):
        cache.get(float(playhead))
        cache.decode_ahead([float(time) for time in range(playhead, 10)])
        assert cache.wait_until_idle(TIMEOUT)
    assert renderer.prepared == [float(time) for time in range(10)]
    cache.close()
