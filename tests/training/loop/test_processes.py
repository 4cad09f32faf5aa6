"""Two processes that train together: the numbers are those of one process, one of them prints, and all end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from common.errors import InputError
from tests.command_runs import run_main
from tests.training.loop.copies import start
from tests.training.loop.one_of_two import STEPS, train
from tests.training.scenes import ball_capture, small_capture
from training.loop.checkpoint import read_header
from training.loop.processes import ALONE, Processes
from training.loop.sum_rows import sends_rows
from training.train import main

CONFIG = """base: tiny
data: {num_frames: 3, hull_resolution: 32}
rays: {rays_per_frame: 64, frames_per_step: 3, prune_every: 0.5}
model: {occupancy: {subgrid: 1}}
steps: 4
half_resolution: 0.5
optimizer: {decoder: adam}
"""
"""Muon makes directions of a gradient that are only rounding as large as others; `test_two_processes_with_muon` is about it."""

SHORT = "base: tiny\ndata: {hull_resolution: 16}\nrays: {rays_per_frame: 16}\nmodel: {occupancy: {subgrid: 1}}\n"


TOGETHER = pytest.mark.xdist_group("two processes")
"""Tests of what the same processes leave: another test process would start them again."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each of the two processes leaves, and then one process alone."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "config.yaml").write_text(CONFIG)
    capture = str(small_capture(folder))
    config = str(folder / "config.yaml")
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    errors = [folder / f"{rank}.txt" for rank in range(2)]
    function, arguments = "tests.training.loop.one_of_two:main", (capture, config, str(folder))
    runs = [start(function, *arguments, errors=errors[i], RANK=str(i), LOCAL_RANK=str(i), **common) for i in range(2)]
    for run, printed in zip(runs, errors, strict=True):
        run.join(300)
        assert run.exitcode == 0, printed.read_text()
    alone = train(capture, config, ALONE)
    return [*(torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)), alone]


@TOGETHER
@pytest.mark.slow
@pytest.mark.parametrize("field", ["native", "fixed", "torch"])
def test_two_processes_give_the_numbers_of_one(left: list[Any], field: str) -> None:
    first, second, alone = (run[field] for run in left)
    assert torch.tensor(first["numbers"]).shape == (STEPS, 3, 3)
    assert first["numbers"] == second["numbers"]
    torch.testing.assert_close(torch.tensor(first["numbers"]), torch.tensor(alone["numbers"]), rtol=1e-3, atol=1e-5)
    for name, wanted in alone["network"].items():
        assert torch.equal(first["network"][name], second["network"][name]), "the processes have moved apart"
        torch.testing.assert_close(first["network"][name], wanted, rtol=1e-3, atol=1e-4)
    assert torch.equal(first["cells"], second["cells"])
    different = (first["cells"] != alone["cells"]).float().mean()
    assert different < 1e-3 and alone["cells"].any(), "the occupancy grids are not those of all frames"
    assert first["seconds"] == second["seconds"]
    if field == "torch":
        assert torch.equal(first["gains"], second["gains"]) and alone["gains"].any()
        torch.testing.assert_close(first["gains"], alone["gains"], rtol=1e-2, atol=1e-5)


@TOGETHER
@pytest.mark.slow
def test_two_processes_with_muon_stay_together_and_learn_what_one_learns(left: list[Any]) -> None:
    first, second, alone = (run["muon"] for run in left)
    assert first["numbers"] == second["numbers"]
    torch.testing.assert_close(torch.tensor(first["numbers"]), torch.tensor(alone["numbers"]), rtol=1e-2, atol=1e-4)
    for name, wanted in alone["network"].items():
        assert torch.equal(first["network"][name], second["network"][name]), "the processes have moved apart"
        difference = (first["network"][name] - wanted).square().mean().sqrt()
        assert difference <= 1e-2 * wanted.square().mean().sqrt() + 1e-5, name


@TOGETHER
@pytest.mark.slow
def test_gradients_of_tables_are_summed_whatever_is_sent(left: list[Any]) -> None:
    first, second = (run["sums"] for run in left[:2])
    for name in ("few", "most", "none"):
        torch.testing.assert_close(first[name], first[f"{name} own"] + second[f"{name} own"])
        assert torch.equal(first[name], second[name])


def test_single_rows_are_sent_if_they_are_few() -> None:
    # Two processes, 300 rows of 4: all of them are 2 * 300 * 4 / 2 = 1200 numbers, each single one is 5.
    assert sends_rows(239, 2, 300, 4) and not sends_rows(240, 2, 300, 4)
    # Four processes: 2 * 3 * 1200 / 4 = 1800 numbers against 15 for each.
    assert sends_rows(119, 4, 300, 4) and not sends_rows(120, 4, 300, 4)


@TOGETHER
@pytest.mark.slow
def test_an_error_of_one_process_is_raised_by_all(left: list[Any]) -> None:
    assert [run["failure"] for run in left[:2]] == ["image.png: is damaged; copy it again"] * 2


@TOGETHER
@pytest.mark.slow
def test_trainings_start_without_pytorchs_compiler(left: list[Any]) -> None:
    """Its import takes three seconds of processor time. The classes of `torch.optim` begin it."""
    assert [run["compiler"] for run in left[:2]] == [False, False]


def test_frames_and_cores_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [Processes(rank, 3).share_of(range(8)) for rank in range(3)] == [[0, 3, 6], [1, 4, 7], [2, 5]]
    monkeypatch.setattr("training.loop.processes.available_cores", lambda: 8)
    assert [Processes(0, 6, 0, local).cores() for local in (1, 3, 16)] == [8, 2, 1]
    with pytest.raises(InputError, match="are 2 frames, too few for 3 processes"):
        Processes(0, 3).check_frames(2)


def test_the_first_living_process_speaks() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    host, own = socket.gethostname(), os.getpid()
    assert Processes(1, 2, peers=((host, ended.pid), (host, own))).speaks
    assert not Processes(1, 2, peers=((host, own), (host, own))).speaks
    assert Processes(1, 2, peers=(("elsewhere", own), (host, own))).speaks
    assert Processes(0, 2, peers=((host, own), (host, ended.pid))).speaks


def wait_for(condition: Callable[[], object], run: BaseProcess, errors: Path) -> None:
    deadline = time.monotonic() + 200
    while not condition():
        assert run.is_alive(), errors.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def messages(run: BaseProcess, errors: Path) -> str:
    """Wait until a process ends, and return what it and those that it started printed."""
    run.join(120)
    assert not run.is_alive()
    return errors.read_text()


def lines(errors: str, *starts: str) -> list[str]:
    return [line for line in errors.splitlines() if line.startswith(starts)]


@TOGETHER
@pytest.mark.slow
def test_torchrun_ends_as_one_and_continues(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(SHORT + "checkpoint_minutes: 0.01\nsteps: 100000\n")
    capture, out = ball_capture(tmp_path / "ball", frames=2, size=32), tmp_path / "run"
    arguments = ["--capture", str(capture), "--config", str(tmp_path / "short.yaml"), "--out", str(out), "--no-check"]
    torchrun = ["--nproc-per-node", "2", "--master-port", str(free_port()), "-m", "training.train", *arguments]
    checkpoint, errors = out / "checkpoint.safetensors", tmp_path / "errors.txt"

    run = start("tests.training.loop.copies:run_torchrun", *torchrun, errors=errors)
    wait_for(checkpoint.is_file, run, errors)
    assert run.pid is not None
    os.kill(run.pid, signal.SIGINT)
    printed = messages(run, errors)
    step = read_header(out).step
    said = lines(printed, "interrupted", "error: ")
    assert said == [f"interrupted at step {step}; --resume continues"], printed
    assert len(lines(printed, "training ball")) == 1, "more than one process prints"

    run = start("tests.training.loop.copies:run_torchrun", *torchrun, "--resume", errors=errors)
    wait_for(lambda: read_header(out).step > step, run, errors)
    workers = sorted(psutil.Process(run.pid).children(), key=lambda process: process.create_time())
    workers[1].kill()
    printed = messages(run, errors)
    assert len(workers) == 2 and lines(printed, "interrupted", "error: ") == [
        "error: training: another process of this run has ended; start all of them again with --resume"
    ], printed
    names = {path.name for path in out.iterdir()}
    written = {"checkpoint.safetensors", "scene.safetensors", "config.yaml", "log.jsonl", "views"}
    assert names == written, "something is half-written"

    after = read_header(out).step
    ended = run_main(main, *arguments, "--steps", after + 1, "--resume")
    assert ended.returncode == 0 and (out / "video.mlpvid").is_file(), ended.stderr
