"""What was measured of each row, as means over the captures, and how it compares with the paper."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.measure import Measured
from experiments.table import PaperFigures, Row

EQUAL_DECIBELS = 0.1
"""Smaller differences of PSNR are called equal: other seeds give as much."""

EQUAL_PARTS = 0.05
"""Smaller relative differences of times and bytes are called equal."""

_EQUAL_PAPER = {"psnr": 0.1, "lpips": 0.001}


@dataclass(frozen=True)
class RowResult:
    """The results of a row, one for each capture."""

    row: Row
    """The row."""
    measured: dict[str, Measured]
    """By the name of the capture; not empty."""

    def score(self, name: str) -> float | None:
        """Return the mean of a score over the captures, None if it is missing for one."""
        values = [result.scores.get(name) for result in self.measured.values()]
        present = [value for value in values if value is not None]
        return statistics.fmean(present) if len(present) == len(values) else None

    def mean(self, name: str) -> float:
        """Return the mean over the captures of a number such as "best.total" or "file_bytes"."""
        return statistics.fmean(_value(result, name) for result in self.measured.values())

    @property
    def backend(self) -> str:
        """Names of the fastest renderers."""
        return ", ".join(sorted({result.best.backend for result in self.measured.values()}))


def _value(result: Measured, name: str) -> float:
    value: object = result
    for part in name.split("."):
        value = getattr(value, part)
    assert isinstance(value, int | float)
    return value


@dataclass(frozen=True)
class Comparison:
    """A row against the row that the table compares with: the order in the paper, and here."""

    what: str
    """"quality", "time" or "bytes"."""
    paper: str
    """"better", "worse" or "equal"; "lower" and "higher" for times and bytes."""
    here: str
    """The same for ours."""

    @property
    def agrees(self) -> bool:
        """Whether both have the same order."""
        return self.paper == self.here


def compare_with_paper(result: RowResult, other: RowResult) -> list[Comparison]:
    """Compare a row with another one in everything that the paper prints for both."""
    comparisons = []
    paper, base = result.row.paper, other.row.paper
    quality = _paper_quality(paper, base)
    own, others = result.score("psnr"), other.score("psnr")
    if quality is not None and own is not None and others is not None:
        comparisons.append(Comparison("quality", quality, _order(own - others, EQUAL_DECIBELS, ("worse", "better"))))
    for what, figure, name in (("time", "milliseconds", "best.total"), ("bytes", "megabytes", "float32_bytes")):
        first, second = getattr(paper, figure), getattr(base, figure)
        if first is not None and second is not None:
            ours = result.mean(name) / other.mean(name) - 1
            orders = [_order(value, EQUAL_PARTS, ("lower", "higher")) for value in (first / second - 1, ours)]
            comparisons.append(Comparison(what, *orders))
    return comparisons


def _paper_quality(paper: PaperFigures, base: PaperFigures) -> str | None:
    for name, words in (("psnr", ("worse", "better")), ("lpips", ("better", "worse"))):
        first, second = getattr(paper, name), getattr(base, name)
        if first is not None and second is not None:
            return _order(first - second, _EQUAL_PAPER[name] * 0.999, words)
    return None


def _order(difference: float, equal: float, words: tuple[str, str]) -> str:
    return "equal" if abs(difference) < equal else words[difference > 0]


def first_capture(results: Sequence[RowResult]) -> str:
    """Return the name of a capture that all rows have, for pictures."""
    return next(iter(results[0].measured))
