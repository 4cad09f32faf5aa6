"""A training step on a device other than the CPU: every tensor is on that device, and the results are the same."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from model.config import HashEncodingConfig
from model.hash_encoding import HashEncoding
from tests.factories import make_config
from tests.training.loop.pretend_device import DEVICE, Elsewhere, numbers, pretended_device
from tests.training.loop.shared_scene import scene_of, shrink_encoder
from tests.training.scenes import ball_capture
from training.captures.opening import open_capture
from training.config import DataConfig, LossConfig, RayConfig, TrainingConfig
from training.fields.create import create_field
from training.fields.torch_field import TorchField
from training.loop.dataset import Dataset
from training.loop.network import Network
from training.loop.scene import selected_frames
from training.loop.step import FrameResult, FrameStep
from training.train import main


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ball_capture(tmp_path_factory.mktemp("ball"))


def make_step(folder: Path, **settings: Any) -> FrameStep:
    config = TrainingConfig(
        model=make_config(assignment="bilinear"),
        data=DataConfig(hull_resolution=16),
        rays=RayConfig(rays_per_frame=64, frames_per_step=1, **({"step": 0.05} | settings.pop("rays", {}))),
        loss=LossConfig(optical_depth=0.1),
        density_leak=0.1,
        **({"latents": "embedding"} | settings),
    )
    capture, scene = open_capture(folder), scene_of(folder, config.data)
    torch.manual_seed(3)
    network = Network(config, scene.num_frames)
    dataset = Dataset(capture, config, selected_frames(capture, config.data), scene.boxes)
    return FrameStep(config, network, dataset, scene, create_field(config, native=False))


def moved(step: FrameStep) -> FrameStep:
    """Return the same step on the simulated device."""
    network = copy.deepcopy(step.network)
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, torch.nn.Parameter(Elsewhere(parameter.detach().clone())))
    result = FrameStep.__new__(FrameStep)
    result.__dict__ |= step.__dict__
    result.network, result.parameters = network, list(network.parameters())
    result._trained = result.parameters
    result._device = DEVICE
    result._regions = [region.to(DEVICE) for region in step._regions]
    result._hulls = [region.hull for region in result._regions]
    return result


VARIANTS: dict[str, dict[str, Any]] = {
    "steps": {},
    "samples per ray": {"rays": {"step": 0.0}},
    "random heads": {"blend_at_random": True},
    "encoder": {"latents": "encoder"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_step_is_the_same_on_another_device(ball: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shrink_encoder(monkeypatch)
    step = make_step(ball, **VARIANTS[name])
    wanted = step(1, False, 5, 64)
    with pretended_device():
        found: FrameResult = moved(step)(1, False, 5, 64)
    assert found.squared_error == pytest.approx(wanted.squared_error, rel=1e-5)
    assert found.samples_per_ray == wanted.samples_per_ray > 0
    compared = 0
    for mine, other in zip(found.gradients, wanted.gradients, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None and other is not None:
            assert isinstance(mine, Elsewhere), "a gradient has come back to the CPU"
            assert torch.allclose(numbers(mine), other, atol=1e-6 + 1e-4 * float(other.abs().max()))
            compared += bool(other.any())
    assert compared > 10


@pytest.mark.slow
def test_the_occupancy_grid_is_updated_on_another_device(ball: Path) -> None:
    step = make_step(ball)
    step.update_occupancy(0, 7)
    with pretended_device():
        other = moved(make_step(ball))
        other.update_occupancy(0, 7)
        assert isinstance(other._regions[0].hull, Elsewhere)
    assert step._regions[0].hull is not None
    assert torch.equal(numbers(other._regions[0].hull), step._regions[0].hull)


def test_the_pretended_device_mixes_with_nothing() -> None:
    with pretended_device():
        there = torch.ones(3).to(DEVICE)
        assert isinstance(there, Elsewhere) and isinstance(there + torch.tensor(1.0), Elsewhere)
        assert isinstance(torch.zeros(2, device=DEVICE), Elsewhere) and not isinstance(there.to("cpu"), Elsewhere)
        with pytest.raises(AssertionError, match="between devices"):
            there + torch.ones(3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--capture", str(tmp_path), "--config", "tiny", "--out", str(tmp_path / "run"), "--device", "cuda"]
    assert main(arguments) == 2
    assert "error: --device cuda: PyTorch finds no GPU; install torch for CUDA" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_only_the_cpu_has_the_native_field() -> None:
    config = TrainingConfig(model=make_config(), rays=RayConfig(step=0.05))
    assert isinstance(create_field(config, device=torch.device("cuda")), TorchField)


@pytest.mark.slow
def test_the_field_on_cuda_reads_tables_with_tiny_cuda_nn(monkeypatch: pytest.MonkeyPatch, ball: Path) -> None:
    from tests.training.fields import tiny_cuda_emulation

    step = make_step(ball)
    wanted = step(1, False, 5, 64)
    monkeypatch.setitem(__import__("sys").modules, "tinycudann", tiny_cuda_emulation)
    field = TorchField(step.config, torch.device("cuda"))
    assert field._tiny is not None
    monkeypatch.setattr(HashEncoding, "bake", lambda *_: pytest.fail("tables are baked"))
    step.field = field
    found = step(1, False, 5, 64)
    assert found.squared_error == pytest.approx(wanted.squared_error, rel=1e-3)
    index = next(i for i, p in enumerate(step.parameters) if p is step.network.hash_encoding.tables)
    mine, other = found.gradients[index], wanted.gradients[index]
    assert mine is not None and other is not None and mine.shape == other.shape and other.any()
    assert float((mine - other).norm() / other.norm()) < 1e-2


def test_encodings_that_tiny_cuda_nn_cannot_express_are_baked(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.training.fields import tiny_cuda_emulation

    config = TrainingConfig(model=make_config(), rays=RayConfig(step=0.05))
    assert TorchField(config, torch.device("cuda"))._tiny is None, "tinycudann is not installed here"
    monkeypatch.setitem(__import__("sys").modules, "tinycudann", tiny_cuda_emulation)
    assert TorchField(config, torch.device("cuda"))._tiny is not None
    assert TorchField(config)._tiny is None, "on the CPU there is none"
    slow = HashEncodingConfig(num_levels=4, log2_table_size=9, finest_resolution=32, time_resolution=8)
    other = dataclasses.replace(config, model=make_config(hash=slow))
    with pytest.warns(UserWarning, match="not used: config field hash.time_resolution"):
        assert TorchField(other, torch.device("cuda"))._tiny is None, "it has other numbers of nodes along time"


def test_a_broken_tinycudann_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.training.fields import tiny_cuda_emulation

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("built for another GPU")

    monkeypatch.setitem(__import__("sys").modules, "tinycudann", tiny_cuda_emulation)
    monkeypatch.setattr(tiny_cuda_emulation, "Encoding", refuse)
    config = TrainingConfig(model=make_config(), rays=RayConfig(step=0.05))
    with pytest.warns(UserWarning, match="installed but not used: built for another GPU"):
        assert TorchField(config, torch.device("cuda"))._tiny is None
