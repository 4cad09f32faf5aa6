"""Writers that are killed leave whole files: a few kills; `python -m tests.injection.kills` does 200 of each writer."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs fork", allow_module_level=True)

from tests.command_runs import run_python
from tests.injection.kills import kill_often
from tests.injection.writers import WRITERS, Writer

KILLS = 4
"""Kills per writer."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["settings", "workspace", "screenshot"])
def test_killed_writers_leave_whole_files_and_nothing_else(name: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    outcome = kill_often(WRITERS[name], KILLS, seed, tmp_path)
    assert not outcome.faults, f"seed {seed}: {outcome.faults}"
    assert outcome.moments.total() == KILLS


@pytest.mark.slow
def test_killed_exports_and_recordings_leave_whole_files(tmp_path: Path) -> None:
    """Run the command once for both. A fork of this process would lack the threads that other tests have started."""
    seed = random.SystemRandom().randrange(1 << 31)
    writers = ("--writer=export", "--writer=recording")
    run = run_python("-m", "tests.injection.kills", *writers, "--count", 2, "--seed", seed, folder=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert [line.partition(":")[2][:18] for line in run.stdout.splitlines()] == [" 2 kills, 0 faults"] * 2


@pytest.mark.slow
def test_a_half_written_file_is_found(tmp_path: Path) -> None:
    def write(size: int, out: Path) -> None:
        with out.open("wb") as file:
            for _ in range(size):
                file.write(b"x")
                file.flush()
                os.fsync(file.fileno())

    def check(out: Path) -> None:
        assert out.stat().st_size == 200

    assert kill_often(Writer(lambda _: 200, write, check, "out"), 10, 1, tmp_path).faults
