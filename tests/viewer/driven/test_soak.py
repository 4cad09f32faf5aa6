"""A short soak of the window; `tests.viewer.driven.soak_window` runs the long one."""

from __future__ import annotations

import pytest

from tests.viewer.conftest import SMALL
from tests.viewer.driven.soak_window import ALLOWED_GROWTH, Soak, growth_of
from tests.viewer.engine import draw_fewer_pixels

INPUTS = 200


@pytest.mark.slow
def test_random_input_breaks_nothing() -> None:
    soak = Soak(seed=11, inputs_per_round=25, size=SMALL, measure_open=False)
    draw_fewer_pixels(soak.window)
    soak.run(inputs=INPUTS)
    assert soak.count == INPUTS
    assert growth_of(soak.closed_memory) < ALLOWED_GROWTH


def test_growth_is_that_of_the_second_half() -> None:
    assert growth_of([900.0, 950.0, 100.0, 120.0, 110.0, 130.0, 125.0, 90.0]) == 10.0
    assert growth_of([]) == 0.0
