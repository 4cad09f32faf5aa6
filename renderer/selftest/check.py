"""The lines of the self-test's report, and the comparisons that the checks of all backends use."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.scores import psnr
from renderer.backend import RenderedImage

MIN_PSNR = 45.0
"""Lowest PSNR, in dB, between an image and the CPU backend's; half precision reaches more."""


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    """What was checked."""
    passed: bool
    """Whether it passed."""
    detail: str
    """The result as text."""

    def __str__(self) -> str:
        return f"{'ok    ' if self.passed else 'FAILED'} {self.name}: {self.detail}"


def guarded_checks(checks: Callable[[], Iterator[Check]]) -> list[Check]:
    """Return all checks of a group. An exception ends the group and is reported as a separate check."""
    done: list[Check] = []
    try:
        for check in checks():
            done.append(check)
    except Exception as error:  # the report must name any error
        done.append(Check("unexpected", False, f"{type(error).__name__}: {error}"))
    return done


def report(backend: str, checks: list[Check]) -> str:
    """Return the report on a backend as text."""
    failed = sum(not check.passed for check in checks)
    verdict = f"{failed} of {len(checks)} checks FAILED" if failed else f"all {len(checks)} checks passed"
    return "\n".join([f"{backend} self-test", *map(str, checks), verdict])


def attempt(name: str, action: Callable[[], str]) -> Check:
    """Run an action that returns text for the report; an exception is a failed check."""
    start = clock.perf_counter()
    try:
        detail = action()
    except Exception as error:  # the report must name any error
        return Check(name, False, f"{type(error).__name__}: {error}")
    return Check(name, True, f"{detail} ({clock.perf_counter() - start:.2f} s)")


def difference_check(name: str, ours: Any, theirs: Any, tolerance: float) -> Check:
    """Compare two arrays; they may differ by `tolerance` times the largest value."""
    scale = float(np.abs(theirs).max()) or 1.0
    difference = float(np.abs(ours - theirs).max()) / scale
    return Check(name, difference <= tolerance, f"differs from the CPU by at most {difference:.1e} of the largest value")


def image_check(name: str, image: RenderedImage, wanted: RenderedImage) -> Check:
    """Compare an image with the cpu backend's."""
    error = float(((image.rgba - wanted.rgba) ** 2).mean())
    level = psnr(error)
    samples = (image.statistics.density_samples, image.statistics.color_samples)
    cpu = (wanted.statistics.density_samples, wanted.statistics.color_samples)
    detail = f"PSNR {level:.1f} dB against the CPU; samples {samples}, CPU {cpu}"
    return Check(name, level >= MIN_PSNR, detail)
