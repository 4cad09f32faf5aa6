"""The threads that compute the frames of a step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from renderer.threads import available_cores, torch_threads


@contextlib.contextmanager
def worker_pool(workers: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Start workers with one PyTorch thread each, and limit the caller to one thread as well, until the block ends.

    Each frame is computed by one worker alone, so that results do not depend on the number of workers.
    """
    count = workers or available_cores()
    with torch_threads(1), ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C, only what has begun is waited for
