"""The work of each stage, multiply-adds and bytes, counted from the config."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS, ModelConfig
from model.decoder import EqualizedUpsample, MapDecoder
from model.hash_levels import hash_levels

_CORNERS = {"3d": 8, "baked": 4}


@dataclass(frozen=True)
class Work:
    """Arithmetic and memory traffic of one sample or one frame."""

    multiply_adds: float
    """Multiply-adds."""
    bytes: float
    """Bytes read and written, counted without caches."""


def density_work(config: ModelConfig, pipeline: str) -> Work:
    """Count the work of one sample in the density pass.

    Args:
        config: the model.
        pipeline: "baked" reads 2D grids and maps in half precision, "3d" the hash tables themselves in float32.
    """
    channels = config.hash.num_levels * config.hash.features_per_level
    corners, size = _CORNERS[pipeline], 2 if pipeline == "baked" else 4
    grids = 3 * corners * channels
    maps = 4 * FEATURE_CHANNELS * (3 + len(config.mlp_planes))
    return Work(grids + maps + FEATURE_CHANNELS, size * (grids + maps))


def color_work(config: ModelConfig, pipeline: str) -> Work:
    """Count the work of one sample in the color pass. "baked" has the first two layers merged, "3d" evaluates all three.

    Bytes are those of the features, since heads are read once for many samples.
    """
    heads = len(config.mlp_planes) * (4 if config.assignment == "bilinear" else 1)
    inner = FEATURE_CHANNELS + config.view_channels
    first = 0 if pipeline == "baked" else FEATURE_CHANNELS * HIDDEN_CHANNELS
    return Work(heads * (first + inner * HIDDEN_CHANNELS + HIDDEN_CHANNELS * 3), 4 * (FEATURE_CHANNELS + 3))


def decoder_work(config: ModelConfig) -> Work:
    """Count the work of decoding one frame: multiply-adds of all layers, bytes of parameters and features in float32."""
    total, traffic = 0, 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total, traffic
        weight = module.get_parameter("weight")
        # A transposed convolution uses each weight once per input pixel, other layers once per output pixel.
        pixels = inputs[0] if isinstance(module, EqualizedUpsample) else output
        places = pixels.shape[2:].numel() if weight.ndim == 4 else 1
        total += weight.numel() * places
        parameters = sum(p.numel() for p in module.parameters(recurse=False))
        traffic += 4 * (parameters + inputs[0].numel() + output.numel())

    decoder = MapDecoder(config).eval()
    leaves = [m for m in decoder.modules() if "weight" in dict(m.named_parameters(recurse=False))]
    hooks = [module.register_forward_hook(count) for module in leaves]
    with torch.no_grad():
        decoder(torch.zeros(1, config.decoder.latent_channels))
    for hook in hooks:
        hook.remove()
    return Work(total, traffic)


def bake_work(config: ModelConfig) -> Work:
    """Count the work of baking one frame.

    Two table entries per node become one in half precision, which is written twice. Maps become half precision. Two layers of
    each head become one.
    """
    nodes = 3 * sum(level.resolution**2 for level in hash_levels(config.hash))
    features = config.hash.features_per_level
    pixels = 3 * config.feature_plane_resolution**2 + len(config.mlp_planes) * config.density_map_resolution**2
    heads = len(config.mlp_planes) * config.color_map_resolution**2
    multiply_adds = nodes * features * 2 + heads * FEATURE_CHANNELS * HIDDEN_CHANNELS * HIDDEN_CHANNELS
    traffic = (
        nodes * features * (2 * 4 + 2 * 2) + pixels * FEATURE_CHANNELS * (4 + 2) + heads * config.color_head_parameters * 8
    )
    return Work(multiply_adds, traffic)
