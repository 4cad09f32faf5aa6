"""Loss terms by hand."""

from __future__ import annotations

import pytest
import torch

from training.config import LossConfig
from training.fields.losses import color_loss, mask_loss, optical_depth_penalty, sample_color_loss, total_loss


def test_terms_by_hand() -> None:
    assert float(color_loss(torch.tensor([[0.0, 1, 0.5]]), torch.tensor([[0.0, 0, 0]]))) == pytest.approx(1.25 / 3)
    assert float(mask_loss(torch.tensor([0.5, 1]), torch.tensor([1.0, 1]))) == pytest.approx(0.125)
    # Depths 1, 3 and 5 with a limit of 3: only the last exceeds it, by 2; over ten samples.
    assert float(optical_depth_penalty(torch.tensor([1.0, 3, 5]), 3.0, 10)) == pytest.approx(0.4)
    assert float(optical_depth_penalty(torch.tensor([]), 3.0, 0)) == 0


def test_sample_colors_that_only_cancel_out_are_penalized() -> None:
    # Red of w = 0.6 and blue of w = 0.4 on a purple pixel: the sum is right, each sample is off by 0.4, 0.4 or 0.6, 0.6.
    w, colors = torch.tensor([0.6, 0.4]), torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    truth = torch.tensor([[0.6, 0.0, 0.4]])
    moments = torch.tensor([[float((w * colors.square().sum(1)).sum()), float(w.sum())]])
    rendered = w[None] @ colors
    assert float(color_loss(rendered, truth)) == pytest.approx(0, abs=1e-12)
    by_hand = (0.6 * (0.4**2 + 0.4**2) + 0.4 * (0.6**2 + 0.6**2)) / 3
    assert float(sample_color_loss(rendered, moments, truth)) == pytest.approx(by_hand)


def test_the_sum_is_weighted() -> None:
    color, sample_color, mask, excess, kl = (torch.tensor(v) for v in (1.0, 5.0, 2.0, 3.0, 4.0))
    config = LossConfig(sample_color=0.5, mask=0.1, kl=1e-6, optical_depth=1e-3)
    assert float(total_loss(color, sample_color, mask, excess, kl, config)) == pytest.approx(1 + 2.5 + 0.2 + 0.003 + 4e-6)
    assert float(total_loss(color, sample_color, mask, excess, None, config)) == pytest.approx(1 + 2.5 + 0.2 + 0.003)


def test_penalty_reduces_only_the_excess() -> None:
    depth = torch.tensor([2.0, 4.0], requires_grad=True)
    optical_depth_penalty(depth, 3.0, 2).backward()
    assert depth.grad is not None and depth.grad.tolist() == [0.0, 1.0]
