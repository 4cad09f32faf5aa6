"""Only a few segments are in memory, and the next one is loaded ahead."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model import segment_store
from model.bundle.coded_write import video_arrays
from model.segment_store import SegmentStore, segments_in_memory
from model.segmented_video import SegmentedVideo
from model.segments import Segment
from tests.model.bundle.segment_files import opened, segment_videos, write_row

BOUNDS = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Disk:
    """Makes segments, and counts them."""

    def __init__(self) -> None:
        self.reads: list[int] = []
        self.threads: list[str] = []
        self.alive: weakref.WeakSet[Any] = weakref.WeakSet()
        self.most = 0
        self.broken: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, data: int, check: Callable[[], None]) -> Any:
        self.reads.append(data)
        self.threads.append(threading.current_thread().name)
        assert self.gate.wait(10)
        check()
        if data in self.broken:
            raise InputError("a.mlpvid", f"segment {data} is damaged")
        segment = SimpleNamespaceWithReference(data=data)
        self.alive.add(segment)
        self.most = max(self.most, len(self.alive))
        return segment


class SimpleNamespaceWithReference(SimpleNamespace):
    """A segment that can be referenced weakly and counted."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def _video(disk: Disk, count: int = 6) -> SegmentedVideo:
    segments = tuple(Segment(4 * index, 4, index, BOUNDS) for index in range(count))
    return SegmentedVideo(None, None, segments, disk)  # type: ignore[arg-type]


def test_freed_memory_is_given_back_after_each_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise playing a long video takes more than twice the memory (`python -m benchmarks.long_video`)."""
    disk, alive = Disk(), list[int]()
    monkeypatch.setattr(segment_store, "return_free_memory", lambda: alive.append(len(disk.alive)))
    store = SegmentStore(disk)
    disk.broken = {2}
    for data in (0, 1, 0, 2, 3):
        with pytest.raises(InputError) if data == 2 else contextlib.nullcontext():
            store.get(data)
    assert alive == [1, 2, 1, 2], "after what was dropped is free, also if the new one cannot be read"


def test_two_segments_stay_in_memory() -> None:
    disk = Disk()
    store = SegmentStore(disk)
    for data in [0, 1, 0, 2, 0, 3, 3, 0]:
        assert store.get(data).data == data  # type: ignore[attr-defined]
    assert disk.reads == [0, 1, 2, 3], "the least recently used one is dropped: 1 for 2, 2 for 3"
    assert store.loaded == [0, 3] and disk.most == 2
    assert store.peek(1) is None and store.peek(3) is not None


def test_as_many_segments_stay_in_memory_as_fit() -> None:
    """A short video that repeats is read once."""
    assert [segments_in_memory(size) for size in (0, 32 << 20, 50 << 20, 1 << 40)] == [128 << 20, 4, 2, 2]
    disk = Disk()
    store = SegmentStore(disk, segments_in_memory(32 << 20))
    for data in [0, 1, 2, 3, 0, 1, 2, 3, 4, 1, 0]:
        store.get(data)
    assert disk.reads == [0, 1, 2, 3, 4, 0] and store.loaded == [0, 1, 3, 4]


def test_the_size_of_segments_in_memory_is_known_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = segment_videos([2, 5, 3], own_decoders=True)
    path = write_row(tmp_path / "a.mlpvid", videos)
    size = sum(array.nbytes for array in video_arrays(videos[1]).values())
    for memory, count in ((3 * size, 3), (3 * size - 1, 2), (0, 2)):
        monkeypatch.setattr(segment_store, "SEGMENT_MEMORY", memory)
        video = opened(path)
        for data in (0, 1, 2):
            video.store.get(data)
        assert len(video.store.loaded) == count


def test_random_access_from_many_threads_never_holds_more_than_two() -> None:
    disk = Disk()
    store = SegmentStore(disk)

    def seek(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for data in rng.integers(0, 5, 40):
            store.get(int(data))
            store.load_ahead(int(rng.integers(0, 5)), {int(data)})

    threads = [threading.Thread(target=seek, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert store.wait_until_idle(10)
    gc.collect()
    assert len(disk.alive) <= 2 and len(store.loaded) <= 2


def test_the_next_segment_is_loaded_ahead_in_the_direction_of_play() -> None:
    disk = Disk()
    video = _video(disk)
    for times, expected in (([5.0, 6.0], 2), ([6.0, 5.0], 0), ([5.0, 20.0], 5), ([23.0, 0.0], 0)):
        video.store.get(video.segments[int(times[0]) // 4].data)
        video.load_ahead(times)
        assert video.store.wait_until_idle(10)
        assert video.store.peek(expected) is not None and video.is_loaded(times[0])
        assert disk.threads[-1] == "load-segment"
    reads = len(disk.reads)
    video.load_ahead([23.0, 0.0])
    video.load_ahead([])
    assert video.store.wait_until_idle(10) and len(disk.reads) == reads, "it is there already"


def test_playing_through_loads_every_segment_once() -> None:
    disk = Disk()
    video = _video(disk)
    for frame in range(video.num_frames - 1):
        assert video.parts(float(frame))
        video.load_ahead([float(frame), float(frame + 1)])
        assert video.store.wait_until_idle(10)
    assert disk.reads == list(range(6)) and disk.most == 2
    assert disk.threads[1:] == ["load-segment"] * 5


def test_a_segment_that_is_loaded_ahead_is_not_read_twice() -> None:
    disk = Disk()
    store = SegmentStore(disk)
    store.get(0)
    disk.gate.clear()
    store.load_ahead(1, {0})
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(store.get(1)))
    waiting.start()
    disk.gate.set()
    waiting.join(10)
    assert got[0].data == 1 and disk.reads == [0, 1]


def test_damage_is_reported_by_the_segment_that_has_it_and_the_others_play() -> None:
    disk = Disk()
    disk.broken = {1}
    video = _video(disk, 3)
    assert video.parts(3.0)
    video.load_ahead([2.0, 3.0])
    assert video.store.wait_until_idle(10)
    for _ in range(2):  # every attempt reads it again
        with pytest.raises(InputError, match="segment 1 is damaged"):
            video.parts(5.0)
    assert video.parts(9.0)[0][0].index == 2
    disk.broken.clear()
    assert video.parts(5.0)[0][0].index == 1


def test_bounds_and_missing_arrays() -> None:
    segments = (Segment(0, 2, 0, ((0, 0, 0), (1, 2, 1))), Segment(2, 2, 1, ((-1, 0.5, 0), (0.5, 1, 3))))
    video = SegmentedVideo(None, None, segments, Disk())  # type: ignore[arg-type]
    np.testing.assert_array_equal(video.bounds, [[-1, 0, 0], [1, 2, 3]])
    assert video.num_frames == 4
    box, cells = video.box_and_occupancy(3.0)  # not in memory
    np.testing.assert_array_equal(box, segments[1].bounds)
    assert cells.all() and cells.shape == (1, 1, 1)
    with pytest.raises(InputError, match="a video of 2 segments: has no latents of its own"):
        _ = video.latents
    with pytest.raises(InputError, match="frame 4: is not in this video"):
        video.parts(4.0)
