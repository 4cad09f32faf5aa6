"""The paper's features with a single shared MLP instead of MLP maps (section 5.2; table 1, and table 2 rows 5 and 6)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from model.config import FEATURE_CHANNELS, ModelConfig
from model.decoder import MapDecoder
from model.hash_encoding import HashEncoding
from model.hash_levels import hash_levels
from model.methods.config import SharedMLPConfig
from model.methods.method import Method
from model.methods.radiance_mlp import MLPQueries, RadianceMLP
from model.query import plane_coordinates, sample_grid, sample_maps


class PlaneDecoder(nn.Module):
    """The part of the map decoder that predicts feature planes: (D,) to (3, 32, H, W).

    Args:
        config: of the model; see `model.decoder.MapDecoder`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        whole = MapDecoder(config)
        self.backbone, self.feature_trunk, self.feature_head = whole.backbone, whole.feature_trunk, whole.feature_head

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Decode a latent (D,) into feature planes (3, 32, H, W)."""
        pyramid = self.backbone(latent[None])
        matching = self.config.decoder.head_source == "matching"
        source = pyramid[(self.config.feature_plane_resolution // 4).bit_length() - 1 if matching else -1]
        return self.feature_head(self.feature_trunk(source))[0].unflatten(0, (3, FEATURE_CHANNELS))  # type: ignore[no-any-return]


class SharedMLP(Method):
    """Feature planes, hash tables or both, and one radiance network; see `model.methods.method.Method`.

    Args:
        config: of the model: backbone, feature planes and hash tables.
        method: which features there are, and the network.
    """

    def __init__(self, config: ModelConfig, method: SharedMLPConfig) -> None:
        super().__init__()
        self.config = config
        self.planes = PlaneDecoder(config) if method.features != "hash" else None
        self.hash_encoding = HashEncoding(config.hash) if method.features != "planes" else None
        self.mlp = RadianceMLP(FEATURE_CHANNELS, method.mlp)

    def at(self, latent: torch.Tensor, time: float | torch.Tensor) -> MLPQueries:
        """Decode the planes of a latent (D,) and bake the hash tables at a time."""
        planes = None if self.planes is None else self.planes(latent)
        grids = [] if self.hash_encoding is None else self.hash_encoding.bake(time)

        def inputs(points: torch.Tensor) -> torch.Tensor:
            uv = plane_coordinates(points)
            feature = points.new_zeros(FEATURE_CHANNELS, len(points)) if planes is None else sample_maps(planes, uv)
            if grids:
                levels = zip(grids, hash_levels(self.config.hash), strict=True)
                hashed = torch.cat([sample_grid(grid, uv, level.scale) for grid, level in levels])
                feature = feature + functional.pad(hashed, (0, 0, 0, FEATURE_CHANNELS - len(hashed)))
            return feature.t()

        return MLPQueries(self.mlp, inputs)
