"""Threads of a training: some workers, each computing on one core."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from renderer.threads import available_cores, torch_threads


@contextlib.contextmanager
def worker_pool(workers: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Workers of one PyTorch thread each; the caller's own thread is set likewise until the end.

    Frames are computed whole by one worker each, so that results do not depend on how many workers there are.
    """
    count = workers or available_cores()
    with torch_threads(1), ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool
