"""Two runs never write to one place, and locks of killed runs do not count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from common.errors import InputError
from common.locks import exclusive, lock_path
from tests.command_runs import ROOT


@pytest.mark.parametrize("name", ["a.mp4", "n" * 255, "ä" * 127, "b\udcec"])
def test_the_second_is_refused_with_process_and_time(name: str, tmp_path: Path) -> None:
    target = tmp_path / name
    with exclusive(target):
        since = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
        with pytest.raises(InputError, match=rf"process {os.getpid()} since {since}; wait"), exclusive(target):
            pass
        assert lock_path(target).exists(), "the refused one leaves the lock of the first"
        with exclusive(tmp_path / "other"):
            pass
    with exclusive(target):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "nonsense", "999999999 1.00 2020-01-01 00:00:00", "MINE 1.00 2020-01-01 00:00:00"])
def test_stale_locks_are_replaced(content: str, tmp_path: Path) -> None:
    lock_path(tmp_path / "a").write_text(content.replace("MINE", str(os.getpid())))  # a number that was given again
    with exclusive(tmp_path / "a"):
        assert str(psutil.Process().create_time())[:8] in lock_path(tmp_path / "a").read_text()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_no_lasting_lock(tmp_path: Path) -> None:
    program = (
        "import os; from pathlib import Path; from common.locks import exclusive\n"
        f"with exclusive(Path({str(tmp_path / 'a')!r})): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 9
    assert lock_path(tmp_path / "a").exists()
    with exclusive(tmp_path / "a"):
        pass


def test_faults_inside_release_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "a"):
        _ = 1 // 0
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "none" / "a", tmp_path / "file" / "a"):
        with pytest.raises(InputError, match="cannot be written"), exclusive(target):
            pass
