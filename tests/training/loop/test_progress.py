"""The progress line of a training run."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.common.test_progress import Terminal
from training.loop.progress import Progress, RunningMeans, short_rate

SHOW_CURSOR = "\x1b[?25h"
COST: dict[str, Any] = {"loss": 0.0321, "rays": 1024.0, "seconds": 0.125}


def test_running_means_start_at_the_first_value() -> None:
    means = RunningMeans()
    means.add(error=0.5)
    assert means.mean("error") == pytest.approx(0.5)
    means.add(error=0.1)
    assert means.mean("error") == pytest.approx((0.98 * 0.5 + 0.1) / 1.98)


def test_the_line_shows_step_psnr_rate_and_time_left() -> None:
    progress = Progress(100, 0.1, io.StringIO(), seconds=0.0)
    progress.means.add(squared_error=0.01, samples=20.0, marched=12.0, colored=4.5, **COST)
    line = progress.line(300, 0.3, progress._start + 50)
    assert "step 300 (30%)" in line and "PSNR 20.00 dB" in line and "4.5 colored" in line
    assert "4.00 steps/s" in line and "2:55 left" in line  # 20 % took 50 s, and 70 % are left
    assert "loss 0.0321" in line and "8.19k rays/s" in line and "held-out" not in line
    progress.held_out = 21.456
    assert "held-out view 21.46 dB" in progress.line(300, 0.3, progress._start + 50)


def test_rates_follow_the_time_of_the_steps() -> None:
    means = RunningMeans()
    means.add(rays=100.0, seconds=1.0)
    means.add(rays=100.0, seconds=3.0)
    assert means.rate("rays") == pytest.approx((0.98 * 100 + 100) / (0.98 * 1 + 3))


@pytest.mark.parametrize(("rate", "text"), [(7, "7"), (999, "999"), (1500, "1.50k"), (12_345, "12.3k"), (2.5e6, "2.50M")])
def test_rates_are_short(rate: float, text: str) -> None:
    assert short_rate(rate) == text


def test_a_terminal_gets_a_bar_that_is_updated_in_place() -> None:
    stream = Terminal()
    progress = Progress(0, 0.0, stream, seconds=0.0)
    for step in (1, 2):
        progress.update(step, step / 4, squared_error=0.01, samples=20.0, marched=9.0, colored=3.0, **COST)
    progress.close()
    assert " 25%" in stream.getvalue() and " 50%" in stream.getvalue() and "PSNR 20.00 dB" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().removesuffix(SHOW_CURSOR).endswith("\n")


def test_a_terminal_that_cannot_redraw_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    progress = Progress(0, 0.0, stream, seconds=0.0)
    progress.update(1, 0.5, squared_error=0.01, samples=20.0, marched=9.0, colored=3.0, **COST)
    progress.close()
    assert stream.getvalue().startswith("step 1 (50%)") and "\r" not in stream.getvalue()


def test_a_closed_terminal_is_reported_to_the_caller() -> None:
    stream = Terminal()
    progress = Progress(0, 0.0, stream, seconds=0.0)

    def broken(_: str) -> int:
        raise BrokenPipeError

    stream.write = broken  # type: ignore[method-assign]
    with pytest.raises(BrokenPipeError):
        progress.update(1, 0.5, squared_error=0.01, samples=20.0, marched=9.0, colored=3.0, **COST)
    progress.close()


def test_a_collapse_is_reported_once() -> None:
    stream = io.StringIO()
    progress = Progress(0, 0.0, stream, seconds=0.0)
    for step in (299, 400, 500):
        progress.update(step, step / 1000, squared_error=0.1, samples=20.0, marched=1.0, colored=0.3, **COST)
    assert stream.getvalue().count("collapsed") == 1


def test_lines_are_not_more_frequent_than_requested() -> None:
    stream = io.StringIO()
    progress = Progress(0, 0.0, stream, seconds=3600.0)
    for step in range(1, 50):
        progress.update(step, step / 50, last=step == 49, squared_error=0.1, samples=20.0, marched=9.0, colored=3.0, **COST)
    assert stream.getvalue().count("\n") == 1
