"""Shapes, sizes and layers of the map decoder and the encoder."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from model.config import DecoderConfig, ModelConfig
from model.decoder import EqualizedUpsample, MapDecoder
from training.config import TrainingConfig
from training.loop.encoder import ImageEncoder, kl_divergence
from training.loop.network import Network


def small(**values: object) -> ModelConfig:
    decoder = DecoderConfig(latent_channels=8, backbone_channels=(4,) * 7, color_channels=(4, 5, 6))
    return ModelConfig(decoder=decoder, **values)  # type: ignore[arg-type]


def test_paper_size() -> None:
    with torch.device("meta"):
        decoder = MapDecoder(ModelConfig())
    parameters = sum(p.numel() for p in decoder.parameters())
    assert round(parameters / 1e6, 1) == 27.6
    assert [layer.get_parameter("weight").shape[1] for layer in decoder.backbone.upsamples] == [256, 128, 128, 64, 64, 64]
    assert [tuple(m.get_parameter("weight").shape[:2]) for m in decoder.color_trunk if hasattr(m, "weight")] == [
        (64, 64), (128, 64), (128, 128), (256, 128),
    ]  # fmt: skip


@pytest.mark.parametrize("color", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("density", [16, 64, 256])
def test_any_map_size(color: int, density: int) -> None:
    config = small(color_map_resolution=color, density_map_resolution=density, feature_plane_resolution=32)
    features, densities, colors = MapDecoder(config)(torch.randn(2, 8))
    assert features.shape == (2, 3, 32, 32, 32)
    assert densities.shape == (2, 3, 32, density, density)
    assert colors.shape == (2, 3, color, color, 2624)


def test_heads_on_matching_features() -> None:
    config = small(color_map_resolution=8, density_map_resolution=64, mlp_planes=("xz",), view_encoding="spherical_harmonics")
    config = dataclasses.replace(
        config, decoder=dataclasses.replace(config.decoder, head_source="matching", color_kernel_size=1)
    )
    decoder = MapDecoder(config)
    _, densities, colors = decoder(torch.randn(1, 8))
    assert densities.shape == (1, 1, 32, 64, 64)
    assert colors.shape == (1, 1, 8, 8, 2432)
    assert decoder.color_head.weight.shape[2:] == (1, 1)


def test_upsample_by_hand() -> None:
    layer = EqualizedUpsample(1, 1, 4)
    layer.weight.data.fill_(1.0)
    layer.bias.data[0, 3, 0] = 5.0
    scale = math.sqrt(2 / 1.04) / math.sqrt(1 * 4)
    output = layer(torch.ones(1, 1, 2, 2))[0, 0]
    assert output[1, 1].item() == pytest.approx(4 * scale)  # four inputs reach an inner pixel
    assert output[0, 0].item() == pytest.approx(scale)  # only one input reaches a corner
    assert output[3, 0].item() == pytest.approx(scale + 5.0)  # the bias belongs to one pixel


def test_density_gain_scales_only_the_density_map() -> None:
    config = small(color_map_resolution=4, density_map_resolution=16, feature_plane_resolution=16)
    gained = dataclasses.replace(config, decoder=dataclasses.replace(config.decoder, density_gain=30.0))
    plain, other = MapDecoder(config), MapDecoder(gained)
    other.load_state_dict(plain.state_dict())
    z = torch.randn(1, 8)
    for index, factor in enumerate((1.0, 30.0, 1.0)):
        assert torch.allclose(other(z)[index], factor * plain(z)[index])


def test_encoder_shapes_and_divergence() -> None:
    encoder = ImageEncoder(latent_channels=16)
    mean, log_deviation = encoder(torch.rand(1, 3, 3, 512, 512))
    assert mean.shape == log_deviation.shape == (1, 16)
    assert kl_divergence(torch.zeros(4, 8), torch.zeros(4, 8)).item() == 0
    assert kl_divergence(torch.ones(1, 1), torch.zeros(1, 1)).item() == pytest.approx(0.5)


def test_latents_are_drawn_from_the_encoders_distribution() -> None:
    network = Network(TrainingConfig(latents="encoder", model=small()), num_frames=1)
    assert network.encoder is not None
    network.encoder.forward = lambda views: (torch.full((1, 20_000), 3.0), torch.full((1, 20_000), math.log(0.5)))  # type: ignore
    draws, _ = network.latent(0, lambda frame: torch.zeros(3, 3, 8, 8), torch.Generator().manual_seed(0))
    assert draws.mean().item() == pytest.approx(3.0, abs=0.02)
    assert draws.std().item() == pytest.approx(0.5, abs=0.02)
