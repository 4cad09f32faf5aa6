"""A short soak of the window; `tests.viewer.soak_window` runs the long one."""

from __future__ import annotations

from tests.viewer.soak_window import ALLOWED_GROWTH, soak


def test_random_input_breaks_nothing() -> None:
    count, growth = soak(20.0, seed=11, least=20)
    assert count >= 20
    assert growth < ALLOWED_GROWTH
