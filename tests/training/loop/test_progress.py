"""The progress line of a training run."""

from __future__ import annotations

import io

import pytest

from tests.common.test_progress import Terminal
from training.loop.progress import Progress, RunningMeans


def test_running_means_start_at_the_first_value() -> None:
    means = RunningMeans()
    means.add(error=0.5)
    assert means.mean("error") == pytest.approx(0.5)
    means.add(error=0.1)
    assert means.mean("error") == pytest.approx((0.98 * 0.5 + 0.1) / 1.98)


def test_the_line_shows_step_psnr_rate_and_time_left() -> None:
    progress = Progress(100, 0.1, io.StringIO(), seconds=0.0)
    progress.means.add(squared_error=0.01, samples=20.0, marched=12.0, colored=4.5)
    line = progress.line(300, 0.3, progress._start + 50)
    assert "step 300 (30%)" in line and "PSNR 20.00 dB" in line and "4.5 colored" in line
    assert "4.00 steps/s" in line and "2:55 left" in line  # 20 % took 50 s, and 70 % are left


def test_a_terminal_gets_a_bar_that_is_updated_in_place() -> None:
    stream = Terminal()
    progress = Progress(0, 0.0, stream, seconds=0.0)
    for step in (1, 2):
        progress.update(step, step / 4, squared_error=0.01, samples=20.0, marched=9.0, colored=3.0)
    progress.close()
    assert " 25%|" in stream.getvalue() and " 50%|" in stream.getvalue() and "PSNR 20.00 dB" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")


def test_a_collapse_is_reported_once() -> None:
    stream = io.StringIO()
    progress = Progress(0, 0.0, stream, seconds=0.0)
    for step in (299, 400, 500):
        progress.update(step, step / 1000, squared_error=0.1, samples=20.0, marched=1.0, colored=0.3)
    assert stream.getvalue().count("collapsed") == 1


def test_lines_are_not_more_frequent_than_requested() -> None:
    stream = io.StringIO()
    progress = Progress(0, 0.0, stream, seconds=3600.0)
    for step in range(1, 50):
        progress.update(step, step / 50, last=step == 49, squared_error=0.1, samples=20.0, marched=9.0, colored=3.0)
    assert stream.getvalue().count("\n") == 1
