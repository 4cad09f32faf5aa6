"""Scores by hand."""

from __future__ import annotations

import pytest

from common.scores import psnr


def test_psnr() -> None:
    assert psnr(0.01) == pytest.approx(20) and psnr(0.0) == 100
    assert psnr(1.0) == 0 and psnr(4.0) == pytest.approx(-6.0206, abs=1e-4)
    assert psnr((1 / 255) ** 2 / 12) == pytest.approx(58.92, abs=0.01), "rounding to 8 bits is far from the floor"
