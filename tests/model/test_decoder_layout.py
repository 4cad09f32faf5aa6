"""The names and shapes of the decoder's parameters, without PyTorch, are those of the network."""

from __future__ import annotations

from typing import Any

import pytest

from model.config import DecoderConfig, ModelConfig
from model.decoder import MapDecoder
from model.decoder_layout import decoder_shapes
from model.network import without_memory
from tests.factories import make_config

SMALL: dict[str, dict[str, Any]] = {
    "paper": {},
    "matching": {"decoder": DecoderConfig(5, (7, 6, 5, 4), "matching", (9, 3)), "mlp_planes": ("xz",)},
    "kernel of one pixel": {"decoder": DecoderConfig(5, (7, 6, 5, 4), color_channels=(3, 2), color_kernel_size=1)},
    "smaller maps": {"feature_plane_resolution": 8, "density_map_resolution": 16, "color_map_resolution": 1},
}


@pytest.mark.parametrize("name", SMALL)
def test_shapes_are_those_of_the_network(name: str) -> None:
    config = make_config(**SMALL[name]) if SMALL[name] else ModelConfig()
    with without_memory():
        expected = {key: tuple(value.shape) for key, value in MapDecoder(config).state_dict().items()}
    assert list(decoder_shapes(config).items()) == list(expected.items())
