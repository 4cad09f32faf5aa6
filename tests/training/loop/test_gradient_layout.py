"""Gradients of the maps keep the layout in which the field adds to them: a copy to another layout takes time in every step."""

from __future__ import annotations

import pytest
import torch

from training.config import load_config
from training.loop.network import Network


@pytest.mark.parametrize("map_index", [0, 1, 2])
def test_no_gradient_of_a_map_is_copied_on_its_way_to_the_decoder(map_index: int) -> None:
    network = Network(load_config("tiny"), 2)
    outputs: dict[int, torch.Tensor] = {}
    network.decoder.register_forward_hook(lambda _, __, maps: outputs.update(enumerate(maps)))
    maps = network.decode(torch.randn(network.embedding.shape[1]), 0).maps  # type: ignore[union-attr]
    received: list[torch.Tensor] = []
    outputs[map_index].register_hook(received.append)
    gradient = torch.randn_like(maps[map_index])  # in the layout of the map, as the fields make it
    maps[map_index].backward(gradient)
    assert received[0].data_ptr() == gradient.data_ptr()
