"""Crop boxes and depth ranges of the reference renderer, by hand and by their properties."""

import math

import numpy as np
import pytest
import torch

from common.errors import InputError
from renderer.backend import RenderSettings
from renderer.reference.renderer import ReferenceRenderer, render_rays
from tests.factories import make_camera, make_video
from tests.renderer.reference.test_renderer import fog, straight_ray


def test_the_length_within_the_crop_counts() -> None:
    crop = ((-5.0, 0.2, 0.25), (0.9, 0.8, 0.75))
    settings = RenderSettings(2000, 0.0, crop=crop)
    seen = render_rays(fog(density=1.5), *straight_ray(), settings)
    assert seen.rgba[0, 3].item() == pytest.approx(1 - math.exp(-1.5 * 0.5), abs=1e-3)
    covered = math.exp(-1.5 * 0.5)
    mean = 2.25 + 1 / 1.5 - 0.5 * covered / (1 - covered)  # of an exponential that ends after 0.5 m
    assert seen.distance.item() == pytest.approx(mean, abs=1e-3)
    beside = RenderSettings(2000, 0.0, crop=((0.6, 0.0, 0.0), (1.0, 1.0, 1.0)))
    assert not render_rays(fog(density=1.5), *straight_ray(), beside).counts.any()


def test_a_crop_as_large_as_the_box_or_outside_it() -> None:
    video, camera, renderer = make_video(), make_camera(24, 20), ReferenceRenderer()
    frame = renderer.prepare(video, 0.0)
    whole = renderer.render(frame, camera)
    around = renderer.render(frame, camera, RenderSettings(crop=((-9.0, -9.0, -9.0), (9.0, 9.0, 9.0))))
    assert np.array_equal(whole.rgba, around.rgba) and whole.counts.any()
    assert not renderer.render(frame, camera, RenderSettings(crop=((5.0, 5.0, 5.0), (9.0, 9.0, 9.0)))).counts.any()


def test_a_depth_range_is_measured_along_the_optical_axis() -> None:
    origin, slanted = torch.tensor([0.5, 0.5, -2.0]), torch.tensor([[0.1, 0.0, 1.0]])
    z = 1 / slanted.norm(dim=1)
    settings = RenderSettings(2000, 0.0, depth_range=(2.25, 2.75))
    seen = render_rays(fog(density=1.5), origin, slanted * z, settings, z=z)
    assert seen.rgba[0, 3].item() == pytest.approx(1 - math.exp(-1.5 * 0.5 / float(z)), abs=1e-3)


def test_adjacent_ranges_composite_to_the_whole() -> None:
    video, camera, renderer = make_video(seed=4), make_camera(30, 24), ReferenceRenderer()
    frame = renderer.prepare(video, 0.0)
    whole = renderer.render(frame, camera, RenderSettings(weight_threshold=0.0))
    sums, counts = np.zeros((24, 30, 4), np.float32), np.zeros((24, 30), int)
    for near, far in ((0.0, 2.7), (2.7, 3.3), (3.3, 3.31), (3.31, math.inf)):
        part = renderer.render(frame, camera, RenderSettings(weight_threshold=0.0, depth_range=(near, far)))
        sums += (1 - sums[..., 3:]) * part.rgba
        counts += part.counts[..., 0]
    assert np.abs(sums - whole.rgba).max() < 1e-5
    assert np.array_equal(counts, whole.counts[..., 0]), "each sample lies in one range"


@pytest.mark.parametrize("crop", [((0.0, 0.0, 1.0), (1.0, 1.0, 0.5)), ((math.nan, 0.0, 0.0), (1.0, 1.0, 1.0))])
def test_crops_that_are_no_box_are_refused(crop: tuple[tuple[float, float, float], tuple[float, float, float]]) -> None:
    with pytest.raises(InputError, match="lower and an upper corner"):
        RenderSettings(crop=crop)


@pytest.mark.parametrize("depths", [(2.0, 1.0), (-1.0, 1.0), (math.nan, 2.0)])
def test_depth_ranges_ascend(depths: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="ascending"):
        RenderSettings(depth_range=depths)
