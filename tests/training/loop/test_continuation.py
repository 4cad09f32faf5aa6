"""A run can begin with a run or a bundle of the same frames: with its parameters, latents and the cells that were sampled."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InputError
from model.bundle.info import bundle_info, read_bundle, write_bundle
from model.occupancy import pack_occupancy, unpack_occupancy
from tests.training.loop.shared_scene import scene_of
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import DataConfig, TrainingConfig, load_config
from training.export import main as export
from training.loop.continuation import Place, _latents_at, _overlaps, _packed_cells
from training.loop.scene import Scene, save_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool
from training.reduction.first_steps import first_steps
from training.train import main as train

pytestmark = pytest.mark.xdist_group("continuation")  # one process makes what they share once

CONFIG = """base: tiny
model: {hash: {log2_table_size: 8, num_levels: 2}, occupancy: {resolution: [5, 4, 6], subgrid: 1}}
data: {hull_resolution: 8}
rays: {rays_per_frame: 64, prune_every: 0.4}
validation: {every: 0.0}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=2, size=32)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(CONFIG)
    return dataclasses.replace(load_config(str(path)), steps=4)


def new_trainer(folder: Path, config: TrainingConfig, seed: int = 3, scene: Scene | None = None) -> Trainer:
    with worker_pool(1) as pool:
        return Trainer(open_capture(folder), config, seed, scene or scene_of(folder, config.data), pool)


@pytest.fixture(scope="module")
def run(folder: Path, config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    trainer = new_trainer(folder, config)
    save_scene(trainer.scene, run)
    with worker_pool(1) as trainer._pool:
        for _ in range(config.steps):
            trainer.advance()
    trainer.save(run)
    return run


def test_the_same_frames_keep_latents_and_sampled_cells(folder: Path, config: TrainingConfig, run: Path) -> None:
    before, after = new_trainer(folder, config), new_trainer(folder, config, seed=9)
    before.load(run)
    after.start_from(run)
    for name, value in before.network.state_dict().items():
        assert torch.equal(value, after.network.state_dict()[name]), name
    cells, same = (t._frame_step.occupancy_grids() for t in (before, after))
    assert cells is not None and same is not None and torch.equal(cells, same)
    assert after.step == 0 and not any(bool(value.any()) for value in after.optimizer.state().values())


def test_places_by_hand() -> None:
    """Frames 10 to 14 after 4 to 11 begin with the seventh; among every third frame from 1 on, they are at 3 to 4 1/3."""
    before = Place.by_number(DataConfig(first_frame=4), 8, DataConfig(first_frame=10))
    assert [before(frame) for frame in range(3)] == [6.0, 7.0, 7.0]
    keyframes = Place.by_number(DataConfig(first_frame=1, frame_stride=3), 9, DataConfig(first_frame=10))
    assert [round(keyframes(frame), 6) for frame in range(3)] == [3.0, 3.333333, 3.666667] and keyframes(100) == 8.0
    assert Place.by_number(DataConfig(first_frame=4), 8, DataConfig(first_frame=2))(0) == 0.0, (
        "frames before begin with the first"
    )


def test_latents_between_frames_by_hand() -> None:
    latents = torch.tensor([[0.0, 1.0], [2.0, 5.0], [4.0, 3.0]])
    found = _latents_at([0.0, 0.5, 1.75, 2.0], latents)
    assert found.tolist() == [[0.0, 1.0], [1.0, 3.0], [3.5, 3.5], [4.0, 3.0]]
    assert _latents_at([0.0, 0.0], latents[:1]).tolist() == [[0.0, 1.0]] * 2, "a run of one frame"


def test_shared_frames_keep_their_pictures(folder: Path, config: TrainingConfig, run: Path) -> None:
    """A run of the second frame begins with its latent and its grids."""
    second = dataclasses.replace(config, data=dataclasses.replace(config.data, first_frame=1))
    before, after = new_trainer(folder, config), new_trainer(folder, second, seed=9)
    before.load(run)
    after.start_from(run)
    for old, new in zip(before.network.hash_encoding.bake(1 / 2), after.network.hash_encoding.bake(0.0), strict=True):
        torch.testing.assert_close(old, new, rtol=1e-4, atol=1e-6)
    latents = before.network.embedding
    assert latents is not None and after.network.embedding is not None
    assert torch.equal(after.network.embedding, latents[[1]])


def test_cells_stay_excluded_without_further_updates(folder: Path, config: TrainingConfig, run: Path, tmp_path: Path) -> None:
    """An export of the second run must not find density where neither run had samples."""
    never = dataclasses.replace(config, rays=dataclasses.replace(config.rays, prune_every=0.0))
    trainer = new_trainer(folder, never)
    trainer.start_from(run)
    cells = trainer._frame_step.occupancy_grids()
    trainer.save(tmp_path)
    resumed = new_trainer(folder, never)
    resumed.load(tmp_path)
    assert cells is not None and torch.equal(cells, resumed._frame_step.occupancy_grids())  # type: ignore[arg-type]
    resumed.save(tmp_path)
    again = new_trainer(folder, never)
    again.load(tmp_path)
    assert torch.equal(cells, again._frame_step.occupancy_grids())  # type: ignore[arg-type]


def test_overlaps_by_hand() -> None:
    """Halves and thirds: the second third overlaps both halves. Cells that only touch do not overlap."""
    assert _overlaps(3, 2).tolist() == [[True, False], [True, True], [False, True]]
    assert np.array_equal(_overlaps(4, 4), np.eye(4, dtype=bool))


def test_a_bundle_of_the_same_frames_gives_everything(folder: Path, config: TrainingConfig, run: Path, tmp_path: Path) -> None:
    assert export([str(run), str(tmp_path / "a.mlpvid")]) == 0
    video, trainer = read_bundle(tmp_path / "a.mlpvid"), new_trainer(folder, config, seed=9)
    video.occupancy = np.random.default_rng(0).integers(0, 256, video.occupancy.shape, dtype=np.uint8)
    occupied = unpack_occupancy(video.occupancy, (5, 4, 6))
    cells = unpack_occupancy(_packed_cells(video, 8), (8, 8, 8))
    for frame, x, y, z in np.argwhere(occupied)[::7]:
        middle = [int((i + 0.5) / n * 8) for i, n in zip((x, y, z), (5, 4, 6), strict=True)]
        assert cells[(frame, *middle)]
    trainer.start_from(tmp_path / "a.mlpvid")
    first = new_trainer(folder, config)
    first.load(run)
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, trainer.network.state_dict()[name]), name
    grids, hulls = trainer._frame_step.occupancy_grids(), trainer.scene.hulls
    assert grids is not None and hulls is not None and torch.equal(grids & hulls, grids)


def test_heads_may_be_blended_differently(folder: Path, config: TrainingConfig, run: Path, tmp_path: Path) -> None:
    """Training goes on from what `training.export --nearest-heads` writes, which changes `assignment`."""
    first = new_trainer(folder, config)
    first.load(run)
    model = dataclasses.replace(config.model, assignment="bilinear")
    assert model != config.model
    assert export([str(run), str(tmp_path / "a.mlpvid")]) == 0
    for source in (run, tmp_path / "a.mlpvid"):
        trainer = new_trainer(folder, dataclasses.replace(config, model=model), seed=9)
        trainer.start_from(source)
        for name, value in first.network.state_dict().items():
            assert torch.equal(value, trainer.network.state_dict()[name]), name


def test_what_does_not_fit_is_refused(folder: Path, config: TrainingConfig, run: Path, tmp_path: Path) -> None:
    assert export([str(run), str(tmp_path / "a.mlpvid")]) == 0
    moved = dataclasses.replace(scene_of(folder, config.data), boxes=scene_of(folder, config.data).boxes + np.float32(0.1))
    larger = dataclasses.replace(config, model=dataclasses.replace(config.model, color_map_resolution=8))
    encoder = dataclasses.replace(config, latents="encoder")
    for source in (run, tmp_path / "a.mlpvid"):
        with pytest.raises(InputError, match="other boxes"):
            new_trainer(folder, config, scene=moved).start_from(source)
        with pytest.raises(InputError, match="another model"):
            new_trainer(folder, larger).start_from(source)
    with pytest.raises(InputError, match="latents: embedding"):
        new_trainer(folder, encoder).start_from(tmp_path / "a.mlpvid")


def test_the_command_makes_a_video_smaller(folder: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It begins with a bundle in which every cell is occupied, trains it with the rate term, and writes it rounded."""
    (tmp_path / "rate.yaml").write_text(f"{CONFIG}rate: {{weight: 0.01, psnr: 35.0}}\n")
    assert export([str(run), str(tmp_path / "a.mlpvid")]) == 0
    options = [f"--capture={folder}", f"--config={tmp_path / 'rate.yaml'}", f"--out={tmp_path / 'small'}", "--no-check"]
    assert train([*options, "--steps", "2"]) == 2
    assert "--start-from" in capsys.readouterr().err
    video = read_bundle(tmp_path / "a.mlpvid")
    video.occupancy = np.zeros_like(video.occupancy)
    write_bundle(video, tmp_path / "empty.mlpvid")
    with pytest.raises(InputError, match="shows nothing"):
        first_steps(tmp_path / "empty.mlpvid", 35.0)
    video.occupancy = pack_occupancy(np.ones((2, 5, 4, 6), bool))
    video.hash_tables = np.random.default_rng(0).uniform(-1, 1, video.hash_tables.shape).astype(np.float32)
    write_bundle(video, tmp_path / "full.mlpvid")
    assert train([*options, "--steps", "2", f"--start-from={tmp_path / 'full.mlpvid'}"]) == 0
    written = read_bundle(tmp_path / "small" / "video.mlpvid")
    sizes = [bundle_info(path)["file_size"] for path in (tmp_path / "small" / "video.mlpvid", tmp_path / "full.mlpvid")]
    assert sizes[0] < sizes[1] / 4
    assert export([str(tmp_path / "small"), str(tmp_path / "b.mlpvid")]) == 0
    assert (tmp_path / "b.mlpvid").read_bytes() == (tmp_path / "small" / "video.mlpvid").read_bytes()
    assert export([str(tmp_path / "small"), str(tmp_path / "c.mlpvid"), "--precision", "float32"]) == 0
    for name, values in read_bundle(tmp_path / "c.mlpvid").decoder_weights.items():
        assert np.array_equal(values, written.decoder_weights[name]), name
    assert len(np.unique(written.hash_tables)) < 600
