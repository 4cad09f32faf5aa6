"""Everything that is trained: decoder and hash tables, or another method, and the embedding or encoder of the latents."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from numpy.typing import ArrayLike
from torch import nn

from model.config import ModelConfig
from model.decoder import MapDecoder
from model.hash_encoding import HashEncoding
from model.methods.create import create_method
from model.methods.method import PointQueries
from model.methods.video import MethodVideo
from model.network import video_of
from model.video import VideoMetadata, VolumetricVideo
from training.config import TrainingConfig
from training.fields.field import TrainingFrame
from training.loop.encoder import ImageEncoder, kl_divergence

EncoderViews = Callable[[int], torch.Tensor]
"""Returns the three views of a frame for the encoder, (3, 3, 512, 512) in [0, 1]."""

_TIME_HARMONICS = 8
_LATENT_NOISE = (
    0.02  # with 0.3, latents of neighboring frames start far apart (docs/training_experiments.md, "Latents that start alike")
)


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
        channels = config.model.latent_channels
        if config.model.method is None:
            # The field reads channels last, and convolutions are faster with it.
            self.decoder = MapDecoder(config.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.hash_encoding = HashEncoding(config.model.hash)
            if config.constant_planes:
                make_planes_constant(self.decoder)
            if config.frozen_decoder:  # the latents' gradients still pass through it
                self.decoder.requires_grad_(False)
        else:
            self.method = create_method(config.model)
        embedded = channels > 0 and config.latents == "embedding"
        self.embedding = nn.Parameter(initial_latents(num_frames, channels, loop)) if embedded else None
        self.encoder = ImageEncoder(channels) if channels and config.latents == "encoder" else None

    @property
    def tables(self) -> nn.Parameter | None:
        """The hash tables, which have a learning rate of their own; None without."""
        owner = getattr(self, "method", self)
        encoding = getattr(owner, "hash_encoding", None)
        return None if encoding is None else encoding.tables

    def decode(self, latent: torch.Tensor, frame: int) -> TrainingFrame | PointQueries:
        """Return a frame as the field of the same config takes it.

        Args:
            latent: z of the frame, (D,).
            frame: index.
        """
        time = frame / self.num_frames
        if hasattr(self, "method"):
            return self.method.at(latent, time)
        # The gradient of `squeeze` is a view; that of indexing would be copied to a tensor of zeros in another layout.
        features, densities, colors = (maps.squeeze(0).float() for maps in self.decoder(latent[None]))
        return TrainingFrame((features, densities, colors), self.hash_encoding, time)

    def video(
        self, config: ModelConfig, metadata: VideoMetadata, latents: ArrayLike, boxes: ArrayLike, occupancy: ArrayLike
    ) -> VolumetricVideo:
        """Return a video with these parameters, which it shares; arguments as in `VolumetricVideo`."""
        if hasattr(self, "method"):
            return MethodVideo(config, metadata, latents, boxes, occupancy, self.method.eval())
        decoder = self.decoder.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
        return video_of(config, metadata, latents, boxes, occupancy, decoder, self.hash_encoding)

    def latent(
        self, frame: int, views: EncoderViews, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return z of a frame, (D,), and its KL divergence, None without an encoder. Methods without latents have D = 0.

        Args:
            frame: index.
            views: returns the encoder's images.
            generator: draws the noise of the reparameterization; with None, z is the mean.
        """
        if self.embedding is not None:
            return self.embedding[frame], None
        if self.encoder is None:
            return next(self.parameters()).new_zeros(0), None
        device = next(self.encoder.parameters()).device
        mean, log_deviation = self.encoder(views(frame)[None].to(device))
        latent = mean
        if generator is not None:
            latent = mean + torch.exp(log_deviation) * torch.randn(mean.shape, generator=generator).to(device)
        return latent[0], kl_divergence(mean, log_deviation)


@torch.no_grad()
def make_planes_constant(decoder: MapDecoder) -> None:
    """Leave only the bias of the feature planes, whose sum over the planes is 1 in the first channel, and freeze them."""
    decoder.feature_head.weight.zero_()
    for part in (decoder.feature_trunk, decoder.feature_head):
        part.requires_grad_(False)


def initial_latents(num_frames: int, channels: int, loop: bool) -> torch.Tensor:
    """Return initial latents (T, D): harmonics of the time, so that frames close in time start alike, plus noise."""
    time = torch.arange(num_frames) / max(num_frames, 1) * math.pi * (2 if loop else 1)
    latents = _LATENT_NOISE * torch.randn(num_frames, channels)
    for harmonic in range(1, min(_TIME_HARMONICS, channels // 2) + 1):
        amplitude = harmonic**-0.5
        latents[:, 2 * harmonic - 2] = amplitude * torch.sin(harmonic * time)
        latents[:, 2 * harmonic - 1] = amplitude * torch.cos(harmonic * time)
    return latents
