"""A training of a tiny capture that is continued for one step, and what a fault may do to it."""

from __future__ import annotations

from pathlib import Path

from common.errors import InputError
from common.yaml_documents import dump_yaml
from model.bundle.read import open_checked
from tests.command_runs import CommandRun, run_main
from tests.training.loop.test_checkpoint import make_config
from tests.training.scenes import ball_capture
from training import train
from training.loop.checkpoint import read_header


def prepare_training(folder: Path) -> None:
    """Write the capture, the config and a run of one step."""
    ball_capture(folder / "capture", frames=2)
    config = make_config().to_dict() | {"half_resolution": 0.0}
    (folder / "config.yaml").write_text(dump_yaml(config | {"rays": config["rays"] | {"frames_per_step": 2}}))
    run = _train(folder, folder / "run", 1)
    assert run.returncode == 0, run.stderr


def continue_training(folder: Path, run: Path) -> CommandRun:
    """Continue the run until its second step."""
    return _train(folder, run, 2)


def wrong_run(folder: Path, run: Path, ended: CommandRun) -> str:
    """Return what is wrong after a fault: the checkpoint is that of the first or the second step, and a second try succeeds."""
    try:
        step = read_header(run).step
    except InputError as error:
        return str(error)
    if step not in ((2,) if ended.returncode == 0 else (1, 2)):
        return f"status {ended.returncode} does not fit a checkpoint of step {step}"
    again = continue_training(folder, run)
    if again.returncode or read_header(run).step != 2:
        return f"it does not continue: {again.stderr[-500:]}"
    open_checked(run / train.BUNDLE_NAME)
    left = sorted({path.name for path in run.rglob("*")} - {path.name for path in (folder / "run").rglob("*")})
    beside = [path.name for path in run.parent.iterdir() if path != run]
    return f"it left {left + beside}" if left or beside else ""


def _train(folder: Path, run: Path, steps: int) -> CommandRun:
    options = ("--steps", steps, "--threads", 1, "--no-check", "--resume")
    return run_main(train.main, "--capture", folder / "capture", "--config", folder / "config.yaml", "--out", run, *options)
