"""Threads of a training: some workers, each computing on one core."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from renderer.threads import torch_threads


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def worker_pool(workers: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Workers of one PyTorch thread each; the caller's own thread is set likewise until the end.

    Frames are computed whole by one worker each, so that results do not depend on how many workers there are.
    """
    count = workers or available_cores()
    with torch_threads(1), ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool
