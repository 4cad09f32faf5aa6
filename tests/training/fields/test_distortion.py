"""The distortion loss: values by hand, gradients, and the same number from both fields."""

from __future__ import annotations

import pytest
import torch

from training.fields.distortion import density_gradient, distortion_loss
from training.fields.samples import RaySamples

BOX = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 4.0]])  # its diagonal is 5 m


def along_x(*rays: list[float], step: float = 0.5) -> RaySamples:
    """Return samples at these shares of the box's width."""
    points = torch.tensor([[x, 0.0, 0.0] for ray in rays for x in ray])
    return RaySamples(points.reshape(-1, 3), torch.tensor([0, *map(len, rays)]).cumsum(0), step)


def test_two_samples_by_hand() -> None:
    # 1.5 m apart, 0.3 diagonals: 2 * 0.5 * 0.25 * 0.3, and (0.25 + 0.0625) * 0.1 / 3; the second ray has one sample.
    loss = distortion_loss(torch.tensor([0.5, 0.25, 1.0]), along_x([0.25, 0.75], [0.5]), BOX)
    first, second = 0.075 + 0.3125 * 0.1 / 3, 0.1 / 3
    assert float(loss) == pytest.approx((first + second) / 2, rel=1e-6)


def test_it_equals_the_double_sum() -> None:
    generator = torch.Generator().manual_seed(5)
    x = torch.rand(12, generator=generator).sort().values
    w = torch.rand(12, generator=generator) / 12
    s = x * 3 / 5
    expected = (w[:, None] * w[None] * (s[:, None] - s[None]).abs()).sum() + w.square().sum() * 0.1 / 3
    assert float(distortion_loss(w, along_x(x.tolist()), BOX)) == pytest.approx(float(expected), rel=1e-5)


def test_no_samples_and_rays_without_samples() -> None:
    assert float(distortion_loss(torch.zeros(0), along_x([], []), BOX)) == 0
    one = distortion_loss(torch.tensor([1.0]), along_x([], [0.2], []), BOX)
    assert float(one) == pytest.approx(0.1 / 3 / 3)


def test_concentrated_weights_cost_less() -> None:
    samples = along_x([0.1, 0.2, 0.3, 0.8])
    together, apart = torch.tensor([0.0, 0.5, 0.5, 0.0]), torch.tensor([0.5, 0.0, 0.0, 0.5])
    assert float(distortion_loss(together, samples, BOX)) < float(distortion_loss(apart, samples, BOX)) / 3


def test_gradients() -> None:
    samples = along_x([0.1, 0.25, 0.5], [], [0.3, 0.9])
    weights = torch.rand(5, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: distortion_loss(w, samples, BOX.double()), (weights,))


def test_gradients_of_densities_equal_those_of_autograd() -> None:
    generator = torch.Generator().manual_seed(3)
    offsets = torch.tensor([0, 4, 4, 9])
    depth = torch.rand(9, dtype=torch.float64, generator=generator).requires_grad_()
    of_weights = torch.randn(9, dtype=torch.float64, generator=generator)
    parts = []
    for first, last in ((0, 4), (4, 9)):
        d = depth[first:last]
        parts.append(torch.exp(d - d.cumsum(0)) * -torch.expm1(-d))
    w = torch.cat(parts)
    (expected,) = torch.autograd.grad((w * of_weights).sum(), depth)
    torch.testing.assert_close(density_gradient(of_weights, w.detach(), offsets), expected)
