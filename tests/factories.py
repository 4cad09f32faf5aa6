"""Small random videos and cameras for tests."""

from __future__ import annotations

import math

import numpy as np
import torch

from model.camera import Camera
from model.config import DecoderConfig, HashEncodingConfig, ModelConfig, OccupancyConfig, RenderConfig
from model.decoder import MapDecoder
from model.hash_encoding import HashEncoding
from model.network import video_of
from model.occupancy import pack_occupancy
from model.video import VideoMetadata, VolumetricVideo


def make_config(**overrides: object) -> ModelConfig:
    """Return a small config that still has dense and hashed levels, several cells and more than one color head."""
    values: dict[str, object] = {
        "hash": HashEncodingConfig(num_levels=16, log2_table_size=10, base_resolution=4, finest_resolution=48),
        "decoder": DecoderConfig(
            latent_channels=16, backbone_channels=(16, 16, 16, 16), color_channels=(16, 16), density_gain=20.0
        ),
        "occupancy": OccupancyConfig(resolution=(6, 5, 8)),
        "render": RenderConfig(steps_per_diagonal=96),
        "feature_plane_resolution": 32,
        "density_map_resolution": 32,
        "color_map_resolution": 8,
    }
    values.update(overrides)
    return ModelConfig(**values)  # type: ignore[arg-type]


def make_video(
    seed: int = 0, num_frames: int = 3, config: ModelConfig | None = None, occupied: float = 0.5, **overrides: object
) -> VolumetricVideo:
    """Return a random video with visible, structured content; `occupied` is the share of set cells."""
    torch.manual_seed(seed)
    config = config or make_config(**overrides)
    decoder = MapDecoder(config).eval().requires_grad_(False)
    decoder.density_head.weight *= 4
    decoder.color_head.weight *= 3
    encoding = HashEncoding(config.hash).requires_grad_(False)
    encoding.tables.uniform_(-0.5, 0.5)
    boxes = torch.tensor([[-0.8, -0.6, 0.0], [0.7, 0.9, 2.0]]) + 0.1 * torch.randn(num_frames, 2, 3)
    occupancy = torch.rand(num_frames, *config.occupancy.resolution) < occupied
    metadata = VideoMetadata(
        fps=30.0,
        up=(0.0, 0.0, 1.0),
        cameras=[make_camera(64, 48, azimuth=a) for a in (0.3, 2.0, 4.0)],
        provenance={"name": "random"},
        license="CC0-1.0",
    )
    latents = torch.randn(num_frames, config.decoder.latent_channels)
    return video_of(config, metadata, latents, boxes, pack_occupancy(occupancy), decoder, encoding)


def make_camera(
    width: int = 64, height: int = 64, azimuth: float = 0.5, elevation: float = 0.3, distance: float = 3.5
) -> Camera:
    """Return a camera that looks at the middle of `make_video`'s box; angles in radians, distance in meters."""
    direction = np.array(
        [math.cos(azimuth) * math.cos(elevation), math.sin(azimuth) * math.cos(elevation), math.sin(elevation)]
    )
    target = np.array([0.0, 0.1, 1.0])
    return Camera.look_at(target + distance * direction, target, (0, 0, 1), 0.8, width, height)
