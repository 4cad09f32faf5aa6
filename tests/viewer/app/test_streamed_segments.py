"""Long videos from servers: ready after the first segment, the rest is fetched while they play."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.file_server import FileHandler, FileServer
from common.errors import InputError
from common.streaming.address import parse_address
from common.streaming.block_cache import BLOCK_BYTES, CacheSettings
from model.bundle.info import read_bundle
from model.bundle.read import open_any, read_segmented
from model.bundle.segment_write import contents_of_video, row_of_segments, write_segments
from model.segmented_video import SegmentedVideo
from model.video import VolumetricVideo
from tests.common.streaming.servers import serve
from tests.factories import make_video
from tests.model.bundle.bundle_files import same_tensors, take_apart
from viewer.app.places import read_streamed

COUNT = 5


def _videos(own_decoders: bool) -> list[VolumetricVideo]:
    """Return videos with latents so large that every segment takes more than a block."""
    videos: list[VolumetricVideo] = []
    for seed in range(COUNT):
        video = make_video(seed=seed, num_frames=40)
        rng = np.random.default_rng(seed)
        frames = BLOCK_BYTES // (4 * video.latents.shape[1])
        video.latents = rng.normal(size=(frames, video.latents.shape[1])).astype(np.float32)
        video.boxes = np.repeat(video.boxes[:1], frames, 0)
        video.occupancy = np.repeat(video.occupancy[:1], frames, 0)
        video.decoder_weights = videos[0].decoder_weights if videos and not own_decoders else video.decoder_weights
        videos.append(video)
    return videos


@pytest.fixture(scope="module", params=[False, True], ids=["one decoder", "own decoders"])
def path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return a bundle of five segments of about 0.3 MiB each."""
    result = tmp_path_factory.mktemp("streamed") / "long.mlpvid"
    videos = _videos(own_decoders=request.param)
    segments = row_of_segments([video.num_frames for video in videos])
    write_segments([contents_of_video(video, {}) for video in videos], segments, videos[0].metadata, result)
    return result


class Holds(FileHandler):
    """Sends only the beginning of the file until it may go on, whichever ranges are asked for."""

    gate = threading.Event()
    limit = 0
    """Bytes from the start of the file that are sent at once."""
    sent_from = 0

    def answer(self, asked: str) -> None:
        self.sent_from = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        super().answer(asked)

    def send_body(self, data: bytes) -> None:
        free = max(0, self.limit - self.sent_from)
        super().send_body(data[:free])
        if data[free:]:
            self.gate.wait(60)
            super().send_body(data[free:])


@pytest.fixture
def holding(path: Path) -> Iterator[FileServer]:
    """Serve the bundle, but nothing after the first segment."""
    Holds.gate.clear()
    pieces, size = take_apart(path), path.stat().st_size
    end = size - len(pieces.data) + pieces.entries["segments.0.hash.tables"]["data_offsets"][1]
    Holds.limit = -(-end // BLOCK_BYTES) * BLOCK_BYTES
    with serve(Holds, path.read_bytes()) as server:
        yield server
        Holds.gate.set()


def _open(server: FileServer, folder: Path) -> SegmentedVideo:
    video = read_streamed(parse_address(server.url), CacheSettings(folder))
    assert isinstance(video, SegmentedVideo)
    return video


@pytest.mark.slow
def test_the_first_segment_plays_before_the_rest_is_there(path: Path, holding: FileServer, tmp_path: Path) -> None:
    video, local = _open(holding, tmp_path), read_bundle(path)
    assert isinstance(local, SegmentedVideo)
    assert video.is_loaded(0.0) and same_tensors(video.parts(0.0)[0][1], local.parts(0.0)[0][1])
    np.testing.assert_array_equal(video.bounds, local.bounds)
    later = float(video.segments[3].first_frame)
    assert not video.is_loaded(later)
    got: list[VolumetricVideo] = []
    seeking = threading.Thread(target=lambda: got.append(video.parts(later)[0][1]))
    seeking.start()
    assert not got
    Holds.gate.set()
    seeking.join(30)
    assert same_tensors(got[0], local.parts(later)[0][1]) and video.is_loaded(later)


@pytest.mark.slow
def test_segments_are_fetched_in_the_order_of_play(path: Path, tmp_path: Path) -> None:
    announced: list[list[int]] = []
    video = read_segmented(open_any(path), lambda order: announced.append(list(order)))  # type: ignore[arg-type]
    starts = [segment.first_frame for segment in video.segments]
    video.load_ahead([starts[2] + 1.0, starts[2] + 2.0])
    video.load_ahead([starts[2] + 2.0, starts[2] + 3.0])
    video.load_ahead([starts[2] + 2.0, starts[2] + 1.0])
    assert announced == [[0, 1, 2, 3, 4], [2, 3, 4, 0, 1], [2, 1, 0, 4, 3]]
    assert video.store.wait_until_idle(20)


def test_a_server_that_goes_away_is_reported_and_what_is_there_still_plays(path: Path, tmp_path: Path) -> None:
    with serve(data=path.read_bytes()) as server:
        video = _open(server, tmp_path)
        every = [float(segment.first_frame) for segment in video.segments]
        for time in every:
            assert video.parts(time)
    for time in every:  # from the cache
        assert video.parts(time)


def test_the_connection_ends_with_the_video(path: Path, tmp_path: Path) -> None:
    before = set(threading.enumerate())  # other tests' connections may still be open
    with serve(data=path.read_bytes()) as server:
        video = _open(server, tmp_path)
        assert video.store.wait_until_idle(20)
        fetching = [thread for thread in set(threading.enumerate()) - before if thread.name == "fetch"]
        assert fetching
        del video
        gc.collect()
        for thread in fetching:
            thread.join(20)
            assert not thread.is_alive()


def test_damage_on_the_server_is_reported_for_its_segment(path: Path, tmp_path: Path) -> None:
    content, pieces = bytearray(path.read_bytes()), take_apart(path)
    content[len(content) - len(pieces.data) + pieces.entries["segments.2.latents"]["data_offsets"][0] + 9] ^= 4
    with serve(data=bytes(content)) as server:
        video = _open(server, tmp_path)
        starts = [float(segment.first_frame) for segment in video.segments]
        with pytest.raises(InputError, match=r"segments\.2\.latents is damaged"):
            video.parts(starts[2])
        assert video.parts(starts[1]) and video.parts(starts[4])
