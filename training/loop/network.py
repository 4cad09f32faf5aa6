"""What is trained: decoder, hash tables, and where the latents come from."""

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
"""Frame to its three views for the encoder, (3, 3, 512, 512) in [0, 1]."""

_TIME_HARMONICS = 8


class Network(nn.Module):
    """All trained parameters of a volumetric video.

    Args:
        config: the training.
        num_frames: T.
        loop: whether the last frame leads to the first; the embedding starts accordingly.
    """

    def __init__(self, config: TrainingConfig, num_frames: int, loop: bool = False) -> None:
        super().__init__()
        self.num_frames = num_frames
        channels = config.model.decoder.latent_channels
        # Channels last is what the field reads, and faster to convolve.
        self.decoder = MapDecoder(config.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.hash_encoding = HashEncoding(config.model.hash)
        self.embedding = nn.Parameter(initial_latents(num_frames, channels, loop)) if config.latents == "embedding" else None
        self.encoder = ImageEncoder(channels) if config.latents == "encoder" else None

    def latent(
        self, frame: int, views: EncoderViews, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """z of a frame, (D,), and its KL divergence where there is an encoder.

        Args:
            frame: index.
            views: gives the encoder its images.
            generator: draws the noise of the reparameterization; None takes the mean.
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
    """Latents (T, D) to start from: harmonics of the time, so that frames near in time start alike, and some noise."""
    time = torch.arange(num_frames) / max(num_frames, 1) * math.pi * (2 if loop else 1)
    latents = 0.3 * torch.randn(num_frames, channels)
    for harmonic in range(1, min(_TIME_HARMONICS, channels // 2) + 1):
        amplitude = harmonic**-0.5
        latents[:, 2 * harmonic - 2] = amplitude * torch.sin(harmonic * time)
        latents[:, 2 * harmonic - 1] = amplitude * torch.cos(harmonic * time)
    return latents
