"""Drawing rays and samples: values computed by hand, and the fractions of the config."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.camera import Camera
from training.config import RayConfig
from training.fields.samples import RayBatch, SamplingRegion, stratified_samples
from training.loop.dataset import FrameViews, PixelSet
from training.loop.rays import CameraBatch, draw_pixels, jitter_view_directions, make_rays

FOREGROUND = np.zeros((3, 8, 10), bool)
FOREGROUND[0, 2:4, 3:6] = FOREGROUND[2, 5, 5] = True
FACE = np.zeros_like(FOREGROUND)
FACE[0, 2, 3] = True
DILATED = np.zeros_like(FOREGROUND)
DILATED[:, 1:7, 2:8] = True
RECTANGLES = torch.tensor([[1, 5, 9, 7], [0, 0, 10, 8], [4, 1, 6, 4]])


def views(face: bool = True, dilated: bool = False) -> FrameViews:
    pixels = torch.randint(0, 256, (3, 8, 10, 4), dtype=torch.uint8)
    faces = PixelSet.from_masks(FACE) if face else None
    return FrameViews(
        pixels, PixelSet.from_masks(FOREGROUND), faces, PixelSet.from_masks(DILATED) if dilated else None, RECTANGLES
    )


def draw(frame: FrameViews, seed: int = 0, count: int = 1000, **options: object) -> torch.Tensor:
    return draw_pixels(frame, RayConfig(**options), count, torch.Generator().manual_seed(seed))  # type: ignore[arg-type]


def member(chosen: np.ndarray, drawn: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(chosen.reshape(-1))[drawn]


def test_pixel_sets_by_hand() -> None:
    pixels = PixelSet.from_masks(FOREGROUND)
    assert pixels.index.tolist() == [23, 24, 25, 33, 34, 35, 160 + 55]
    assert pixels.starts.tolist() == [0, 6, 6, 7]


def test_foreground_and_face_get_the_papers_fractions() -> None:
    drawn = draw(views(), views_per_frame=0, foreground=0.7, face=0.1)
    assert int(member(FOREGROUND, drawn).sum()) == 800
    assert 150 < int(member(FACE, drawn).sum()) < 250  # 100 for the face, 1 in 7 of the 700 others
    rest = drawn[~member(FOREGROUND, drawn)]
    view, row, column = rest // 80, rest % 80 // 10, rest % 10
    x0, y0, x1, y1 = RECTANGLES[view].unbind(1)
    assert len(rest) == 200 and ((column >= x0) & (column < x1) & (row >= y0) & (row < y1)).all()


def test_without_a_face_its_rays_go_through_the_foreground() -> None:
    drawn = draw(views(face=False), views_per_frame=0)
    assert int(member(FOREGROUND, drawn).sum()) == 800
    assert int(member(FACE, drawn).sum()) < 180


def test_all_foreground_pixels_are_equally_likely() -> None:
    drawn = draw(views(), count=14_000, views_per_frame=0, foreground=1.0, face=0.0)
    counts = torch.bincount(drawn, minlength=240)[PixelSet.from_masks(FOREGROUND).index.long()]
    assert counts.sum() == 14_000 and (counts - 2000).abs().max() < 250


@pytest.mark.parametrize("seed", range(5))
def test_rays_of_one_view_stay_in_it(seed: int) -> None:
    drawn = draw(views(), seed, 400, views_per_frame=1)
    assert len(set((drawn // 80).tolist())) == 1
    if drawn[0] // 80 == 1:  # it has no foreground, so all pixels are drawn from its box
        assert len(set(drawn.tolist())) > 60


def test_rays_from_the_dilated_mask() -> None:
    drawn = draw(views(dilated=True), count=500, views_per_frame=0, foreground=0.0, face=0.0, region="mask")
    assert member(DILATED, drawn).all() and len(set(drawn.tolist())) > 60


def test_the_seed_determines_the_pixels() -> None:
    assert torch.equal(draw(views(), 1), draw(views(), 1))
    assert not torch.equal(draw(views(), 1), draw(views(), 2))


def test_a_ray_by_hand() -> None:
    K = np.array([[10.0, 0, 5.0], [0, 10.0, 4.0], [0, 0, 1]])
    turned = np.array([[0, 1.0, 0], [-1, 0, 0], [0, 0, 1]])  # x_cam = y, y_cam = -x
    cameras = [Camera(10, 8, K, np.eye(3), np.array([0, 0, 2.0])), Camera(10, 8, K, turned, np.zeros(3))]
    frame = views()
    pixels = torch.tensor([0 * 80 + 4 * 10 + 5, 1 * 80 + 0 * 10 + 9])
    rays = make_rays(frame, CameraBatch.from_cameras(cameras), pixels)
    # Pixel (5, 4) has its center at (5.5, 4.5): (0.05, 0.05, 1) in camera axes. Pixel (9, 0): (0.45, -0.35, 1).
    expected = np.array([[0.05, 0.05, 1.0], [0.35, 0.45, 1.0]])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(rays.directions.numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(rays.origins.numpy(), [[0, 0, -2], [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(rays.colors[1].numpy() * 255, frame.pixels[1, 0, 9, :3].numpy(), atol=1e-3)
    assert float(rays.masks[0]) == pytest.approx(int(frame.pixels[0, 4, 5, 3]) / 255)


def test_view_directions_stay_close_to_the_ray() -> None:
    along_x = torch.tensor([[1.0, 0, 0]]).expand(20_000, 3)
    rays = RayBatch(torch.zeros(20_000, 3), along_x, along_x, torch.zeros(20_000, 3), torch.zeros(20_000))
    jittered = jitter_view_directions(rays, 0.1, torch.Generator().manual_seed(5))
    assert jittered.directions is along_x and jittered.origins is rays.origins
    torch.testing.assert_close(jittered.view_directions.norm(dim=1), torch.ones(20_000))
    torch.testing.assert_close(jittered.view_directions.std(0)[1:], torch.full((2,), 0.1), rtol=0.05, atol=0)
    torch.testing.assert_close(jittered.view_directions.mean(0)[1:], torch.zeros(2), rtol=0, atol=0.005)


def test_without_jitter_no_random_number_is_drawn() -> None:
    rays, generator = rays_along_x(3), torch.Generator().manual_seed(5)
    before = generator.get_state()
    assert jitter_view_directions(rays, 0.0, generator) is rays
    assert torch.equal(generator.get_state(), before)


BOX = torch.tensor([[0.0, 0, 0], [2, 2, 4]])


def rays_along_x(count: int) -> RayBatch:
    y = torch.rand(count) * 2
    origins = torch.stack([torch.full((count,), -1.0), y, torch.ones(count)], dim=1)
    directions = torch.tensor([[1.0, 0, 0]]).expand(count, 3)
    return RayBatch(origins, directions, directions, torch.zeros(count, 3), torch.zeros(count))


def test_one_sample_per_interval() -> None:
    rays = rays_along_x(5)
    samples = stratified_samples(
        rays, SamplingRegion(BOX, BOX, None), RayConfig(samples_per_ray=8), torch.Generator().manual_seed(0)
    )
    assert samples.offsets.tolist() == [0, 8, 16, 24, 32, 40] and samples.rays.tolist() == [
        r for r in range(5) for _ in range(8)
    ]
    np.testing.assert_array_equal((samples.points[:, 0] * 8).floor().numpy(), np.tile(np.arange(8), 5))
    np.testing.assert_allclose(samples.points[:, 1].numpy(), (rays.origins[:, 1] / 2).repeat_interleave(8), atol=1e-6)
    np.testing.assert_allclose(samples.points[:, 2].numpy(), 0.25, atol=1e-6)
    np.testing.assert_allclose(samples.step, 2 / 8)


def test_intervals_of_fixed_length() -> None:
    bounds = torch.tensor([[0.5, 0, 0], [2, 2, 4]])
    samples = stratified_samples(rays_along_x(3), SamplingRegion(BOX, bounds, None), RayConfig(step=0.2), torch.Generator())
    assert set(samples.offsets.diff().tolist()) <= {7, 8}  # 1.5 m in steps of 0.2 m, the last one cut in half
    assert samples.step == 0.2
    x = samples.points[:, 0] * 2
    np.testing.assert_array_equal(((x - 0.5) / 0.2).floor().numpy(), torch.arange(len(x)) - samples.offsets[samples.rays])
    assert float(x.max()) < 2


def test_samples_stay_in_the_hull() -> None:
    hull = torch.zeros(4, 4, 4, dtype=torch.bool)
    hull[1, :, 1] = True
    samples = stratified_samples(
        rays_along_x(50), SamplingRegion(BOX, BOX, hull), RayConfig(samples_per_ray=16), torch.Generator().manual_seed(3)
    )
    assert len(samples.points) == 50 * 4  # z = 1 lies in the second quarter of 4 m
    assert ((samples.points[:, 0] >= 0.25) & (samples.points[:, 0] <= 0.5)).all()


def test_rays_that_miss_have_no_samples() -> None:
    along_x = torch.tensor([[1.0, 0, 0]])
    rays = RayBatch(torch.tensor([[5.0, 5, 5]]), along_x, along_x, torch.zeros(1, 3), torch.zeros(1))
    for config in (RayConfig(), RayConfig(step=0.1)):
        assert len(stratified_samples(rays, SamplingRegion(BOX, BOX, None), config, torch.Generator()).points) == 0
