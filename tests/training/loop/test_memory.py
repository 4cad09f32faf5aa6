"""The memory of a run: predicted before its first step, refused if it does not fit, and images on disk if they are too many."""

from __future__ import annotations

import dataclasses
import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from common.errors import InputError
from tests.training.loop.shared_scene import scene_of, with_single_points
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.loop.dataset import Dataset
from training.loop.mapped_file import MappedFile
from training.loop.memory import MemoryNeed, plan_memory, predict_memory
from training.loop.scene import Scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool
from training.train import main

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"), frames=3)


def prepared(folder: Path) -> tuple[TrainingConfig, Dataset, Scene]:
    tiny = with_single_points(load_config("tiny"))
    data = dataclasses.replace(tiny.data, hull_resolution=16)
    config = dataclasses.replace(tiny, data=data, rays=dataclasses.replace(tiny.rays, rays_per_frame=32))
    scene = scene_of(folder, config.data)
    return config, Dataset(open_capture(folder), config, range(3), scene.boxes), scene


def test_a_mapped_file_returns_what_was_put(tmp_path: Path) -> None:
    file = MappedFile(tmp_path, 1 << 20)
    put = [torch.randint(0, 256, (7, 5), dtype=torch.uint8), torch.randn(300), torch.empty(0), torch.randint(9, (4, 4)).T]
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(file.put, put * 8))
    for given, found in zip(put * 8, kept, strict=True):
        assert torch.equal(given, found) and found.dtype == given.dtype
    assert not list(tmp_path.iterdir()), "the file has a name"
    del file
    gc.collect()
    assert torch.equal(kept[1], put[1]), "the arrays need the file"


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = MappedFile(tmp_path, 1 << 20)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InputError, match=r"has no space for images \(No space left on device\); free some space"):
        file.put(torch.ones(3))


@pytest.mark.slow
def test_images_in_a_file_give_the_same_run(ball: Path, tmp_path: Path) -> None:
    config, dataset, scene = prepared(ball)
    config = dataclasses.replace(config, half_resolution=0.5, steps=2)
    states = []
    for on_disk in (False, True):
        images = Dataset(dataset.capture, config, dataset.frames, scene.boxes)
        if on_disk:
            images.keep_in_file(tmp_path)
        with worker_pool(2) as pool:
            trainer = Trainer(dataset.capture, config, 3, scene, pool, dataset=images)
            for _ in range(2):
                trainer.advance()
        states.append(trainer.network.state_dict())
        assert images._file is None or images._file._end > 1000
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_prediction_follows_frames_rays_and_images(ball: Path) -> None:
    config, dataset, scene = prepared(ball)
    need = predict_memory(config, dataset, scene, "native")
    views = dataset.read(1, half=False)
    assert need.images == int(1.25 * 3 * views.num_bytes)
    assert views.num_bytes > 5 * 48 * 48 * 4 and need.hulls == 3 * 16**3
    more = dataclasses.replace(config, rays=dataclasses.replace(config.rays, rays_per_frame=64, prune_every=0.1))
    other = predict_memory(more, dataset, scene, "native")
    assert other.frame > need.frame and other.hulls == 2 * need.hulls and other.network == need.network
    assert predict_memory(config, dataset, scene, "torch").frame > need.frame
    assert need.total(3) - need.total(2) == need.frame and need.total(2) - need.total(2, False) == need.images


NEED = MemoryNeed(images=6 * 10**9, hulls=10**9, network=2 * 10**9, frame=10**9)


@pytest.mark.parametrize(
    ("available", "budget", "processes", "on_disk"),
    [(20e9, 0.0, 1, False), (11e9, 0.0, 1, True), (11e9, 6.5, 1, False), (20e9, 5.0, 1, True), (30e9, 0.0, 3, True)],
)
def test_images_beyond_their_budget_go_to_disk(
    ball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: float, budget: float, processes: int, on_disk: bool
) -> None:
    config, dataset, _ = prepared(ball)
    dataset.config = dataclasses.replace(config, data=dataclasses.replace(config.data, image_memory=budget))
    monkeypatch.setattr("training.loop.memory.available_memory", lambda: available)
    line = plan_memory(NEED, dataset, 2, processes, tmp_path, CPU)
    assert ("kept in a file" in line) == on_disk == (dataset._file is not None)
    assert f"about {5 if on_disk else 11}.00 GB" in line and "images 6.00, hulls 1.00, network 2.00, steps 2.00" in line


@pytest.mark.parametrize(("available", "remedy"), [(4.5e9, "--threads 1"), (3.5e9, "choose a smaller model")])
def test_a_run_that_does_not_fit_is_refused(
    ball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: float, remedy: str
) -> None:
    _, dataset, _ = prepared(ball)
    monkeypatch.setattr("training.loop.memory.available_memory", lambda: available)
    with pytest.raises(InputError, match=f"needs about 5.00 GB of memory .*, but only {available / 1e9:.2f}.*{remedy}"):
        plan_memory(NEED, dataset, 2, 1, tmp_path, CPU)


def test_images_that_do_not_fit_on_the_disk_are_refused(ball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, dataset, _ = prepared(ball)
    monkeypatch.setattr("training.loop.memory.available_memory", lambda: 8e9)
    monkeypatch.setattr("training.loop.memory.shutil.disk_usage", lambda _: _Usage(5 * 10**9))
    with pytest.raises(InputError, match=r"the images need 6.0 GB on disk, but only 5.0 GB are free"):
        plan_memory(NEED, dataset, 2, 1, tmp_path, CPU)


@dataclasses.dataclass
class _Usage:
    free: int


@pytest.mark.slow
def test_the_command_prints_the_prediction_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short.yaml").write_text(
        "base: tiny\ndata: {hull_resolution: 16, image_memory: 1.0e-6}\nrays: {rays_per_frame: 16}\n"
    )
    capture = ball_capture(tmp_path / "ball", frames=2, size=32)
    command = ["--capture", str(capture), "--config", str(tmp_path / "short.yaml"), "--no-check", "--steps", "1", "--out"]
    assert main([*command, str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().err
    assert printed.index("memory: about 0.") < printed.index("training ball")
    assert f"are kept in a file in {tmp_path / 'run'} until the run ends" in printed
    monkeypatch.setattr("training.loop.memory.available_memory", lambda: 1e6)
    assert main([*command, str(tmp_path / "other")]) == 2
    assert "error: this run: needs about 0." in capsys.readouterr().err
    assert not (tmp_path / "other" / "checkpoint.safetensors").exists()
