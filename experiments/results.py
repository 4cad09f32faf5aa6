"""What was measured of each row, as means over the captures, and how it compares with the paper."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.measure import Measured
from experiments.table import Row

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
    paper_difference: str
    """How much it is in the paper: a difference for quality, a quotient for times and bytes."""
    here_difference: str
    """The same for ours."""

    @property
    def agrees(self) -> bool:
        """Whether both have the same order."""
        return self.paper == self.here


def compare_with_paper(result: RowResult, other: RowResult) -> list[Comparison]:
    """Compare a row with another one in everything that the paper prints for both."""
    found = [_compare_quality(result, other)]
    for what, figure, name in (("time", "milliseconds", "best.total"), ("bytes", "megabytes", "float32_bytes")):
        first, second = getattr(result.row.paper, figure), getattr(other.row.paper, figure)
        if first is not None and second is not None:
            quotients = (first / second, result.mean(name) / other.mean(name))
            orders = [_order(quotient - 1, EQUAL_PARTS, ("lower", "higher")) for quotient in quotients]
            found.append(Comparison(what, *orders, *(f"{quotient:.2f} x" for quotient in quotients)))
    return [comparison for comparison in found if comparison is not None]


def _compare_quality(result: RowResult, other: RowResult) -> Comparison | None:
    own, others = result.score("psnr"), other.score("psnr")
    if own is None or others is None:
        return None
    here = _order(own - others, EQUAL_DECIBELS, ("worse", "better"))
    for name, words, form in (("psnr", ("worse", "better"), "{:+.2f} dB"), ("lpips", ("better", "worse"), "{:+.3f} LPIPS")):
        first, second = getattr(result.row.paper, name), getattr(other.row.paper, name)
        if first is not None and second is not None:
            paper = _order(first - second, _EQUAL_PAPER[name] * 0.999, words)
            return Comparison("quality", paper, here, form.format(first - second), f"{own - others:+.2f} dB")
    return None


def _order(difference: float, equal: float, words: tuple[str, str]) -> str:
    return "equal" if abs(difference) < equal else words[difference > 0]


def first_capture(results: Sequence[RowResult]) -> str:
    """Return the name of a capture that all rows have, for pictures."""
    return next(iter(results[0].measured))
