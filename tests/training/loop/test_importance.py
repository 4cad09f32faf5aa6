"""Drawing rays by temporal differences."""

from __future__ import annotations

import torch

from training.loop.importance import UNIFORM, draw_other_frame, resample, temporal_weights


def test_weights_are_mean_differences_up_to_a_limit() -> None:
    here = torch.zeros(1, 1, 3, 4, dtype=torch.uint8)
    there = here.clone()
    there[0, 0, 1] = torch.tensor([51, 0, 102, 255], dtype=torch.uint8)  # (0.2 + 0 + 0.4) / 3 = 0.2; the mask does not count
    there[0, 0, 2] = 255
    weights = temporal_weights(here, there, torch.tensor([0, 1, 2]), 0.5)
    assert torch.allclose(weights, torch.tensor([0.0, 0.2, 0.5]))


def test_other_frames_lie_in_the_window() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = {draw_other_frame(1, 10, 3, generator) for _ in range(300)}
    assert drawn == {0, 2, 3, 4}


def test_pixels_that_change_are_drawn_in_proportion() -> None:
    generator = torch.Generator().manual_seed(1)
    pixels, candidates = torch.full((40000,), 7), torch.arange(3)
    drawn = resample(pixels, candidates, torch.tensor([0.0, 1.0, 3.0]), generator)
    counts = torch.bincount(drawn, minlength=8)
    assert counts[7] == UNIFORM * 40000
    assert counts[0] == 0
    assert abs(int(counts[2]) / int(counts[1]) - 3) < 0.2  # 30000 draws: three standard deviations are 0.1
    assert torch.equal(drawn, drawn.sort().values)


def test_a_still_scene_is_drawn_as_before() -> None:
    pixels = torch.tensor([1, 4, 9])
    assert torch.equal(resample(pixels, torch.arange(5), torch.zeros(5), torch.Generator()), pixels)
