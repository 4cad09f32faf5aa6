"""Write blocks until killed. `python -m tests.common.streaming.killed_writers FOLDER` kills 200 such processes."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from common.streaming.block_cache import BLOCK_BYTES, BlockCache, BlockFolder, CacheSettings
from common.streaming.remote import Version

URL = "https://host/file.mlpvid"


def block(number: int) -> bytes:
    """Return the content of a block; every fourth is short."""
    return random.Random(number).randbytes(1000 if number % 4 == 3 else 5000)


def opened(folder: Path, validator: str = "1") -> BlockFolder:
    """Open the blocks of a file of ten blocks."""
    return BlockCache(CacheSettings(folder)).open(URL, Version(validator, 10 * BLOCK_BYTES))


def write_forever(folder: Path) -> None:
    """Write the same 40 blocks again and again."""
    blocks, number = opened(folder), 0
    print("ready", flush=True)
    while True:
        blocks.store(number % 40, block(number % 40))
        number += 1


def kill_writers(folder: Path, seed: int = 20) -> None:
    """Kill 200 writers, four at a time, and check all blocks after each four."""
    chance = random.Random(seed)
    for _ in range(50):
        for process in [_fork(folder) for _ in range(4)]:
            time.sleep(chance.uniform(0, 0.02))
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        blocks = opened(folder)
        for number in blocks.stored():
            assert blocks.load(number) == block(number), f"block {number} is wrong"


def _fork(folder: Path) -> int:
    process = os.fork()
    if not process:
        try:
            write_forever(folder)
        finally:
            os._exit(1)
    return process


if __name__ == "__main__":
    (write_forever if sys.argv[2:] else kill_writers)(Path(sys.argv[1]))
