"""Show how far a loop is: a bar on a terminal, a line per tenth of the work elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Yield items, and show on stderr how many have been worked on.

    Args:
        items: what is worked on.
        total: their number.
        label: what is done with them, for instance "rendering".
    """
    if sys.stderr.isatty():
        yield from tqdm(items, label, total, dynamic_ncols=True)
        return
    for done, item in enumerate(items, 1):
        yield item
        if 10 * done // total > 10 * (done - 1) // total:
            print(f"{label}: {done}/{total}", file=sys.stderr, flush=True)
