"""The plain twin of `training.fields.torch_field.render_samples`: rays are composited sample by sample, as in the paper."""

from __future__ import annotations

import torch

from model.frame import Frame
from model.query import query_color, query_features, raw_density
from training.fields.field import MarchSettings, RenderedRays
from training.fields.samples import RaySamples


def render_plainly(frame: Frame, samples: RaySamples, directions: torch.Tensor, settings: MarchSettings) -> RenderedRays:
    """Render rays; arguments as in `training.fields.torch_field.render_samples`, with one step for all samples."""
    features = query_features(frame, samples.points)
    raw = raw_density(frame, samples.points, features)
    below = raw.clamp(max=0)
    sigma = raw.clamp(min=0) + settings.leak * (below - below.detach())  # the leak only affects the gradient
    colors = query_color(frame, samples.points, features, directions[samples.rays])
    one = raw.new_ones(())
    sums, opacities, excesses, colored = [], [], [], 0
    for first, end in zip(samples.offsets[:-1].tolist(), samples.offsets[1:].tolist(), strict=True):
        transmittance, total = one, raw.new_zeros(5)
        for i in range(first, end):
            if transmittance.item() <= settings.min_transmittance:
                break
            optical_depth = sigma[i] * samples.step
            alpha = 1 - torch.exp(-optical_depth)
            w = transmittance * alpha
            transmittance = transmittance * (1 - alpha)
            excesses.append((optical_depth - settings.penalty_limit).clamp(min=0) ** 2)
            if w.item() > settings.weight_threshold:
                colored += 1
                total = total + w * torch.cat([colors[i], (colors[i] ** 2).sum()[None], one[None]])
        sums.append(total)
        opacities.append(1 - transmittance)
    result, penalty = torch.stack(sums), torch.stack(excesses).mean()
    counts = (len(samples.points), len(excesses), colored)
    return RenderedRays(result[:, :3], result[:, 3:], torch.stack(opacities), penalty, *counts)
