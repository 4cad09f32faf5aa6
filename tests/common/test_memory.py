"""Memory that is left to a process, and refusals before it is used up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from common import memory
from common.errors import InputError
from common.memory import available_memory, check_memory, return_free_memory
from tests.command_runs import ROOT


def test_a_container_has_less_than_its_machine(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    assert 0 < available_memory(tmp_path) <= total
    (tmp_path / "memory.max").write_text("1500\n")
    (tmp_path / "memory.current").write_text("500\n")
    assert available_memory(tmp_path) == 1000
    (tmp_path / "memory.current").write_text("1600\n")
    assert available_memory(tmp_path) == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert 0 < available_memory(tmp_path) <= total


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_the_limit_of_the_process_counts() -> None:
    program = (
        "import resource, psutil; from common.memory import available_memory; used = psutil.Process().memory_info().vms; "
        "resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2); print(available_memory())"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 32 << 20 < int(ended.stdout) <= 64 << 20


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2_000_000_000)
    check_memory(1.9e9, "the image")
    with pytest.raises(
        InputError, match=r"the image: needs about 6\.4 GB of memory, but only 2\.0 GB are available; take less"
    ):
        check_memory(6.4e9, "the image", "take less")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing has to be done")
def test_freed_blocks_between_used_ones_are_given_back() -> None:
    process, size, count = psutil.Process(), 60_000, 2000
    freed, kept = [], []
    for _ in range(count):
        freed.append(b"x" * size)
        kept.append(bytes(600))  # such a block between two others is what keeps the library from giving them back
    before = process.memory_info().rss
    freed.clear()
    return_free_memory()
    assert process.memory_info().rss < before - 0.8 * size * count
    assert len(kept) == count
