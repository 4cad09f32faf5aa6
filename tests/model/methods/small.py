"""Small configs of all methods, for tests."""

from __future__ import annotations

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
