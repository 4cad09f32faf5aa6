"""Configs as plain data: round trips and invalid values."""

from __future__ import annotations

import dataclasses
import json

import pytest

from common.errors import InputError
from model.config import DecoderConfig, HashEncodingConfig, ModelConfig


def test_defaults_are_the_papers() -> None:
    config = ModelConfig()
    assert config.color_head_parameters == 2624
    assert dataclasses.replace(config, view_encoding="spherical_harmonics").color_head_parameters == 2432
    assert config.decoder.backbone_resolution == 256
    assert config.occupancy.resolution == (24, 24, 48)


def test_json_round_trip() -> None:
    config = ModelConfig(
        hash=HashEncodingConfig(num_levels=8, features_per_level=4, time_resolution=30),
        decoder=DecoderConfig(head_source="matching", density_gain=30.0),
        mlp_planes=("xy",),
        assignment="bilinear",
    )
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ([], "mapping"),
        ({"colour_map": 3}, "unknown field 'colour_map'"),
        ({"hash": {"num_levels": "16"}}, "config.hash.num_levels: must be of type int"),
        ({"hash": {"num_levels": True}}, "must be of type int"),
        ({"hash": {"num_levels": 17}}, "1 to 16"),
        ({"hash": {"features_per_level": 3}}, "2, 4 or 8"),
        ({"hash": {"num_levels": 16, "features_per_level": 4}}, "at most 32"),
        ({"hash": {"log2_table_size": 60}}, "4 to 24"),
        ({"decoder": {"backbone_channels": [64, "64"]}}, r"backbone_channels\[1\]"),
        ({"decoder": {"density_gain": float("nan")}}, "finite"),
        ({"decoder": {"density_gain": 10**400}}, "finite"),
        ({"render": {"weight_threshold": -(10**400)}}, "0 to below 1"),
        ({"occupancy": {"resolution": [24, 24]}}, "3 entries"),
        ({"occupancy": {"resolution": [24, 24, 100000]}}, "1 to 512"),
        ({"color_map_resolution": 12}, "power of two"),
        ({"density_map_resolution": 512}, "power of two from 4 to 256"),
        ({"mlp_planes": ["xy", "yz"]}, "one or three"),
        ({"mlp_planes": ["zx"]}, "xy, xz, yz"),
        ({"assignment": "cubic"}, "nearest or bilinear"),
        ({"decoder": {"head_source": "matching"}, "color_map_resolution": 2}, "from 4"),
    ],
)
def test_refusals(values: object, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        ModelConfig.from_dict(values)  # type: ignore[arg-type]
