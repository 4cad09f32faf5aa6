"""Error maps: cells and running means by hand, and rays that go where the error is."""

from __future__ import annotations

import torch

from training.loop.error_map import CELLS, MeasuredErrors, cells_of, choose_by_error, new_error_maps, record_errors


def test_cells_of_pixels_by_hand() -> None:
    # Images of 64 x 96 (H x W): cells are 2 x 3 pixels.
    pixels = torch.tensor([0, 2 * 96 + 2, 2 * 96 + 3, 64 * 96 + 63 * 96 + 95])
    assert cells_of(pixels, 64, 96).tolist() == [0, CELLS, CELLS + 1, 2 * CELLS * CELLS - 1]


def test_small_images_leave_cells_empty_but_stay_inside() -> None:
    cells = cells_of(torch.arange(2 * 5 * 7), 5, 7)
    assert int(cells.max()) < 2 * CELLS * CELLS and len(cells.unique()) == 2 * 5 * 7


def test_running_means_by_hand() -> None:
    maps = new_error_maps(2, 1)
    maps[1, 7] = 0.5
    before = maps.clone()
    errors = MeasuredErrors.of_rays(torch.tensor([7, 7, 9]), torch.tensor([0.2, 0.4, 0.0]), 1)
    record_errors(maps, 1, errors)
    assert abs(float(maps[1, 7]) - (0.7 * 0.5 + 0.3 * 0.3)) < 1e-6
    assert abs(float(maps[1, 9]) - 0.7 * float(before[1, 9])) < 1e-6
    maps[1, [7, 9]] = before[1, [7, 9]]
    assert torch.equal(maps, before)


def test_pixels_are_drawn_in_proportion_to_their_errors() -> None:
    generator = torch.Generator().manual_seed(1)
    candidates = torch.arange(4000)
    errors = torch.where(candidates < 400, 0.09, 0.01)  # a tenth of the pixels has half of the error
    chosen = choose_by_error(candidates, errors, 200, generator)
    assert len(chosen.unique()) == 200
    assert 70 < int((chosen < 400).sum()) < 125  # about half, a little less without replacement
