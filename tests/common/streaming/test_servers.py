"""What comes of each kind of bad server, exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.file_server import FileHandler
from common.errors import InputError
from common.streaming.block_cache import BLOCK_BYTES, BlockCache, CacheSettings
from tests.common.streaming import servers
from tests.common.streaming.servers import content, serve, stream
from tests.waiting import wait_until

Many = 1 << 30


@pytest.fixture
def cache(tmp_path: Path) -> BlockCache:
    return BlockCache(CacheSettings(tmp_path))


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 20 * BLOCK_BYTES])
@pytest.mark.parametrize("handler", [FileHandler, servers.IgnoresRanges, servers.TellsNoLength])
def test_files_of_any_size_are_read(handler: type[FileHandler], size: int, cache: BlockCache) -> None:
    data = content(size / BLOCK_BYTES)
    with serve(handler, data) as server:
        source = stream(server, cache)
        assert source.size in (size, None)
        assert source.read(0, Many if source.size is not None else size + 5) == data
        assert source.size == size and source.read(size, 1) == b""
        source.close()


def test_a_read_fetches_only_its_blocks_and_only_once(cache: BlockCache) -> None:
    data = content(9)
    with serve(data=data) as server:
        source = stream(server, cache)
        assert source.size == len(data)
        assert source.read(5 * BLOCK_BYTES - 1, 2) == data[5 * BLOCK_BYTES - 1 : 5 * BLOCK_BYTES + 1]
        assert source.is_loaded(4 * BLOCK_BYTES, 2 * BLOCK_BYTES) and not source.is_loaded(3 * BLOCK_BYTES, 2 * BLOCK_BYTES)
        assert source.read(4 * BLOCK_BYTES, BLOCK_BYTES) == data[4 * BLOCK_BYTES : 5 * BLOCK_BYTES]
        assert server.requests == ["bytes=0-262143", f"bytes={4 * BLOCK_BYTES}-{6 * BLOCK_BYTES - 1}"]
        source.close()
        again = stream(server, cache)
        assert again.read(5 * BLOCK_BYTES, 10) == data[5 * BLOCK_BYTES :][:10]
        assert server.requests[2:] == ["bytes=0-262143"]  # only asks whether the file is still the same
        again.close()


@pytest.mark.parametrize(
    "handler",
    [servers.IgnoresRanges, servers.TellsNoLength, servers.Compresses, servers.Cuts, servers.CutsWholeFiles, servers.Busy],
)
def test_bytes_arrive_in_spite_of(handler: type[FileHandler], cache: BlockCache) -> None:
    data = content()
    with serve(handler) as server:
        if handler is servers.Busy:
            server.requests.append("")  # before the first answer only two requests are made
        source = stream(server, cache)
        assert source.read(2 * BLOCK_BYTES, 100) == data[2 * BLOCK_BYTES :][:100]
        assert source.read(0, len(data)) == data
        assert source._ranges == (handler in (servers.Cuts, servers.Busy))
        source.close()


def test_a_cut_resumes_where_it_was(cache: BlockCache) -> None:
    data = content(8)
    with serve(servers.Cuts, data) as server:
        server.requests.append("")
        source = stream(server, cache)
        assert source.read(0, len(data)) == data
        assert server.requests[1:] == [
            "bytes=0-262143",  # whole
            "bytes=262144-2097151",  # cut after three and a half of seven blocks
            f"bytes={4 * BLOCK_BYTES}-2097151",
        ]
        source.close()


@pytest.mark.parametrize(
    ("handler", "fault"),
    [
        (servers.NotFound, "cannot be downloaded (404 Not Found); check the URL"),
        (
            servers.TellsOtherRange,
            "was asked for bytes 0-262143 and sends bytes 1-917503/917504; its range requests are broken",
        ),
        (servers.CompressesParts, "is sent compressed and in parts; the server must send .mlpvid files uncompressed"),
        (servers.AlwaysCuts, "ended after 131072 of 262144 bytes; try again"),
        (servers.TellsTooLittle, "ended after 131,072 of 262,144 bytes; try again"),
        (servers.TellsTooMuch, "ended after 131072 of 131073 bytes; try again"),
        (servers.ChangesHalfWay, "changed on the server while it was read; open it again"),
    ],
)
def test_files_that_cannot_be_read_are_reported_in_one_line(handler: type[FileHandler], fault: str, cache: BlockCache) -> None:
    with serve(handler) as server:
        source = stream(server, cache)
        with pytest.raises(InputError) as caught:
            source.read(0, 10)
            source.read(BLOCK_BYTES, 10)
            source.prefetch([(0, Many)])
            source.read(3 * BLOCK_BYTES, Many)
        assert str(caught.value).startswith(server.url) and fault in str(caught.value)
        source.close()


def test_nothing_of_a_changed_file_stays(cache: BlockCache) -> None:
    with serve(servers.ChangesHalfWay) as server:
        source = stream(server, cache)
        assert source.read(0, 10) == content()[:10] and source.read(BLOCK_BYTES, 1) == content()[BLOCK_BYTES:][:1]
        with pytest.raises(InputError, match="changed on the server"):
            source.read(3 * BLOCK_BYTES, 10)
        with pytest.raises(InputError, match="changed on the server"):  # not even what was there
            source.read(0, 10)
        assert cache.used() == 0
        source.close()
        again = stream(server, cache)
        assert again.read(0, Many) == content(seed=1)
        again.close()


def test_a_file_that_changed_since_the_last_time_is_read_again(cache: BlockCache) -> None:
    with serve() as server:
        first = stream(server, cache)
        assert first.read(0, Many) == content()
        first.close()
        server.content, server.etag = content(seed=1), '"2"'
        second = stream(server, cache)
        assert second.read(0, Many) == content(seed=1)
        second.close()
        assert cache.used() < 1.1 * len(server.content)  # the old blocks are gone


def test_without_a_validator_nothing_is_trusted_later(cache: BlockCache) -> None:
    with serve() as server:
        server.etag = ""
        for seed in (0, 1):  # the same length
            server.content = content(seed=seed)
            source = stream(server, cache)
            assert source.read(0, Many) == server.content
            source.close()


def test_waiting_is_cancelled_at_once(cache: BlockCache) -> None:
    class Cancelled(Exception):
        pass

    calls = []

    def cancel() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    with serve(servers.Stalls) as server:
        source = stream(server, cache)
        source.on_wait = cancel
        with pytest.raises(Cancelled):
            source.read(0, 10)
        assert len(calls) == 3
        source.close()
        with pytest.raises(InputError, match="is closed"):
            source.read(0, 10)
        server.ended.set()  # type: ignore[attr-defined]


def test_a_stalled_answer_is_asked_for_again(cache: BlockCache) -> None:
    with serve(servers.StallsOnce) as server:
        source = stream(server, cache, timeout=1.0)
        assert source.read(0, 10) == content()[:10]
        assert server.requests[:2] == ["bytes=0-262143"] * 2
        server.ended.set()  # type: ignore[attr-defined]
        source.close()


def test_a_server_that_never_answers_is_reported_and_asked_again_by_the_next_read(cache: BlockCache) -> None:
    with serve(servers.Stalls) as server:
        source = stream(server, cache, timeout=0.1)
        counts = []
        for _ in range(2):
            with pytest.raises(InputError, match=r"no answer within 0\.1 seconds; check your network"):
                source.read(0, 10)
            counts.append(len(server.requests))
        assert 0 < counts[0] < counts[1]
        server.ended.set()  # type: ignore[attr-defined]
        source.close()


@pytest.mark.parametrize(
    ("target", "fault"),
    [("file:///etc/passwd", "leads to an address with file"), ("ftp://127.0.0.1/x", "leads to an address with ftp")],
)
def test_redirects_to_other_schemes_are_refused(target: str, fault: str, cache: BlockCache) -> None:
    with serve(servers.Redirects) as server:
        server.target = target  # type: ignore[attr-defined]
        source = stream(server, cache)
        with pytest.raises(InputError, match=f"{fault}; only https is followed"):
            source.read(0, 10)
        source.close()


def test_redirects_to_another_server_are_followed_with_their_range(cache: BlockCache) -> None:
    with serve() as other, serve(servers.Redirects) as server:
        server.target = other.url  # type: ignore[attr-defined]
        source = stream(server, cache)
        assert source.read(3 * BLOCK_BYTES, 10) == content()[3 * BLOCK_BYTES :][:10]
        assert other.requests == ["bytes=0-262143", f"bytes={3 * BLOCK_BYTES}-{len(content()) - 1}"]
        source.close()


def test_a_seek_interrupts_what_is_fetched_ahead(cache: BlockCache) -> None:
    data = content(40)
    with serve(data=data) as server:
        server.bits_per_second = 100e6
        source = stream(server, cache)
        source.prefetch([(0, len(data))])
        wait_until(lambda: source.is_loaded(0, 2 * BLOCK_BYTES))
        assert source.read(30 * BLOCK_BYTES, 10) == data[30 * BLOCK_BYTES :][:10]
        assert not source.is_loaded(0, 17 * BLOCK_BYTES)
        server.bits_per_second = None
        wait_until(lambda: source.is_loaded(0, len(data)))
        assert source.read(0, len(data)) == data
        source.close()
