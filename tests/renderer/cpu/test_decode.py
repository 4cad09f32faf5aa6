"""The fast decoder computes the same as the model's decoder."""

import pytest
import torch

from model.config import DecoderConfig
from renderer.cpu.renderer import CpuRenderer
from renderer.decode import FastDecoder
from tests.factories import make_camera, make_config, make_video

SMALL = DecoderConfig(latent_channels=16, backbone_channels=(16, 16, 16, 16), color_channels=(16, 24), density_gain=20.0)
CONFIGS: dict[str, dict[str, object]] = {
    "paper": {},
    "smaller maps": {"feature_plane_resolution": 16, "density_map_resolution": 8},
    "one plane": {"mlp_planes": ("xz",)},
    "one color head": {"color_map_resolution": 1},
    "color map of the backbone's size": {"color_map_resolution": 32},
    "matching": {"decoder": DecoderConfig(16, (16, 16, 24, 16), "matching"), "feature_plane_resolution": 16},
    "matching, equal sizes": {"decoder": DecoderConfig(16, (16, 16, 24, 16), "matching", (16,), 1)},
    "backbone of one level": {
        "decoder": DecoderConfig(16, (16,)),
        "feature_plane_resolution": 4,
        "density_map_resolution": 4,
        "color_map_resolution": 4,
    },
}


@pytest.mark.parametrize("name", CONFIGS)
def test_float32_maps_equal_the_models(name: str) -> None:
    video, latent = make_video(config=make_config(**{"decoder": SMALL, **CONFIGS[name]})), torch.randn(16)
    for part, values in video.decoder.named_parameters():
        if part.endswith("bias"):
            values.normal_()
    for fast, slow in zip(FastDecoder(video, bfloat16=False)(latent), video.decoder(latent[None]), strict=True):
        assert fast.shape == slow[0].shape
        torch.testing.assert_close(fast, slow[0], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_bfloat16_color_maps_differ_by_little(name: str) -> None:
    video, latent = make_video(config=make_config(**{"decoder": SMALL, **CONFIGS[name]})), torch.randn(16)
    fast, slow = FastDecoder(video, bfloat16=True)(latent), [maps[0] for maps in video.decoder(latent[None])]
    assert [maps.dtype for maps in fast] == [torch.float32, torch.float32, torch.bfloat16]
    torch.testing.assert_close(fast[:2], tuple(slow[:2]), rtol=1e-4, atol=1e-4)
    assert (fast[2] - slow[2]).std() < 0.01 * slow[2].square().mean().sqrt()


def test_changed_weights_are_seen() -> None:
    video, camera, renderer = make_video(seed=1), make_camera(16, 16), CpuRenderer(1)
    assert renderer.render(renderer.prepare(video, 0), camera).rgba.any()
    weight, bias = video.decoder.density_head.parameters()
    weight.zero_()
    bias.zero_()
    assert not renderer.render(renderer.prepare(video, 0), camera).rgba.any()
    video.hash_encoding.tables.mul_(1e4)
    bias.fill_(20)
    assert renderer.render(renderer.prepare(video, 0), camera).rgba.any()
