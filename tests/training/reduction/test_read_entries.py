"""Entries that are reported as unread change no picture; the others are read."""

from __future__ import annotations

import numpy as np
import pytest

from model.config import HashEncodingConfig
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_camera, make_video
from training.reduction.read_entries import read_entries

HASH = HashEncodingConfig(4, 4, log2_table_size=12, base_resolution=4, finest_resolution=24, time_resolution=6)


@pytest.mark.parametrize("time", [0.0, 1.4, 2.0])
def test_unread_entries_change_no_picture_and_read_ones_do(time: float) -> None:
    video = make_video(seed=4, num_frames=3, occupied=0.03, hash=HASH)
    used, renderer, camera = read_entries(video), ReferenceRenderer(), make_camera(48, 48)
    assert 0.1 < used.mean() < 0.9
    before = renderer.render(renderer.prepare(video, time), camera).rgba
    assert before[..., 3].max() > 0.1
    changed = make_video(seed=4, num_frames=3, occupied=0.03, hash=HASH)
    changed.hash_tables[~used] = np.random.default_rng().normal(0, 5, (int((~used).sum()), 4))
    np.testing.assert_array_equal(renderer.render(renderer.prepare(changed, time), camera).rgba, before)
    changed.hash_tables[used] = 0
    assert np.abs(renderer.render(renderer.prepare(changed, time), camera).rgba - before).max() > 0.01


def test_everything_of_a_dense_level_is_read_when_all_cells_are_occupied() -> None:
    video = make_video(num_frames=3, occupied=1.1, hash=HashEncodingConfig(1, 4, 12, 4, 4, time_resolution=2))
    assert read_entries(video).all()
    assert not read_entries(make_video(num_frames=3, occupied=-1, hash=HASH)).any()
