"""Train and measure the rows of a plan, one after the other. What is finished is kept when the program is killed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from common.atomic import write_text
from common.documents import read_json
from common.errors import InputError
from common.yaml_documents import dump_yaml
from experiments.measure import Measured, measure, without_skipping
from experiments.plan import Job, Plan
from experiments.scenes import keep_scene
from experiments.table import config_path
from model.bundle.info import read_bundle, write_bundle
from training.config import load_config
from training.evaluation.views import Selection
from training.perceptual import PerceptualScores
from training.train import BUNDLE_NAME, make_parser, train


def job_folder(out: Path, job: Job) -> Path:
    """Return the folder with the results of a row for a capture."""
    return out / job.subject.name / job.row.name


def run_job(
    plan: Plan, job: Job, out: Path, perceptual: PerceptualScores, device: str = "cpu", threads: int | None = None
) -> int:
    """Train a row if its model is not there yet, and measure it if it has no result.

    A training that was interrupted continues from its checkpoint. Returns 0, or the status of an interrupted training.

    Raises:
        InputError: as `training.train` and `measure` do.
    """
    folder = job_folder(out, job)
    if (folder / "result.json").is_file():
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    run = out / job.subject.name / job.run / "run"
    config = write_config(plan, job, out)
    if not (run / BUNDLE_NAME).is_file():
        scene = keep_scene(job.subject, load_config(str(config)), out / job.subject.name, threads)
        if status := train(train_arguments(plan, job, out, run, config, scene, device, threads)):
            return status
    print(f"measuring {job.subject.name}/{job.row.name}", file=sys.stderr)
    scale = load_config(str(config)).data.image_scale
    measured = measure_job(job, run / BUNDLE_NAME, folder, scale, perceptual, threads, plan.processor_time)
    write_text(folder / "result.json", json.dumps(measured.to_dict(), indent=1))
    return 0


def write_config(plan: Plan, job: Job, out: Path) -> Path:
    """Write the training config of a job's run, with the settings of its capture, and return its path.

    The held-out view is not rendered while training: that would take time from the methods that render slowly.
    """
    subject = out / job.subject.name
    row = next(other.row for other in plan.jobs if other.row.name == job.run)
    path = subject / job.run / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"base": str(config_path(row, plan.preset)), "validation": {"every": 0.0}} | job.subject.config
    write_text(path, dump_yaml(settings))
    write_text(subject / "meta.yaml", dump_yaml(job.subject.meta))
    return path


def train_arguments(
    plan: Plan, job: Job, out: Path, run: Path, config: Path, scene: Path, device: str, threads: int | None
) -> Any:
    """Return the arguments of `training.train` for a job."""
    length = ["--steps", str(plan.steps)] if plan.minutes is None else ["--minutes", str(plan.minutes)]
    length += ["--processor-time"] if plan.processor_time and plan.minutes is not None else []
    options = ["--capture", str(job.subject.folder), "--config", str(config), "--out", str(run), *length]
    options += ["--seed", str(plan.seed), "--device", device, "--no-check", "--resume"]
    options += ["--scene", str(scene)]
    options += ["--meta", str(out / job.subject.name / "meta.yaml")]
    options += ["--layout", job.subject.layout] if job.subject.layout else []
    return make_parser().parse_args([*options, *(["--threads", str(threads)] if threads else [])])


def measure_job(
    job: Job,
    bundle: Path,
    folder: Path,
    scale: float,
    perceptual: PerceptualScores,
    threads: int | None,
    processor_time: bool = False,
) -> Measured:
    """Measure a job whose model is trained; raises as `measure` does."""
    video = read_bundle(bundle)
    if job.row.every_cell:
        bundle = folder / "every_cell.mlpvid"
        write_bundle(without_skipping(video), bundle, "float16")
        video = read_bundle(bundle)
    capture = job.subject.open()
    selection = Selection(capture.test_cameras, job.subject.frames, scale, outline=job.subject.outline)
    picture, size = folder / "rendered.png", bundle.stat().st_size
    return measure(video, capture, selection, perceptual, picture, size, threads, processor_time)


def read_result(out: Path, job: Job) -> Measured | None:
    """Return what was measured of a job, None if it has no result yet; raise InputError when the file is damaged."""
    path = job_folder(out, job) / "result.json"
    if not path.is_file():
        return None
    try:
        return Measured.from_dict(read_json(path))
    except (KeyError, TypeError) as error:
        raise InputError(path, "is damaged", "delete it, and the row is measured again") from error
