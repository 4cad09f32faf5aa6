"""`python -m training.inspect`, and the check before training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from model.run.video import read_run
from tests.command_runs import CommandRun, run_main
from tests.training.inspection.faults import copied, edit, knocked, rewrite
from tests.training.scenes import small_capture
from training.captures.opening import open_capture
from training.config import load_config
from training.inspect import main
from training.train import main as train


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied(small_capture(tmp_path), tmp_path / "capture")


def check(*arguments: object) -> CommandRun:
    return run_main(main, *arguments)


def in_meters(folder: Path) -> None:
    def scale(cams: dict[str, list[np.ndarray]], i: int) -> None:
        cams["T"][i] = cams["T"][i] / 1000

    edit(folder, scale)


def test_a_correct_capture_is_fine(folder: Path) -> None:
    run = check(folder)
    assert run.returncode == 0 and "fine (8 cameras, 8 frames" in run.stdout


@pytest.mark.slow
def test_json_has_findings_and_cameras(folder: Path) -> None:
    in_meters(folder)
    before = (folder / "meta.yaml").read_text()
    run = check(folder, "--json")
    assert (folder / "meta.yaml").read_text() == before
    values = json.loads(run.stdout)
    assert run.returncode == values["status"] == 3 and values["verdict"] == "suspicious"
    assert values["meta"] == {"camera_units": "m"} == values["findings"][0]["remedy"]
    assert values["findings"][0]["severity"] == "suspicious" and len(values["cameras"]) == 8
    measurement = values["findings"][0]["measurements"][0]
    assert measurement["after"] == pytest.approx(1000 * measurement["before"], rel=0.01)


@pytest.mark.slow
def test_fix_writes_what_the_text_says(folder: Path) -> None:
    in_meters(folder)
    before = (folder / "meta.yaml").read_text()
    run = check(folder, "--fix")
    assert run.returncode == 3 and "    camera_units: m" in run.stdout.splitlines()
    assert (folder / "meta.yaml").read_text() == before.rstrip("\n") + "\ncamera_units: m\n"
    assert check(folder).returncode == 0


@pytest.mark.slow
def test_a_moved_camera_is_shown_in_a_page_and_refined_after_fix(folder: Path, tmp_path: Path) -> None:
    knocked(5.0)(folder, np.random.default_rng(1))
    meta = folder / "meta.yaml"
    meta.write_text(meta.read_text().replace("name: tiny", "name: '<script>alert(1)</script>'"))
    assert check(folder, "--html", tmp_path / "page.html", "--fix").returncode == 3
    shows_everything_and_runs_nothing(tmp_path)
    is_refined(folder, tmp_path / "run")


@pytest.mark.parametrize(("name", "reason"), [("capture/meta.yaml", "is read by this command"), ("page.png", "contact sheet")])
def test_a_page_that_would_replace_another_file_is_refused(folder: Path, name: str, reason: str) -> None:
    before = (folder / "meta.yaml").read_bytes()
    run = check(folder, "--html", folder.parent / name)
    assert run.returncode == 2 and reason in run.stderr and run.stderr.count("\n") == 1
    assert (folder / "meta.yaml").read_bytes() == before and not (folder.parent / "page.png").exists()


def shows_everything_and_runs_nothing(tmp_path: Path) -> None:
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page and "http" not in page.replace("http-equiv", "")
    assert page.count("data:image/jpeg;base64,") == 8 + 8 * 5 and page.count("<svg") == 2 and "was moved after" in page
    with Image.open(tmp_path / "page.png") as sheet:
        assert sheet.width > 6 * 200 and sheet.height > 2 * 200


def is_refined(folder: Path, out: Path) -> None:
    entries = yaml.safe_load((folder / "meta.yaml").read_text())["cameras"]
    (name,) = entries
    assert entries[name]["refine"] == {"poses": True}
    run = train_briefly(folder, out, steps=4)
    assert run.returncode == 0 and f"refining the poses of {name}\n" in run.stderr
    capture, shown = open_capture(folder), read_run(out).video.metadata.cameras
    turned = [camera for camera, new in enumerate(shown) if not np.array_equal(new.R, capture.cameras[camera].R)]
    assert [capture.camera_names[camera] for camera in turned] == [name]


def test_a_missing_mask_is_named(folder: Path) -> None:
    masks = sorted((folder / "mask").rglob("*.png"))
    masks[11].unlink()
    run = check(folder)
    assert run.returncode == 3 and str(masks[11]) in run.stdout


def test_masks_of_nothing_are_unusable(folder: Path) -> None:
    rewrite(folder, "mask", lambda image: Image.fromarray(np.zeros_like(np.asarray(image))))
    run = check(folder)
    assert run.returncode == 2 and "UNUSABLE: The masks mark nothing" in run.stdout


def test_what_cannot_be_opened_is_unusable(tmp_path: Path) -> None:
    run = check(tmp_path)
    assert run.returncode == 2 and run.stderr.strip().splitlines()[-1].startswith("error: ")


def train_briefly(folder: Path, out: Path, *options: object, steps: int = 1) -> CommandRun:
    values = load_config("tiny").to_dict()
    values["data"] |= {"num_frames": 1}
    values["rays"]["rays_per_frame"] = 64
    config = out.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(json.loads(json.dumps(values))))
    return run_main(train, "--capture", folder, "--config", config, "--out", out, "--steps", steps, *options)


@pytest.mark.slow
def test_training_warns_of_a_suspicious_capture(folder: Path, tmp_path: Path) -> None:
    in_meters(folder)
    run = train_briefly(folder, tmp_path / "run")
    assert run.returncode == 0 and "warning: The cameras' translations T are in m." in run.stderr
    assert "training.inspect" in run.stderr
    unchecked = train_briefly(folder, tmp_path / "unchecked", "--no-check")
    assert unchecked.returncode == 0 and "warning" not in unchecked.stderr and "checking" not in unchecked.stderr


def test_training_refuses_an_unusable_capture(folder: Path, tmp_path: Path) -> None:
    rewrite(folder, "mask", lambda image: Image.fromarray(np.full_like(np.asarray(image), 255)))
    run = train_briefly(folder, tmp_path / "run")
    assert run.returncode == 2 and "is unusable: The masks cover 100 % of the images" in run.stderr
    assert "--no-check" in run.stderr
