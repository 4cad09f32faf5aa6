"""docs/format.md is complete: a reader written from it reads the same values as this project's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.bundle.info import bundle_info, read_bundle, write_bundle
from model.config import DecoderConfig, HashEncodingConfig, ModelConfig
from model.query import query_color, query_density, query_features
from model.video import VolumetricVideo
from tests.factories import make_config, make_video
from tests.model.bundle.bundle_files import tiny_config
from tests.model.bundle.independent_reader import Stranger

HERE = Path(__file__).parent
MATCHING = DecoderConfig(
    latent_channels=16, backbone_channels=(16, 12, 8, 8), head_source="matching", color_channels=(10,), density_gain=20.0
)
CAPPED = HashEncodingConfig(3, 4, log2_table_size=9, base_resolution=4, finest_resolution=20, time_resolution=5)


def _ours(video: VolumetricVideo, time: float, points: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    frame = video.decode(time)
    p, d = torch.from_numpy(points).float(), torch.from_numpy(directions).float()
    features = query_features(frame, p)
    return query_density(frame, p, features).numpy(), query_color(frame, p, features, d).numpy()


def _samples(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    points = np.concatenate([generator.random((count, 3)), [[0, 0, 0], [1, 1, 1], [0, 1, 0.5]]])
    directions = generator.normal(size=(len(points), 3))
    return points, directions / np.linalg.norm(directions, axis=1, keepdims=True)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
@pytest.mark.parametrize(
    "config",
    [
        make_config(),
        make_config(assignment="bilinear", view_encoding="spherical_harmonics", feature_plane_resolution=8),
        make_config(decoder=MATCHING, hash=CAPPED, mlp_planes=("yz",), density_map_resolution=16),
        make_config(color_map_resolution=1, assignment="bilinear"),
        tiny_config(),
    ],
    ids=["nearest", "bilinear", "matching", "one head", "tiny"],
)
def test_the_independent_reader_gets_the_same_values(tmp_path: Path, precision: Any, config: ModelConfig) -> None:
    path = tmp_path / "a.mlpvid"
    write_bundle(make_video(seed=11, num_frames=3, config=config), path, precision)
    theirs, ours = Stranger(path), read_bundle(path)
    assert theirs.intact
    points, directions = _samples(1, 20)
    for time in (0.0, 1.35, 2.0):
        frame = theirs.frame(time)
        box, occupancy = ours.box_and_occupancy(time)
        np.testing.assert_allclose(frame.box, box, rtol=1e-6)
        np.testing.assert_array_equal(frame.occupancy, occupancy)
        sigma, color = _ours(ours, time, points, directions)
        np.testing.assert_allclose([frame.density(p) for p in points], sigma, rtol=2e-3, atol=2e-4 * sigma.max())
        seen = [frame.color(p, d) for p, d in zip(points, directions, strict=True)]
        np.testing.assert_allclose(seen, color, atol=2e-4)
        assert sigma.max() > 0 and np.ptp(color) > 0.01  # the image is not empty


def test_files_of_version_1_stay_readable() -> None:
    """Neither the file nor the values read from it may ever change."""
    path = HERE / "version1.mlpvid"
    expected = json.loads((HERE / "version1.json").read_text())
    assert bundle_info(path)["sha256"] == expected["sha256"]
    points, directions = np.array(expected["points"]), np.array(expected["directions"])
    sigma, color = _ours(read_bundle(path), expected["time"], points, directions)
    np.testing.assert_allclose(sigma, expected["density"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(color, expected["color"], atol=1e-5)
    frame = Stranger(path).frame(expected["time"])
    np.testing.assert_allclose([frame.density(p) for p in points], expected["density"], rtol=1e-4, atol=1e-4)


def test_the_page_lists_every_field_of_the_config_with_its_default() -> None:
    page = (HERE.parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z_0-9.]+)` \| (\S.*?) \|", page.split("### `config`")[1].split("## Tensors")[0], re.M))
    actual: dict[str, Any] = {}
    for name, value in ModelConfig().to_dict().items():
        actual |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    assert {name: json.loads(text) for name, text in listed.items()} == json.loads(json.dumps(actual))
