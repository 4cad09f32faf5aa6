"""Two runs never write to one place, and locks of killed runs do not count."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from common.errors import InputError
from common.locks import exclusive, is_locked, lock_path
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


@pytest.mark.parametrize(
    "content",
    [
        "",
        "nonsense",
        "999999999 1.00 2020-01-01 00:00:00",
        "MINE 1.00 2020-01-01 00:00:00",
        "MINE 1.00 2020-01-01 00:00:00 HERE",
    ],
)
def test_stale_locks_are_replaced(content: str, tmp_path: Path) -> None:
    content = content.replace("MINE", str(os.getpid()))  # a number that was given again
    lock_path(tmp_path / "a").write_text(content.replace("HERE", platform.node()))
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


def test_temporary_files_of_killed_runs_are_removed_when_the_target_is_complete(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from common.locks import exclusive\n"
        f"with exclusive(Path({str(tmp_path / 'a')!r})) as lock:\n"
        f"    lock.note(Path({str(tmp_path)!r}) / sys.argv[1]); (Path({str(tmp_path)!r}) / sys.argv[1]).touch(); os._exit(9)"
    )
    for name in ("a.partial", "ä\udcff"):
        subprocess.run([sys.executable, "-c", program, name], cwd=ROOT, check=False)
    (tmp_path / "a.partial-2").touch()  # of somebody else
    with exclusive(tmp_path / "a") as lock:
        assert (tmp_path / "a.partial").exists(), "it may be of use until there is a better one"
        lock.remove_leftovers()
    assert [path.name for path in tmp_path.iterdir()] == ["a.partial-2"]


@pytest.mark.parametrize("name", ["../outside", "..", "", "sub/file"])
def test_a_lock_cannot_name_files_of_other_folders(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for file in (tmp_path / "outside", folder / "sub" / "file"):
        file.touch()
    lock_path(folder / "a").write_text(f"999999999 1.00 2020-01-01 00:00:00\n{name}")
    with exclusive(folder / "a") as lock:
        lock.remove_leftovers()
    assert (tmp_path / "outside").exists() and (folder / "sub" / "file").exists()


def test_whether_a_target_is_being_written(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "a")
    with exclusive(tmp_path / "a"):
        assert is_locked(tmp_path / "a") and not is_locked(tmp_path / "b")
    lock_path(tmp_path / "a").write_text("999999999 1.00 2020-01-01 00:00:00")
    assert not is_locked(tmp_path / "a")


@pytest.mark.parametrize("process", ["MINE", "999999999"])
def test_a_lock_of_another_machine_counts_whatever_its_number_means_here(process: str, tmp_path: Path) -> None:
    content = f"{process.replace('MINE', str(os.getpid()))} 1.00 2020-01-01 00:00:00 elsewhere"
    target, lock = tmp_path / "a.mp4", lock_path(tmp_path / "a.mp4")
    lock.write_text(f"{content}\na.partial.mp4")
    assert is_locked(target)
    with pytest.raises(InputError) as refused, exclusive(target):
        pass
    text = str(refused.value)
    assert (
        "on elsewhere since 2020-01-01 00:00:00" in text and f"if elsewhere no longer runs it, remove the file {lock}" in text
    )
    assert lock.read_text().startswith(content), "it is left as it is"
    lock.unlink()
    with exclusive(target):
        pass


def test_locks_name_this_machine_even_if_its_name_has_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "Anna's PC")
    with exclusive(tmp_path / "a"):
        assert lock_path(tmp_path / "a").read_text().endswith(" Anna's PC")
        with pytest.raises(InputError, match=rf"by process {os.getpid()} since"), exclusive(tmp_path / "a"):
            pass
        monkeypatch.setattr(platform, "node", lambda: "other")
        with pytest.raises(InputError, match=rf"by process {os.getpid()} on Anna's PC since"), exclusive(tmp_path / "a"):
            pass


def test_without_a_name_of_the_machine_locks_work_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "")
    with exclusive(tmp_path / "a"), pytest.raises(InputError, match="wait until it ends, or"), exclusive(tmp_path / "a"):
        pass
    lock_path(tmp_path / "a").write_text("999999999 1.00 2020-01-01 00:00:00 ")
    assert not is_locked(tmp_path / "a")
