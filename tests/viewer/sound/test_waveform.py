"""The waveform of the timeline."""

from __future__ import annotations

import numpy as np

from model.sound.decode import RATE
from tests.model.sound.sounds import clicks
from viewer.sound.waveform import BLOCK, block_peaks, column_peaks


def test_peaks_by_hand() -> None:
    samples = np.zeros((2 * BLOCK + 3, 2), np.int16)
    samples[5, 0], samples[BLOCK, 1], samples[-1, 0] = 16384, -32768, 8192
    np.testing.assert_array_equal(block_peaks(samples), [0.5, 1.0, 0.25])
    assert len(block_peaks(samples[:0])) == 0


def test_columns_show_the_loudest_block_at_its_time() -> None:
    peaks = block_peaks(clicks(4.0, (1.05, 3.05), level=16384))
    columns = column_peaks(peaks, 0.5, 0.0, 5.0, 50)
    np.testing.assert_allclose(np.flatnonzero(columns) / 10, [1.5, 3.5])  # the offset moves the clicks by 0.5 s
    assert columns.max() == 0.5
    assert not column_peaks(peaks, 10.0, 0.0, 5.0, 50).any() and not column_peaks(peaks, -10.0, 0.0, 5.0, 50).any()


def test_every_peak_is_seen_at_every_zoom() -> None:
    rng = np.random.default_rng()
    samples = (rng.normal(size=(RATE, 2)) * 3000).astype(np.int16)
    peaks = block_peaks(samples)
    for columns in (1, 7, 100, 5000):
        shown = column_peaks(peaks, 0.0, 0.0, 1.0, columns)
        assert shown.shape == (columns,) and shown.max() == peaks.max() and shown.min() > 0
