"""Every row of every table is a model that renders."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from experiments.measure import without_skipping
from experiments.recipe import read_recipe, recipe_names
from experiments.table import FOLDER, PRESETS, Row, read_table, row_config, same_run, table_names
from model.bundle.layout import tensor_layout
from model.camera import Camera
from model.occupancy import pack_occupancy, packed_size, unpack_occupancy
from model.video import VideoMetadata, VolumetricVideo
from renderer.reference.renderer import ReferenceRenderer
from training.config import TrainingConfig
from training.loop.network import Network

ROWS = {row.config_name: row for name in table_names() for row in read_table(name).rows}
CAMERA = Camera.look_at(np.array([3.0, 0.4, 0.6]), np.array([0.5, 0.5, 0.5]), (0, 0, 1), 0.01, 1, 1)


def random_video(config: TrainingConfig) -> VolumetricVideo:
    """Return one frame of an untrained model in a box of one meter without empty cells."""
    torch.manual_seed(5)
    network = Network(config, 1)
    occupancy = pack_occupancy(np.ones((1, *config.model.occupancy.resolution), np.bool_))
    latents = torch.zeros(1, config.model.latent_channels)
    boxes = torch.tensor([[[0.0] * 3, [1.0] * 3]])
    return network.requires_grad_(False).video(config.model, VideoMetadata(), latents, boxes, occupancy)


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.config_name)
def test_a_small_row_renders_a_pixel(row: Row) -> None:
    config = row_config(row, "small")
    renderer = ReferenceRenderer()
    image = renderer.render(renderer.prepare(random_video(config), 0.0), CAMERA)
    assert np.isfinite(image.rgba).all() and 0.5 < image.rgba[0, 0, 3] <= 1  # a meter of the initial fog


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.config_name)
def test_a_row_of_the_papers_size_can_be_stored(row: Row) -> None:
    config = row_config(row, "paper")
    layout = tensor_layout(config.model, 300, "float32")
    assert sum(math.prod(spec.shape) for spec in layout.values()) > 100_000


def test_the_papers_sizes_give_the_papers_bytes() -> None:
    """242 MB of 300 frames (table 2, row 10) are MiB: 103 + 131 + 8 and 300 KB of latents (section 4)."""
    layout = tensor_layout(row_config(ROWS["complete"], "paper").model, 300, "float32")
    parts = {part: sum(s.nbytes for s in layout.values() if s.part == part) / 2**20 for part in ("decoder", "hash_tables")}
    assert parts["decoder"] == pytest.approx(103, abs=3) and parts["hash_tables"] == pytest.approx(131, abs=0.5)


@pytest.mark.parametrize("preset", PRESETS)
def test_rows_share_a_run_only_with_equal_settings(preset: str) -> None:
    for name in table_names():
        table = read_table(name)
        rows = {row.name: row for row in table.rows}
        for row, run in same_run(table, preset).items():
            settings = [row_config(rows[one], preset).to_dict() | {"steps": 1, "minutes": 0.0} for one in (row, run)]
            assert settings[0] == settings[1]


def test_what_the_rows_change() -> None:
    def model(name: str) -> object:
        return row_config(ROWS[name], "small").model

    assert row_config(ROWS["one_xy_map"], "small").model.mlp_planes == ("xy",)
    assert row_config(ROWS["three_xy_maps"], "small").model.mlp_planes == ("xy", "xy", "xy")
    sizes = {name: row_config(row, "small").model.color_map_resolution for name, row in ROWS.items() if "color_map" in name}
    assert sizes == {"color_map_1": 1, "color_map_4": 4, "color_map_16": 16, "color_map_32": 32}
    assert model("complete") == model("every_cell") == model("encoder") == model("without_mask_loss")
    assert row_config(ROWS["encoder_without_kl"], "small").loss.kl == 0
    assert row_config(ROWS["without_hash_tables"], "small").optimizer.table_rate == 0
    assert row_config(ROWS["without_feature_planes"], "small").constant_planes
    every = row_config(ROWS["every_cell"], "small")
    assert every.data.hull_resolution == 0 and every.rays.prune_every == 0 and every.rays.region == "box"


def test_every_config_belongs_to_a_row_and_every_recipe_to_a_table() -> None:
    for preset in PRESETS:
        assert {path.stem for path in (FOLDER / "configs" / preset).glob("*.yaml")} == set(ROWS)
    used = {read_table(name).recipe for name in table_names()} - {None}
    assert (
        {*used, "legionary_short", "fast_short"}
        == set(recipe_names())
        == {path.stem for path in (FOLDER / "recipes").glob("*.yaml")}
    )
    assert all(read_recipe(name).sources for name in recipe_names())


def test_without_skipping_every_cell_is_occupied() -> None:
    rng = np.random.default_rng()
    resolution = tuple(int(n) for n in rng.integers(1, 6, 3))
    values = {"occupancy": {"resolution": list(resolution)}}
    config = TrainingConfig.from_dict({"model": row_config(ROWS["hash_only"], "small").model.to_dict() | values})
    video = without_skipping(random_video(config))
    assert video.occupancy.shape == (1, packed_size(resolution))  # type: ignore[arg-type]
    assert unpack_occupancy(video.occupancy, resolution).all()
    np.testing.assert_array_equal(video.occupancy, pack_occupancy(np.ones((1, *resolution), np.bool_)))
