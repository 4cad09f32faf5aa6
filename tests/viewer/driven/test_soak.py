"""A short soak of the window; `tests.viewer.driven.soak_window` runs the long one."""

from __future__ import annotations

import pytest

from tests.viewer.driven.soak_window import ALLOWED_GROWTH, growth_of, soak

INPUTS = 200


@pytest.mark.slow
def test_random_input_breaks_nothing() -> None:
    count, memory = soak(seed=11, inputs=INPUTS)
    assert count == INPUTS
    assert growth_of(memory) < ALLOWED_GROWTH


def test_growth_is_that_of_the_second_half() -> None:
    assert growth_of([900.0, 950.0, 100.0, 120.0, 110.0, 130.0, 125.0, 90.0]) == 10.0
    assert growth_of([]) == 0.0
