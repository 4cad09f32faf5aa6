"""The cache on disk: limits, damage, kills, several processes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import InputError
from common.streaming.block_cache import BLOCK_BYTES, EVICT_TO, SMALLEST_LIMIT, BlockCache, CacheSettings
from common.streaming.remote import Version
from tests.common.streaming.killed_writers import URL, block, opened
from tests.full_disk import full_disk

ROOT = Path(__file__).parents[3]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_blocks_are_read_as_they_were_written(tmp_path: Path) -> None:
    blocks = opened(tmp_path)
    assert blocks.stored() == [] and blocks.load(0) is None
    blocks.store(5, block(5))
    blocks.store(0, b"")
    again = opened(tmp_path)
    assert again.stored() == [0, 5] and again.load(5) == block(5) and again.load(0) == b"" and again.load(1) is None


def test_another_version_drops_the_blocks(tmp_path: Path) -> None:
    opened(tmp_path).store(5, block(5))
    assert opened(tmp_path, "2").stored() == [] and opened(tmp_path, "1").stored() == [] and not files(tmp_path)


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "huge", "number", "version", "folder", "link", "pipe"])
def test_a_damaged_block_is_never_used(damage: str, tmp_path: Path) -> None:
    blocks = opened(tmp_path)
    blocks.store(1, block(1))
    (file,) = files(tmp_path)
    data = file.read_bytes()
    position = random.randrange(len(data))
    if damage == "flip":
        file.write_bytes(data[:position] + bytes([data[position] ^ 1 << random.randrange(8)]) + data[position + 1 :])
    elif damage in ("cut", "grow", "huge"):
        file.write_bytes({"cut": data[:position], "grow": data + b"x", "huge": data * 100}[damage])
    elif damage == "number":  # the block of another place
        blocks.store(2, block(2))
        os.replace(files(tmp_path)[1], file)
    elif damage == "version":
        other = opened(tmp_path / "other", "2")
        other.store(1, block(1))
        os.replace(files(tmp_path / "other")[0], file)
    else:
        file.unlink()
        {"folder": file.mkdir, "link": lambda: file.symlink_to("/dev/zero"), "pipe": lambda: os.mkfifo(file)}[damage]()
    assert blocks.load(1) is None and not os.path.lexists(file)


def test_blocks_used_longest_ago_are_deleted_first(tmp_path: Path) -> None:
    cache = BlockCache(CacheSettings(tmp_path, SMALLEST_LIMIT))
    blocks, data, count = cache.open(URL, Version("1", 1 << 40)), bytes(BLOCK_BYTES), SMALLEST_LIMIT // BLOCK_BYTES
    for number in range(count - 1):
        blocks.store(number, data)
    for number, file in enumerate(files(tmp_path)):
        os.utime(file, (number, number))
    assert cache.open(URL, Version("1", 1 << 40)).load(0) == data  # used now
    for number in range(count, count + 40):
        blocks.store(number, data)
        assert cache.used() <= SMALLEST_LIMIT * 1.1
    kept = blocks.stored()
    assert 0 in kept and 1 not in kept and len(kept) >= count * (EVICT_TO - 0.05) and count + 39 in kept


def test_clearing_deletes_the_blocks_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.block").write_text("x")
    cache = BlockCache(CacheSettings(tmp_path))
    blocks = cache.open(URL, Version("1", 10))
    blocks.store(1, block(1))
    (cache.folder / "mine.txt").write_text("x")
    assert cache.used() > 0
    cache.clear()
    assert cache.used() == 0 and files(tmp_path) == [tmp_path / "mine.block", cache.folder / "mine.txt"]
    assert blocks.load(1) is None
    blocks.store(1, block(1))  # who is reading goes on
    assert blocks.load(1) == block(1)


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    blocks = opened(tmp_path)
    with full_disk(), pytest.raises(InputError, match=r"mlpvid-blocks: cannot be written .*; free some space"):
        blocks.store(1, block(1))
    assert not files(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_200_kills_while_writing_leave_only_whole_blocks(tmp_path: Path) -> None:
    """Four processes at a time write the same blocks; each is killed at a random moment."""
    # In a process of its own, because processes without PyTorch are forked in much less time.
    subprocess.run([sys.executable, "-m", "tests.common.streaming.killed_writers", str(tmp_path)], cwd=ROOT, check=True)
    assert files(tmp_path) and all(file.suffix == ".block" for file in files(tmp_path)), "no litter after the next run"


def test_two_processes_share_the_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.common.streaming.killed_writers", str(tmp_path), "write"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        blocks = opened(tmp_path)
        for number in range(40):
            blocks.store(number, block(number))
            assert blocks.load(number) == block(number)
        process.kill()
    assert blocks.stored() == list(range(40))
