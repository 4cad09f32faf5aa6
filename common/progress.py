"""Show the progress of a loop or a job: a bar on a terminal, a line per tenth of the work elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Yield items, and show on stderr how many have been worked on.

    Args:
        items: what is worked on.
        total: their number.
        label: what is done with them, for instance "rendering".
    """
    with progress_display(label) as show:
        show(0, total)
        for done, item in enumerate(items, 1):
            yield item
            show(done, total)


@contextlib.contextmanager
def progress_display(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows on stderr how many items are done, given this number and their total."""
    if sys.stderr.isatty():
        from tqdm import tqdm  # noqa: PLC0415 - takes a moment, and only terminals need it

        with tqdm(desc=label, dynamic_ncols=True) as bar:
            yield lambda done, total: _update(bar, done, total)
        return
    shown = 0

    def show(done: int, total: int) -> None:
        nonlocal shown
        if 10 * done // max(total, 1) > shown:
            shown = 10 * done // total
            print(f"{label}: {done}/{total}", file=sys.stderr, flush=True)

    yield show


def _update(bar: tqdm[NoReturn], done: int, total: int) -> None:
    bar.total = total
    bar.update(done - bar.n)
