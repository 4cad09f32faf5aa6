"""The frame cache, with a fake renderer that the test controls step by step. No test depends on the clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from renderer.backend import RenderCancelled
from tests.renderer.fake_frames import FakeFrame, FakeRenderer, FakeVideo, make_cache
from tests.waiting import TIMEOUT


@pytest.fixture
def renderer() -> FakeRenderer:
    return FakeRenderer()


@pytest.fixture
def gated() -> Iterator[FakeRenderer]:
    renderer = FakeRenderer(gated=True)
    yield renderer
    renderer.release(1000)


def test_a_frame_is_prepared_once(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer)
    first = cache.get(3.0)
    assert cache.get(3.0) is first
    assert renderer.prepared == [3.0]
    assert 3.0 in cache and cache.cached_times() == [3.0] and cache.nbytes == 10


def test_decodes_ahead_in_the_order_given(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer)
    cache.get(5.0)
    cache.decode_ahead([4.0, 3.0, 6.0, 5.0])
    assert cache.wait_until_idle(TIMEOUT)
    assert renderer.prepared == [5.0, 4.0, 3.0, 6.0]
    assert cache.cached_times() == [3.0, 4.0, 5.0, 6.0]
    cache.close()


def test_decodes_ahead_no_more_than_fits(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer, budget=45)  # four frames: the current one and three ahead
    cache.get(0.0)
    cache.decode_ahead([float(t) for t in (*range(1, 10), 0)])
    assert cache.wait_until_idle(TIMEOUT)
    assert renderer.prepared == [0.0, 1.0, 2.0, 3.0]
    cache.close()


def test_playing_evicts_the_frame_just_shown_and_keeps_the_next_ones(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer, budget=40)
    for time in (0.0, 1.0, 2.0):
        cache.get(time)
        cache.decode_ahead([(time + step) % 10 for step in range(1, 11)])
        assert cache.wait_until_idle(TIMEOUT)
    assert cache.cached_times() == [2.0, 3.0, 4.0, 5.0]
    assert renderer.prepared == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    cache.close()


def test_without_a_plan_the_least_recently_used_frame_is_evicted_first(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer, budget=30)
    for time in (0.0, 1.0, 2.0, 0.0, 7.0):
        cache.get(time)
    assert cache.cached_times() == [0.0, 2.0, 7.0]


def test_a_smaller_budget_evicts_all_but_the_current_frame(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer)
    for time in (0.0, 1.0, 2.0):
        cache.get(time)
    cache.budget = 1
    assert cache.cached_times() == [2.0] and cache.nbytes == 10


def test_a_frame_too_large_to_cache_is_not_prepared_forever(renderer: FakeRenderer) -> None:
    renderer.sizes = {3.0: 1000}
    cache = make_cache(renderer, budget=100)
    cache.get(0.0)
    cache.decode_ahead([1.0, 2.0, 3.0, 4.0])
    assert cache.wait_until_idle(TIMEOUT)
    assert renderer.prepared == [0.0, 1.0, 2.0, 3.0]
    assert cache.cached_times() == [0.0, 1.0, 2.0]
    cache.close()


def test_nearest_returns_the_closest_frame_and_of_two_the_planned_one(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer)
    assert cache.nearest(4.0) is None
    for time in (2.0, 6.0, 20.0):
        cache.get(time)
    near = cache.nearest(7.0)
    assert near is not None and near.time == 6.0
    for order, expected in (((2.0, 6.0), 2.0), ((6.0, 2.0), 6.0)):
        cache.decode_ahead(order)
        near = cache.nearest(4.0)
        assert near is not None and near.time == expected
    cache.close()


def test_fractional_times_are_exact_and_bounded(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer, max_fractional=2)
    for time in (1.0, 1.25, 1.5, 1.75):
        assert cache.get(time).time == time
    assert cache.cached_times() == [1.0, 1.5, 1.75]
    cache.decode_ahead([2.25, 2.5, 2.75, 3.0])
    assert cache.wait_until_idle(TIMEOUT)
    assert renderer.prepared[4:] == [2.25, 3.0]
    assert cache.cached_times() == [1.0, 1.75, 2.25, 3.0]
    cache.close()


def test_a_request_for_a_frame_in_preparation_waits_for_it(gated: FakeRenderer) -> None:
    cache = make_cache(gated)
    cache.decode_ahead([4.0])
    assert gated.started.get(timeout=TIMEOUT) == 4.0
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(cache.get, 4.0) for _ in range(2)]
        gated.release()
        frames = [future.result(TIMEOUT) for future in waiting]
    assert frames[0] is frames[1]
    assert gated.prepared == [4.0]
    cache.close()


def test_a_new_plan_replaces_the_old_one(gated: FakeRenderer) -> None:
    cache = make_cache(gated)
    cache.decode_ahead([1.0, 2.0, 3.0])
    assert gated.started.get(timeout=TIMEOUT) == 1.0
    cache.decode_ahead([8.0])
    gated.release(2)
    assert cache.wait_until_idle(TIMEOUT)
    assert gated.prepared == [1.0, 8.0]
    cache.close()


def test_an_error_of_the_worker_is_raised_once(renderer: FakeRenderer) -> None:
    renderer.faults = {2.0: InputError("frame 2", "is damaged")}
    cache = make_cache(renderer)
    cache.decode_ahead([1.0, 2.0, 3.0])
    assert cache.wait_until_idle(TIMEOUT)
    assert cache.cached_times() == [1.0, 3.0]
    with pytest.raises(InputError, match="is damaged"):
        cache.get(2.0)
    renderer.faults.clear()
    assert cache.get(2.0).time == 2.0
    cache.close()


def test_a_request_that_waits_for_a_failing_frame_raises_its_error(gated: FakeRenderer) -> None:
    gated.faults = {4.0: InputError("frame 4", "is damaged")}
    cache = make_cache(gated)
    cache.decode_ahead([4.0])
    assert gated.started.get(timeout=TIMEOUT) == 4.0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cache.get, 4.0)
        gated.release()
        with pytest.raises(InputError, match="is damaged"):
            waiting.result(TIMEOUT)
    assert gated.prepared == [4.0]
    cache.close()


def test_after_an_error_on_the_calling_thread_the_next_request_works(renderer: FakeRenderer) -> None:
    renderer.faults = {2.0: InputError("frame 2", "is damaged")}
    cache = make_cache(renderer)
    with pytest.raises(InputError):
        cache.get(2.0)
    renderer.faults.clear()
    assert cache.get(2.0).time == 2.0


def test_close_ends_the_worker_and_waiting_requests(gated: FakeRenderer) -> None:
    before = threading.active_count()
    cache = make_cache(gated)
    cache.decode_ahead([1.0, 2.0])
    assert gated.started.get(timeout=TIMEOUT) == 1.0
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(cache.get, 1.0)
        closing = pool.submit(cache.close)
        with pytest.raises(RenderCancelled):
            waiting.result(TIMEOUT)
        gated.release(5)
        closing.result(TIMEOUT)
    assert gated.prepared == [1.0]
    assert cache.cached_times() == [] and threading.active_count() == before
    cache.decode_ahead([3.0])
    assert threading.active_count() == before
    with pytest.raises(RenderCancelled):
        cache.get(3.0)


def test_close_without_a_worker_and_twice(renderer: FakeRenderer) -> None:
    cache = make_cache(renderer)
    cache.close()
    cache.close()


def test_a_cached_frame_that_makes_room_wakes_the_worker(renderer: FakeRenderer) -> None:
    """Showing a whole frame instead of a fractional one leaves room for a second fractional frame ahead."""
    cache = make_cache(renderer, max_fractional=2)
    cache.get(1.0)
    cache.get(2.5)
    cache.decode_ahead([0.5, 3.5])
    assert cache.wait_until_idle(TIMEOUT) and 3.5 not in cache
    cache.get(1.0)
    assert cache.wait_until_idle(TIMEOUT) and 3.5 in cache
    cache.close()


steps = st.one_of(
    st.tuples(st.just("get"), st.sampled_from([0.0, 1.0, 2.0, 2.5, 3.0, 3.25, 4.0])),
    st.tuples(st.just("ahead"), st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 4.0]), max_size=6)),
    st.tuples(st.just("budget"), st.integers(1, 60)),
    st.tuples(st.just("nearest"), st.floats(0, 4)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=20), st.lists(st.integers(1, 30), min_size=4, max_size=4))
def test_the_budget_holds_and_the_worker_becomes_idle(script: list[tuple[str, object]], sizes: list[int]) -> None:
    renderer = FakeRenderer()
    renderer.sizes = dict(enumerate(sizes))  # type: ignore[arg-type]
    cache = make_cache(renderer, budget=40, max_fractional=2)
    for name, value in script:
        if name == "get":
            assert cache.get(value).time == value  # type: ignore[arg-type]
        elif name == "ahead":
            cache.decode_ahead(value)  # type: ignore[arg-type]
        elif name == "nearest":
            near, times = cache.nearest(value), cache.cached_times()  # type: ignore[arg-type]
            assert near is not None or not renderer.prepared or not times
        else:
            cache.budget = value  # type: ignore[assignment]
        assert cache.wait_until_idle(TIMEOUT)
        assert cache.nbytes <= cache.room or len(cache.cached_times()) == 1
        assert sum(t % 1 != 0 for t in cache.cached_times()) <= 2
    cache.close()


def test_another_version_of_the_video_takes_over_what_it_can(renderer: FakeRenderer) -> None:
    cache, newer = make_cache(renderer), FakeVideo()
    for time in (1.0, 2.0):
        cache.get(time)
    cache.replace_video(newer, lambda frame: FakeFrame(frame.time, 7) if frame.time == 1.0 else None)  # type: ignore[arg-type, return-value]
    assert cache.video is newer and cache.cached_times() == [1.0] and cache.nbytes == 7
    cache.get(2.0)
    assert renderer.prepared == [1.0, 2.0, 2.0]


def test_a_frame_of_the_earlier_version_is_not_kept(gated: FakeRenderer) -> None:
    cache = make_cache(gated)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(cache.get, 3.0)
        gated.started.get(timeout=TIMEOUT)
        cache.replace_video(FakeVideo(), lambda frame: frame)  # type: ignore[arg-type]
        gated.release()
        assert waiting.result(TIMEOUT).time == 3.0
    assert 3.0 not in cache
