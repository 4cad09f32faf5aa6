"""The reference renderer against values computed by hand for a homogeneous box, and its properties on random videos."""

from __future__ import annotations

import math
import resource
import subprocess
import sys

import numpy as np
import pytest
import torch

from common.errors import InputError
from model.camera import Camera
from model.frame import Frame
from model.query import query_color, query_density, query_features
from renderer.backend import CancelToken, RenderCancelled, RenderSettings
from renderer.reference.rays import camera_rays, intersect_box
from renderer.reference.renderer import ReferenceRenderer, render_rays, sample_rays
from tests.factories import make_camera, make_video


def fog(density: float, red: float = 2.0) -> Frame:
    """Return a unit box of constant density whose color heads output `red`, 0, 0 before the sigmoid's sum over three planes."""
    frame = make_video().decode(0.0)
    frame.box = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    frame.occupancy = torch.ones_like(frame.occupancy)
    frame.grids = [torch.zeros_like(grid) for grid in frame.grids]
    frame.feature_planes = torch.zeros_like(frame.feature_planes)
    frame.feature_planes[0, 0] = 1.0
    frame.density_maps = torch.zeros_like(frame.density_maps)
    frame.density_maps[0, 0] = density
    heads = torch.zeros_like(frame.color_maps)
    heads[..., 0] = 1.0  # h0[0] = F[0]
    heads[..., 32 * 32] = 1.0  # h1[0] = relu(h0[0])
    heads[..., -96] = red / 3
    frame.color_maps = heads
    return frame


def straight_ray() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([0.5, 0.5, -2.0]), torch.tensor([[0.0, 0.0, 1.0]])


def test_homogeneous_box_by_hand() -> None:
    frame = fog(density=1.5)
    settings = RenderSettings(steps_per_diagonal=173, weight_threshold=0.0)
    origin, direction = straight_ray()
    step = math.sqrt(3) / 173
    count = math.floor(1 / step + 0.5)  # centers below t_far
    seen = render_rays(frame, origin, direction, settings)
    opacity = 1 - math.exp(-1.5 * step * count)
    assert seen.counts.tolist() == [[count, count]]
    assert seen.rgba[0, 3].item() == pytest.approx(opacity, rel=1e-4)
    assert seen.rgba[0, 0].item() == pytest.approx(opacity / (1 + math.exp(-2)), rel=1e-4)
    assert seen.rgba[0, 1].item() == pytest.approx(opacity / 2, rel=1e-4)
    alpha = 1 - math.exp(-1.5 * step)
    distances = [(2 + (k + 0.5) * step, (1 - alpha) ** k * alpha) for k in range(count)]
    mean = sum(t * w for t, w in distances) / sum(w for _, w in distances)
    assert seen.distance[0].item() == pytest.approx(mean, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ["nearest", "bilinear"])
def test_rays_are_rendered_sample_by_sample(assignment: str) -> None:
    frame, settings = make_video(seed=5, assignment=assignment).decode(0.5), RenderSettings(weight_threshold=0.02)
    origin, directions, _ = camera_rays(make_camera(12, 9))
    seen = render_rays(frame, origin, directions, settings)
    step = settings.step(frame.config.render, frame.box, origin)
    t_near, t_far = intersect_box(origin, directions, frame.box)
    for ray in range(len(directions)):
        transmittance, rgba, distance, counts = 1.0, np.zeros(4), 0.0, [0, 0]
        for k in range(math.ceil(max(float(t_far[ray] - t_near[ray]) / step - 0.5, 0.0))):
            t = t_near[ray] + (k + 0.5) * step
            point = (((origin - frame.box[0]).float() + t * directions[ray]) / (frame.box[1] - frame.box[0]))[None]
            x, y, z = ((point[0] * torch.tensor(frame.occupancy.shape)).long()).tolist()
            if not frame.occupancy[x, y, z]:
                continue
            features = query_features(frame, point)
            alpha = 1 - math.exp(-float(query_density(frame, point, features)) * step)
            w, transmittance, counts[0] = transmittance * alpha, transmittance * (1 - alpha), counts[0] + 1
            if w > 0.02:
                color = query_color(frame, point, features, directions[ray : ray + 1])[0]
                rgba, distance, counts[1] = rgba + w * np.array([*color.tolist(), 1.0]), distance + w * float(t), counts[1] + 1
        assert seen.counts[ray].tolist() == counts
        assert seen.rgba[ray].tolist() == pytest.approx(rgba.tolist(), abs=1e-4)
        assert float(seen.distance[ray] * seen.rgba[ray, 3]) == pytest.approx(distance, abs=1e-4)
    assert seen.counts[:, 0].sum() > seen.counts[:, 1].sum() > 20


def test_samples_only_in_occupied_cells() -> None:
    frame = fog(density=3.0)
    frame.occupancy = torch.zeros(6, 5, 8, dtype=torch.bool)
    frame.occupancy[3, 2, 2] = True  # z from 0.25 to 0.375
    samples = sample_rays(frame, *straight_ray(), RenderSettings().step(frame.config.render, frame.box, [0.0, 0.0, 0.0]))
    assert len(samples.points) > 3
    assert ((samples.points[:, 2] >= 0.25) & (samples.points[:, 2] < 0.375)).all()
    first = samples.distances[0].item()
    step = RenderSettings().step(frame.config.render, frame.box, [0.0, 0.0, 0.0])
    assert (first - 2) / step - 0.5 == pytest.approx(round((first - 2) / step - 0.5), abs=1e-4)  # a multiple of the step


def test_weight_threshold_drops_faint_samples_from_color_and_opacity() -> None:
    frame = fog(density=0.5)
    origin, direction = straight_ray()
    step = RenderSettings().step(frame.config.render, frame.box, [0.0, 0.0, 0.0])
    weight = 1 - math.exp(-0.5 * step)
    none = render_rays(frame, origin, direction, RenderSettings(weight_threshold=2 * weight))
    assert none.counts[0, 0] > 0
    assert none.counts[0, 1] == 0
    assert none.rgba.tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("assignment", ["nearest", "bilinear"])
def test_properties_of_random_videos(seed: int, assignment: str) -> None:
    renderer = ReferenceRenderer()
    frame = renderer.prepare(make_video(seed=seed, assignment=assignment), 1.5)
    image = renderer.render(frame, make_camera(40, 30, azimuth=seed))
    rgba = image.rgba
    assert image.rgba.shape == (30, 40, 4) and image.depth.shape == (30, 40) and image.counts.shape == (30, 40, 2)
    assert np.isfinite(rgba).all() and rgba.min() >= 0 and rgba.max() <= 1
    assert (rgba[..., :3] <= rgba[..., 3:] + 1e-5).all()
    assert rgba[..., 3].max() > 0.3, "the random video should be visible"
    assert (image.counts[..., 1] <= image.counts[..., 0]).all()
    assert ((image.depth > 0) == (rgba[..., 3] > 0)).all()
    statistics = image.statistics
    assert (statistics.density_samples, statistics.color_samples) == tuple(image.counts.sum((0, 1), dtype=np.int64))


def test_rays_that_miss_are_empty() -> None:
    renderer = ReferenceRenderer()
    frame = renderer.prepare(make_video(), 0)
    away = Camera.look_at((5, 5, 1), (10, 10, 1), (0, 0, 1), 0.8, 16, 16)
    image = renderer.render(frame, away)
    assert not image.rgba.any() and not image.depth.any() and not image.counts.any()


def test_empty_occupancy_is_an_empty_image() -> None:
    renderer = ReferenceRenderer()
    assert not renderer.render(renderer.prepare(make_video(occupied=0.0), 0), make_camera(16, 16)).rgba.any()


def test_region_is_a_crop_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = ReferenceRenderer()
    frame = renderer.prepare(make_video(), 1)
    camera = make_camera(31, 17)
    whole = renderer.render(frame, camera)
    monkeypatch.setattr("renderer.reference.renderer.MAX_SAMPLES_AT_ONCE", 500)
    part = renderer.render(frame, camera, region=(5, 3, 20, 16))
    assert np.allclose(part.rgba, whole.rgba[3:16, 5:20], atol=1e-5)
    assert np.allclose(part.depth, whole.depth[3:16, 5:20], atol=1e-4)


def test_camera_inside_the_box_sees_only_what_lies_ahead() -> None:
    frame = fog(density=1.0)
    origin = torch.tensor([0.5, 0.5, 0.75])
    seen = render_rays(frame, origin, torch.tensor([[0.0, 0, 1], [0.0, 0, -1]]), RenderSettings(weight_threshold=0.0))
    assert seen.rgba[0, 3].item() == pytest.approx(1 - math.exp(-0.25), abs=0.02)
    assert seen.rgba[1, 3].item() == pytest.approx(1 - math.exp(-0.75), abs=0.02)


def test_cancel() -> None:
    renderer = ReferenceRenderer()
    token = CancelToken()
    token.cancel()
    with pytest.raises(RenderCancelled):
        renderer.render(renderer.prepare(make_video(), 0), make_camera(8, 8), cancel=token)


@pytest.mark.parametrize("time", [-0.1, 2.01, math.nan, math.inf])
def test_time_out_of_range(time: float) -> None:
    with pytest.raises(InputError, match="not in this video"):
        ReferenceRenderer().prepare(make_video(), time)


def test_fractional_time_lies_between_its_frames() -> None:
    video = make_video()
    before, middle, after = (video.decode(t) for t in (1.0, 1.25, 2.0))
    assert torch.allclose(middle.box, 0.75 * before.box + 0.25 * after.box)
    assert torch.equal(middle.occupancy, before.occupancy | after.occupancy)
    assert torch.equal(before.occupancy, video.decode(1).occupancy)


def test_gradients_reach_every_map() -> None:
    frame = make_video(assignment="bilinear", occupied=1.0).decode(0.7)
    maps = [frame.feature_planes, frame.density_maps, frame.color_maps, *frame.grids]
    for tensor in maps:
        tensor.requires_grad_()
    origin, directions, _ = camera_rays(make_camera(12, 12))
    render_rays(frame, origin, directions).rgba[:, 0].sum().backward()
    for tensor in maps:
        assert tensor.grad is not None and tensor.grad.isfinite().all() and tensor.grad.any()


@pytest.mark.slow
def test_megapixel_image_fits_in_four_gigabytes() -> None:
    code = (
        "import resource, torch; torch.set_num_threads(2); resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30));"
        "from tests.factories import *; from renderer.reference.renderer import ReferenceRenderer; r = ReferenceRenderer();"
        "from model.config import RenderConfig;"
        "f = r.prepare(make_video(num_frames=1, occupied=1.0, render=RenderConfig(steps_per_diagonal=256)), 0);"
        "r.render(f, make_camera(1024, 1024), region=(256, 496, 768, 512))"  # up to four batches of rays
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 4 << 20
