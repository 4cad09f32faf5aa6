"""Everything that is trained: decoder, hash tables, and the embedding or encoder of the latents."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from model.decoder import MapDecoder
from model.hash_encoding import HashEncoding
from training.config import TrainingConfig
from training.loop.encoder import ImageEncoder, kl_divergence

EncoderViews = Callable[[int], torch.Tensor]
"""Returns the three views of a frame for the encoder, (3, 3, 512, 512) in [0, 1]."""

_TIME_HARMONICS = 8


class Network(nn.Module):
    """All trained parameters of a volumetric video.

    Args:
        config: settings of the run.
        num_frames: T.
        loop: whether the last frame leads to the first; if so, the embedding starts periodic.
    """

    def __init__(self, config: TrainingConfig, num_frames: int, loop: bool = False) -> None:
        super().__init__()
        self.num_frames = num_frames
        channels = config.model.decoder.latent_channels
        # The field reads channels last, and convolutions are faster with it.
        self.decoder = MapDecoder(config.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.hash_encoding = HashEncoding(config.model.hash)
        self.embedding = nn.Parameter(initial_latents(num_frames, channels, loop)) if config.latents == "embedding" else None
        self.encoder = ImageEncoder(channels) if config.latents == "encoder" else None

    def latent(
        self, frame: int, views: EncoderViews, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return z of a frame, (D,), and its KL divergence, None without an encoder.

        Args:
            frame: index.
            views: returns the encoder's images.
            generator: draws the noise of the reparameterization; with None, z is the mean.
        """
        if self.embedding is not None:
            return self.embedding[frame], None
        assert self.encoder is not None
        device = next(self.encoder.parameters()).device
        mean, log_deviation = self.encoder(views(frame)[None].to(device))
        latent = mean
        if generator is not None:
            latent = mean + torch.exp(log_deviation) * torch.randn(mean.shape, generator=generator).to(device)
        return latent[0], kl_divergence(mean, log_deviation)


def initial_latents(num_frames: int, channels: int, loop: bool) -> torch.Tensor:
    """Return initial latents (T, D): harmonics of the time, so that frames close in time start alike, plus noise."""
    time = torch.arange(num_frames) / max(num_frames, 1) * math.pi * (2 if loop else 1)
    latents = 0.3 * torch.randn(num_frames, channels)
    for harmonic in range(1, min(_TIME_HARMONICS, channels // 2) + 1):
        amplitude = harmonic**-0.5
        latents[:, 2 * harmonic - 2] = amplitude * torch.sin(harmonic * time)
        latents[:, 2 * harmonic - 1] = amplitude * torch.cos(harmonic * time)
    return latents
