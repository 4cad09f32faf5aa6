"""Two runs never write to one place, and locks of killed runs do not count."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from common import kernel_locks, locks
from common.errors import InputError
from common.locks import exclusive, is_locked, lock_path
from tests.command_runs import ROOT
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse soon what this process holds itself: nothing changes in the pauses."""
    monkeypatch.setattr(locks, "_PAUSE", 0.001)


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


def test_of_two_that_find_an_old_lock_one_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, read, held = tmp_path / "a", locks._holder, list[str]()
    lock_path(target).write_text("999999999 1.00 2020-01-01 00:00:00")

    def attempt(name: str) -> None:
        with contextlib.suppress(InputError):
            stack.enter_context(exclusive(target))
            held.append(name)

    def overtaken(lines: list[bytes]) -> object:
        monkeypatch.setattr(locks, "_holder", read)
        attempt("second")  # when the first has found that the lock is old, but has not acted yet
        return read(lines)

    monkeypatch.setattr(locks, "_holder", overtaken)
    with contextlib.ExitStack() as stack:
        attempt("first")
        assert len(held) == 1
    assert list(tmp_path.iterdir()) == []


CONTENDER = """
import contextlib, os, sys, time
from pathlib import Path
from common.errors import InputError
from common.locks import exclusive

folder = Path(sys.argv[1])
(folder / f"ready-{os.getpid()}").touch()
while not (folder / "go").exists():
    time.sleep(0.001)
for target in [folder / f"{number}" for number in range(100)]:
    with contextlib.suppress(InputError), exclusive(target):
        inside = folder / f"inside-{target.name}"
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails if another one is inside
        time.sleep(0.001)
        os.unlink(inside)
"""


@pytest.mark.slow
def test_many_processes_that_find_old_locks(tmp_path: Path) -> None:
    for number in range(100):
        lock_path(tmp_path / f"{number}").write_text("999999999 1.00 2020-01-01 00:00:00")
    command = [sys.executable, "-c", CONTENDER, str(tmp_path)]
    racing = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    try:
        wait_until(lambda: len(list(tmp_path.glob("ready-*"))) == len(racing) or any(run.poll() is not None for run in racing))
        (tmp_path / "go").touch()
        for run in racing:
            messages = run.communicate()[1]
            assert run.returncode == 0, messages
    finally:
        for run in racing:
            run.kill()
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"ready", "go"}


def test_a_lock_counts_when_the_clock_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = psutil.Process.create_time
    with exclusive(tmp_path / "a"):  # the system derives the start of a process from its clock
        monkeypatch.setattr(psutil.Process, "create_time", lambda process: started(process) + 1.0)
        assert is_locked(tmp_path / "a")
        with pytest.raises(InputError, match=rf"process {os.getpid()} since"), exclusive(tmp_path / "a"):
            pass
    with exclusive(tmp_path / "a"):
        pass


def test_a_lock_counts_under_all_names_of_the_target(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.mp4").touch()
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "b.mp4").symlink_to(tmp_path / "folder" / "a.mp4")
    names = [tmp_path / name for name in ("real/a.mp4", "folder/a.mp4", "b.mp4")]
    names.append(Path(os.path.relpath(names[0])))
    for held in names:
        with exclusive(held):
            for name in names:
                assert is_locked(name)
                with pytest.raises(InputError, match="being written"), exclusive(name):
                    pass


def test_without_locks_of_the_system_the_process_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(descriptor: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(kernel_locks, "_lock", unsupported)
    with exclusive(tmp_path / "a"):
        with pytest.raises(InputError, match=rf"process {os.getpid()} since"), exclusive(tmp_path / "a"):
            pass
        assert is_locked(tmp_path / "a")
    lock_path(tmp_path / "a").write_text("999999999 1.00 2020-01-01 00:00:00")
    with exclusive(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_stands_in_the_place_of_a_lock_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("important")
    lock_path(tmp_path / "a").symlink_to(tmp_path / "mine")
    lock_path(tmp_path / "b").mkdir()
    for name in ("a", "b"):
        with pytest.raises(InputError, match=rf"\.{name}\.lock: is not a file.*remove it"), exclusive(tmp_path / name):
            pass
    os.link(tmp_path / "mine", lock_path(tmp_path / "c"))
    with exclusive(tmp_path / "c"):
        pass
    assert (tmp_path / "mine").read_text() == "important"


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
