"""Small configs of all methods, for tests."""

from __future__ import annotations

import numpy as np
import torch

from model.config import DecoderConfig, HashEncodingConfig, ModelConfig, OccupancyConfig
from model.methods.config import (
    CNeRFConfig,
    DNeRFConfig,
    DyNeRFConfig,
    MethodConfig,
    NeuralVolumesConfig,
    RadianceMLPConfig,
    SharedMLPConfig,
)
from model.methods.create import create_method
from model.methods.video import MethodVideo
from model.occupancy import pack_occupancy
from model.video import VideoMetadata

_MLP = RadianceMLPConfig(width=16, depth=3, skip=1, view_width=8, position_octaves=3, direction_octaves=2)

SMALL: dict[str, MethodConfig] = {
    "neural_volumes": NeuralVolumesConfig(latent_channels=5, volume_channels=(8, 8, 6), warp_channels=(4, 4), warps=3),
    "c_nerf": CNeRFConfig(latent_channels=5, volume_channels=(8, 6), feature_channels=4, mlp=_MLP),
    "d_nerf": DNeRFConfig(deformation_width=12, deformation_depth=2, mlp=_MLP),
    "dynerf": DyNeRFConfig(latent_channels=5, mlp=_MLP),
    "shared_mlp": SharedMLPConfig(mlp=_MLP),
    "planes_only": SharedMLPConfig(features="planes", mlp=_MLP),
    "hash_only": SharedMLPConfig(features="hash", mlp=_MLP),
}


def small_model(method: MethodConfig) -> ModelConfig:
    """Return a small model with a method."""
    return ModelConfig(
        hash=HashEncodingConfig(num_levels=2, log2_table_size=6, base_resolution=4, finest_resolution=8, time_resolution=4),
        decoder=DecoderConfig(latent_channels=5, backbone_channels=(8, 8), head_source="matching", color_channels=(8,)),
        occupancy=OccupancyConfig(resolution=(3, 4, 5), subgrid=2),
        feature_plane_resolution=8,
        density_map_resolution=4,
        color_map_resolution=4,
        method=method,
    )


def small_video(kind: str) -> MethodVideo:
    """Return a random video of three frames by a method, in a box of one meter without empty cells."""
    torch.manual_seed(2)
    config = small_model(SMALL[kind])
    boxes = torch.tensor([[0.0] * 3, [1.0] * 3]).expand(3, 2, 3).clone()
    occupancy = np.tile(pack_occupancy(np.ones(config.occupancy.resolution, np.bool_)), (3, 1))
    method = create_method(config).eval().requires_grad_(False)
    return MethodVideo(config, VideoMetadata(), torch.randn(3, config.latent_channels), boxes, occupancy, method)
