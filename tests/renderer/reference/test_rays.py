"""Rays, boxes and weights against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from model.camera import Camera
from renderer.reference.compositing import volume_weights
from renderer.reference.rays import camera_rays, intersect_box
from tests.factories import make_camera


def test_pixel_centers_lie_at_half() -> None:
    camera = Camera(4, 2, np.array([[2.0, 0, 2], [0, 2, 1], [0, 0, 1]]), np.eye(3), np.zeros(3))
    origin, directions, z = camera_rays(camera)
    assert origin.tolist() == [0, 0, 0]
    first = np.array([(0.5 - 2) / 2, (0.5 - 1) / 2, 1.0])
    assert np.allclose(directions[0], first / np.linalg.norm(first), atol=1e-6)
    assert z[0].item() == pytest.approx(1 / np.linalg.norm(first))
    assert directions.shape == (8, 3)


def test_rays_pass_through_projected_points() -> None:
    camera = make_camera(33, 21)
    origin, directions, z = camera_rays(camera)
    points = origin + 2.0 * directions
    local = points.double().numpy() @ camera.R.T + camera.T
    pixels = local @ camera.K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    expected = np.stack(np.meshgrid(np.arange(33) + 0.5, np.arange(21) + 0.5), axis=-1).reshape(-1, 2)
    assert np.allclose(pixels, expected, atol=1e-3)
    assert np.allclose(local[:, 2], 2.0 * z.numpy(), atol=1e-5)


def test_region_is_a_crop() -> None:
    camera = make_camera(16, 12)
    whole = camera_rays(camera)[1].view(12, 16, 3)
    assert torch.equal(camera_rays(camera, (3, 2, 9, 11))[1].view(9, 6, 3), whole[2:11, 3:9])


BOX = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 4.0]])


@pytest.mark.parametrize(
    ("origin", "direction", "expected"),
    [
        ((-1, 1, 1), (1, 0, 0), (1, 2)),  # straight through, parallel to two slabs
        ((0.5, 1, 1), (1, 0, 0), (0, 0.5)),  # from inside
        ((-1, 3, 1), (1, 0, 0), None),  # parallel to two slabs, misses the box
        ((2, 1, 1), (1, 0, 0), None),  # behind the camera
        ((-1, -1, 1), (math.sqrt(0.5), math.sqrt(0.5), 0), (math.sqrt(2), 2 * math.sqrt(2))),
    ],
)
def test_box_by_hand(origin: tuple[float, ...], direction: tuple[float, ...], expected: tuple[float, float] | None) -> None:
    near, far = intersect_box(torch.tensor(origin, dtype=torch.float32), torch.tensor([direction], dtype=torch.float32), BOX)
    if expected is None:
        assert far.item() <= near.item()
    else:
        assert (near.item(), far.item()) == pytest.approx(expected, abs=1e-5)


def test_weights_by_hand() -> None:
    ln2 = math.log(2)
    w = volume_weights(torch.tensor([[ln2, 0.0, ln2, 1e9, 5.0]]))
    assert torch.allclose(w, torch.tensor([[0.5, 0.0, 0.25, 0.25, 0.0]]))


def test_weights_are_products_of_transmittance_and_alpha() -> None:
    depth = torch.rand(50, 30, dtype=torch.float64) * 2
    alpha = 1 - torch.exp(-depth)
    transmittance = torch.cumprod(torch.cat([torch.ones(50, 1), 1 - alpha[:, :-1]], dim=1), dim=1)
    w = volume_weights(depth)
    assert torch.allclose(w, transmittance * alpha)
    assert ((w.sum(1) >= 0) & (w.sum(1) <= 1)).all()


def test_weights_gradient() -> None:
    assert torch.autograd.gradcheck(volume_weights, torch.rand(3, 6, dtype=torch.float64, requires_grad=True))
