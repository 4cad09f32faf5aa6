"""What is learned about cameras: gradients against finite differences, and captures with one wrong camera."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch.nn import functional

from common.errors import InputError
from model.config import HashEncodingConfig
from model.hash_encoding import HashEncoding
from model.run.cameras import moved_cameras
from model.run.video import read_run
from tests.training.loop.shared_scene import with_single_points
from tests.training.scenes import BALL_CENTER, ball_capture
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.config import RefineConfig, TrainingConfig, load_config
from training.fields.field import TrainingFrame
from training.fields.moved_rays import render_moved_rays
from training.fields.samples import RayBatch, SamplingRegion
from training.loop.assemble import assemble_run
from training.loop.camera_refinement import CameraRefinement, Corrections, rotation_matrices
from training.loop.network import Network
from training.loop.refined_step import time_gradient
from training.loop.scene import Scene, build_scene, prepare_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

DOUBLE = torch.float64
BOX = torch.tensor([[-1.0] * 3, [1.0, 1.5, 1.2]], dtype=DOUBLE)
WHOLE_BOX = SamplingRegion(BOX, BOX, None)
EVERYTHING = RefineConfig(colors=True, poses=True, times=True, start=0.0)


def corrections(cameras: int, **given: torch.Tensor) -> Corrections:
    vectors = {name: torch.zeros(cameras, 3, dtype=DOUBLE) for name in ("log_gains", "offsets", "turns", "shifts")}
    return Corrections(**(vectors | {"times": torch.zeros(cameras, dtype=DOUBLE)} | given))


def small_config(**refine: object) -> TrainingConfig:
    config = with_single_points(load_config("tiny"))
    rays = dataclasses.replace(config.rays, rays_per_frame=128, frames_per_step=1)
    data = dataclasses.replace(config.data, hull_resolution=32, hull_margin=2.0)
    return dataclasses.replace(config, rays=rays, data=data, steps=200, refine=RefineConfig(**refine))  # type: ignore[arg-type]


def trained(
    capture: Capture, config: TrainingConfig, steps: int, native: bool | None = None, scene: Scene | None = None
) -> Trainer:
    with worker_pool(2) as pool:
        trainer = Trainer(capture, config, 3, scene or build_scene(capture, config.data, pool), pool, native)
        for _ in range(steps):
            trainer.advance()
    return trainer


def write_meta(folder: Path, **entries: object) -> Capture:
    values = {"pixel_center": 0.5, "test_cameras": [1]} | entries
    (folder / "meta.yaml").write_text(yaml.safe_dump(values))
    return open_capture(folder)


def test_rotations_equal_those_of_opencv_and_have_right_gradients() -> None:
    turns = torch.randn(5, 3, dtype=DOUBLE)
    expected = np.stack([cv2.Rodrigues(turn)[0] for turn in turns.numpy()])
    assert np.abs(rotation_matrices(turns).numpy() - expected).max() < 1e-12
    for start in (turns, torch.zeros(2, 3, dtype=DOUBLE)):
        assert torch.autograd.gradcheck(rotation_matrices, start.clone().requires_grad_())


def test_colors_are_corrected_by_hand_and_back() -> None:
    gains = torch.tensor([[0.0, 0.0, 0.0], [np.log(2.0), 0.0, np.log(0.5)]], dtype=DOUBLE)
    learned = corrections(2, log_gains=gains, offsets=torch.tensor([[0.0] * 3, [0.1, 0.0, 0.2]], dtype=DOUBLE))
    rendered = torch.tensor([[0.2, 0.4, 0.6]] * 2, dtype=DOUBLE)
    opacity, view = torch.tensor([1.0, 0.5], dtype=DOUBLE), torch.tensor([0, 1])
    recorded = learned.color(rendered, opacity, view)
    assert torch.allclose(recorded, torch.tensor([[0.2, 0.4, 0.6], [0.45, 0.4, 0.4]], dtype=DOUBLE))
    assert torch.allclose(learned.common_color(recorded, opacity, view), rendered)


def test_gradients_of_colors() -> None:
    view = torch.randint(0, 3, (7,))

    def colors(gains: torch.Tensor, offsets: torch.Tensor, rendered: torch.Tensor, opacity: torch.Tensor) -> torch.Tensor:
        return corrections(3, log_gains=gains, offsets=offsets).color(rendered, opacity, view)

    inputs = [torch.rand(*shape, dtype=DOUBLE, requires_grad=True) for shape in ((3, 3), (3, 3), (7, 3), (7,))]
    assert torch.autograd.gradcheck(colors, inputs)


def random_frame(config: TrainingConfig) -> TrainingFrame:
    """A frame with density and color everywhere, in float64."""
    network = Network(config, 4).double()
    torch.nn.init.uniform_(network.hash_encoding.tables, -0.1, 0.1)
    latent = torch.randn(1, config.model.decoder.latent_channels, dtype=DOUBLE)
    features, densities, colors = (m[0].detach() for m in network.decoder(latent))
    coarse = torch.rand(2, 3, 32, 5, 5, dtype=DOUBLE)
    smooth = [
        functional.interpolate(c, m.shape[-2:], mode="bilinear") for c, m in zip(coarse, (features, densities), strict=True)
    ]
    return TrainingFrame((smooth[0], smooth[1] * 0.3, 0.2 * torch.randn_like(colors)), network.hash_encoding, 0.4)


def random_rays(count: int) -> RayBatch:
    """Rays that start inside the box, so that the distances of their samples do not depend on the pose."""
    directions = functional.normalize(torch.randn(count, 3, dtype=DOUBLE), dim=1)
    origins = torch.rand(count, 3, dtype=DOUBLE) * 0.2
    return RayBatch(origins, directions, directions, torch.rand(count, 3, dtype=DOUBLE), torch.ones(count, dtype=DOUBLE))


@pytest.mark.parametrize("assignment", ["nearest", "bilinear"])
def test_gradients_of_turns_and_shifts(assignment: Literal["nearest", "bilinear"]) -> None:
    config = small_config()
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, assignment=assignment))
    torch.manual_seed(0)
    frame, rays = random_frame(config), random_rays(20)
    view = torch.randint(0, 2, (20,))

    def loss(turns: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        moved = corrections(2, turns=turns, shifts=shifts).move(rays, view)
        seen = render_moved_rays(config, frame, moved, WHOLE_BOX, 7)
        return (seen.color - rays.colors).square().sum() + seen.opacity.sum() + seen.moments.sum()

    start = [0.01 * torch.randn(2, 3, dtype=DOUBLE) for _ in range(2)]
    leaves = [x.clone().requires_grad_() for x in start]
    found = torch.cat(torch.autograd.grad(loss(*leaves), leaves)).flatten()
    expected, h = torch.zeros(12, dtype=DOUBLE), 1e-6
    for index in range(12):
        step = torch.zeros(12, dtype=DOUBLE)
        step[index] = h
        parts = step.view(2, 2, 3)
        higher, lower = (loss(start[0] + s * parts[0], start[1] + s * parts[1]) for s in (1, -1))
        expected[index] = (higher - lower) / (2 * h)
    assert expected.abs().min() > 1e-3
    assert torch.allclose(found, expected, rtol=2e-4, atol=1e-4)


def test_gradient_of_time_through_baked_grids() -> None:
    encoding = HashEncoding(HashEncodingConfig(3, 2, 8, 4, 16, 5)).double()
    torch.nn.init.uniform_(encoding.tables, -1, 1)
    offset = torch.tensor([0.3], dtype=DOUBLE, requires_grad=True)
    nodes = sum(level.resolution**2 for level in encoding.levels)
    gradient = torch.randn(3, nodes, 2, dtype=DOUBLE)

    @torch.no_grad()
    def value(offset: float) -> float:
        levels = [level.permute(0, 2, 3, 1).flatten(1, 2) for level in encoding.bake((3 + offset) / 7)]
        return float((torch.cat(levels, dim=1) * gradient).sum())

    found = time_gradient(encoding, (3 + offset[0]) / 7, gradient, offset)
    assert float(found) == pytest.approx((value(0.3 + 1e-6) - value(0.3 - 1e-6)) / 2e-6, rel=1e-6)


def test_only_shown_cameras_move_and_the_mean_stays(tmp_path: Path) -> None:
    capture = write_meta(ball_capture(tmp_path), cameras={"0": {"refine": {"poses": True}}})
    one = CameraRefinement.of_capture(capture, RefineConfig(start=0.0), BALL_CENTER)
    one.step(torch.ones_like(one.values), 1.0, 0.0)
    turns = one.corrections().turns
    assert torch.allclose(turns[0], torch.full((3,), -1e-4)) and not turns[1:].any()
    everyone = CameraRefinement.of_capture(capture, EVERYTHING, BALL_CENTER)
    gradient = torch.randn_like(everyone.values)
    gradient[2] = 0
    for _ in range(3):
        everyone.step(gradient, 1.0, 0.0)
    assert (everyone.scale * everyone.values).mean(0).abs().max() < 1e-15
    assert not everyone.steps[2].any() and (everyone.steps[0] == 3).all()


def test_the_prior_is_the_gradient_of_squared_corrections(tmp_path: Path) -> None:
    refinement = CameraRefinement.of_capture(open_capture(ball_capture(tmp_path)), EVERYTHING, BALL_CENTER)
    values = torch.randn_like(refinement.values).requires_grad_()
    loss = 0.7 * (refinement.scale * values / refinement.tolerance).square().sum()
    loss.backward()
    refinement.values.copy_(values.detach())
    assert values.grad is not None and torch.allclose(refinement.prior_gradient(0.7), values.grad)


@pytest.mark.slow
def test_a_turned_camera_turns_back() -> None:
    config = small_config()
    torch.manual_seed(1)
    frame, rays, view = random_frame(config), random_rays(200), torch.zeros(200, dtype=torch.int64)
    turn = torch.tensor([[0.03, -0.02, 0.01]], dtype=DOUBLE)
    truth = render_moved_rays(config, frame, corrections(1, turns=turn).move(rays, view), WHOLE_BOX, 99).color.detach()
    refinement = CameraRefinement(2)
    refinement.scale[0, 6:9] = 2e-3
    for step in range(40):
        values = refinement.values.clone().requires_grad_()
        moved = refinement.corrections(values).move(rays, view)
        color = render_moved_rays(config, frame, moved, WHOLE_BOX, step).color
        (gradient,) = torch.autograd.grad((color - truth).square().mean(), values)
        refinement.step(gradient, 0.9**step + 0.1, 0.0)
    assert (refinement.corrections().turns[0] - turn[0]).norm() < 0.3 * turn.norm()


@pytest.mark.slow
def test_a_darker_camera_gets_its_gain(tmp_path: Path) -> None:
    folder = ball_capture(tmp_path, frames=1)
    for file in (folder / "images" / "03").iterdir():
        Image.fromarray((np.asarray(Image.open(file)) * 0.8).astype(np.uint8)).save(file)
    capture = write_meta(folder, cameras={"3": {"refine": {"colors": True}}})
    trainer = trained(capture, small_config(color_rate=3e-2, start=0.2), 200)
    assert trainer.refinement is not None
    learned, row = trainer.refinement.corrections(), capture.train_cameras.index(3)
    assert (learned.color(torch.full((1, 3), 0.5), torch.ones(1), torch.tensor([row])) < 0.47).all()
    assert not learned.log_gains[torch.arange(5) != row].any()


@pytest.mark.slow
def test_rays_are_not_drawn_by_error_while_cameras_are_refined(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The preset `small` draws rays by error, and any config with it can refine cameras."""
    capture = write_meta(ball_capture(tmp_path, frames=1), cameras={"4": {"refine": {"poses": True}}})
    plain = small_config()
    by_error = dataclasses.replace(plain, rays=dataclasses.replace(plain.rays, by_error=0.5, by_error_from=0.0))
    states = [trained(capture, config, 2).network.state_dict() for config in (plain, by_error)]
    assert caplog.text.count("rays.by_error is not used") == 1
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.slow
@pytest.mark.parametrize("native", [True, False])
def test_a_resumed_refinement_equals_an_uninterrupted_one_and_is_exported(tmp_path: Path, native: bool) -> None:
    capture = write_meta(ball_capture(tmp_path / "capture"), cameras={"4": {"frame_fraction": 0.3}})
    run = tmp_path / "run"
    run.mkdir()
    config = small_config(**dataclasses.asdict(EVERYTHING))
    with worker_pool(1) as pool:
        scene = prepare_scene(capture, config.data, run, pool, False)
        whole = trained(capture, config, 4, native, scene)
        trained(capture, config, 2, native, scene).save(run)
        trainer = Trainer(capture, config, 3, scene, pool, native)
        trainer.load(run)
        for _ in range(2):
            trainer.advance()
    assert whole.refinement is not None and trainer.refinement is not None
    for name, value in whole.refinement.state_dict().items():
        assert torch.equal(value, trainer.refinement.state_dict()[name]), name
    trainer.save(run)
    cameras = assemble_run(run).metadata.cameras
    learned, posed = trainer.refinement.corrections(), trainer.refinement.posed
    own = trainer.refinement.cameras[posed].tolist()
    moved = moved_cameras(capture.cameras, own, learned.turns[posed], learned.shifts[posed])
    shown = read_run(run).video.metadata.cameras  # what the viewer shows
    for got in (cameras, shown):
        assert all(np.allclose(a.R, b.R) and np.allclose(a.T, b.T) for a, b in zip(got, moved, strict=True))
    assert not np.allclose(cameras[0].R, capture.cameras[0].R)
    assert np.array_equal(cameras[1].R, capture.cameras[1].R)  # held out
    plain = Trainer(capture := write_meta(tmp_path / "capture"), small_config(), 3, trainer.scene, pool, native)
    plain.config = config
    with pytest.raises(InputError, match="with refining cameras"):
        plain.load(run)
