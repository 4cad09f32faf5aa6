"""Presets and config files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from common.errors import InputError
from model.config import ModelConfig
from training.config import TrainingConfig, load_config


def test_the_paper_preset_has_the_papers_values() -> None:
    config = load_config("paper")
    assert config.model == ModelConfig()
    rays, optimizer = config.rays, config.optimizer
    assert (rays.frames_per_step, rays.rays_per_frame, rays.views_per_frame, rays.samples_per_ray) == (8, 1024, 1, 64)
    assert (rays.foreground, rays.face, rays.region, rays.step) == (0.7, 0.1, "box", 0.0)
    assert (optimizer.decoder_rate, optimizer.table_rate) == (5e-4, 5e-3)
    assert optimizer.decay ** (400 * 500 / config.steps) == pytest.approx(0.1)  # 400 epochs of 500 steps
    assert (config.loss.mask, config.loss.kl, config.loss.optical_depth) == (0.1, 1e-6, 0.0)
    assert config.latents == "encoder" and config.data.boxes == "frame"


@pytest.mark.parametrize("name", ["paper", "small", "small30", "small_segments", "tiny"])
def test_presets_are_stored_without_loss(name: str) -> None:
    config = load_config(name)
    assert (
        TrainingConfig.from_dict(
            yaml.safe_load(yaml.safe_dump(config.to_dict() | {"model": None})) | {"model": config.model.to_dict()}
        )
        == config
    )


def test_a_file_fills_the_rest_with_defaults(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("rays: {step: 0.02}\nsteps: 7\n")
    config = load_config(str(tmp_path / "mine.yaml"))
    assert config.rays.step == 0.02 and config.steps == 7 and config.optimizer == TrainingConfig().optimizer


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stepz: 1", "unknown field 'stepz'"),
        ("rays: {foreground: 2.0}", "rays.foreground"),
        ("rays: {foreground: 0.7, face: 0.5}", "rays.face"),
        ("optimizer: {table_rate: .nan}", "optimizer.table_rate"),
        ("steps: many", "must be of type int"),
        ("steps: 0", "steps"),
        ("latents: guess", "latents"),
        ("model: {color_map_resolution: 3}", "color_map_resolution"),
        ("- 1", "must be a mapping"),
        ("a: [", "not valid YAML"),
        ("a: !!python/name:os.system", "not valid YAML"),
    ],
)
def test_faults_name_the_file_and_the_field(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=fault) as caught:
        load_config(str(tmp_path / "bad.yaml"))
    assert "bad.yaml" in str(caught.value)


def test_an_unknown_preset_lists_the_known() -> None:
    with pytest.raises(InputError, match="paper, small, small30, small_segments, tiny"):
        load_config("huge")


def test_a_file_changes_some_fields_of_its_base(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mine.yaml").write_text("base: small\nminutes: 20\nrays: {step: 0.02}\n")
    (tmp_path / "again.yaml").write_text("base: mine.yaml\nrays: {ramp: 0.5}\n")
    config, small = load_config(str(tmp_path / "again.yaml")), load_config("small")
    changed = dataclasses.replace(small.rays, step=0.02, ramp=0.5)
    assert config == dataclasses.replace(small, minutes=20.0, rays=changed)
    assert not caplog.records


def test_a_file_without_base_warns_that_it_trains_the_papers_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mine.yaml").write_text("minutes: 20.0\n")
    assert load_config(str(tmp_path / "mine.yaml")).model == ModelConfig()
    assert "base: small" in caplog.text and "mine.yaml" in caplog.text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("base: bad.yaml", "build on one another"),
        ("base: missing", "missing: is neither a preset nor a file"),
        ("base: 3", "base must be"),
        ("base: small\nmodel: {hash: {num_levels: 99}}", "bad.yaml: config.model.hash.num_levels"),
        ("base: small\nrays: 3", "rays: must be a mapping"),
    ],
)
def test_faults_of_a_base_are_named(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=fault):
        load_config(str(tmp_path / "bad.yaml"))
