"""How many threads PyTorch uses for the work of one thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let PyTorch use `count` threads for what the calling thread does in the block; None: as many as before.

    PyTorch keeps the number a thread: threads that have used it already keep theirs. One whose first use falls into the
    block starts with the block's number.
    """
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
