"""Writers that are killed leave whole files: a few kills; `python -m tests.injection.kills` does 200 of each writer."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs fork", allow_module_level=True)

from tests.injection.kills import kill_often
from tests.injection.writers import WRITERS, Writer

KILLS = {"settings": 4, "workspace": 4, "screenshot": 4, "download": 4, "export": 2, "recording": 2}
"""Kills per writer. Exports and recordings take a second of processor time per kill."""


@pytest.mark.slow
@pytest.mark.parametrize("name", list(KILLS))
def test_killed_writers_leave_whole_files_and_nothing_else(name: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    _, faults = kill_often(WRITERS[name], KILLS[name], seed, tmp_path)
    assert not faults, f"seed {seed}: {faults}"


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

    _, faults = kill_often(Writer(lambda _: 200, write, check, "out"), 10, 1, tmp_path)
    assert faults
