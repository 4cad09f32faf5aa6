"""Atomic writes: a file is complete or does not exist."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.atomic import atomic_write, check_target
from common.errors import InputError
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


def _names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_new_content_replaces_old_at_the_end_only(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with atomic_write(target) as temporary:
        temporary.write_bytes(b"new content")
        assert target.read_bytes() == b"old"
        assert temporary.parent == tmp_path and temporary.suffix == ".bin"
    assert target.read_bytes() == b"new content"
    assert _names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("fault", [RuntimeError("boom"), KeyboardInterrupt(), OSError(errno.ENOENT, "x", "b.png")])
def test_an_error_keeps_the_old_file_and_removes_the_temporary_one(tmp_path: Path, fault: BaseException) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(type(fault)), atomic_write(target) as temporary:
        temporary.write_bytes(b"half")
        raise fault
    assert target.read_bytes() == b"old"
    assert _names(tmp_path) == ["a.bin"]


def test_an_error_with_a_new_file_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "a.bin"):
        1 / 0  # noqa: B018
    assert _names(tmp_path) == []


def test_a_full_disk_is_an_input_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.bin: cannot be written \(No space left"), atomic_write(tmp_path / "a.bin"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert _names(tmp_path) == []


def test_a_temporary_that_the_block_removed_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"), atomic_write(tmp_path / "a.bin") as temporary:
        temporary.unlink()


def test_missing_folder_and_folder_as_target_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"), atomic_write(tmp_path / "nowhere" / "a.bin"):
        pass
    with pytest.raises(InputError, match="is a folder"), atomic_write(tmp_path):
        pass
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"), atomic_write(tmp_path / "file" / "a.bin"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("name", ["pipe.txt", "link.txt"])
def test_pipes_and_devices_are_not_replaced(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "link.txt").symlink_to("pipe.txt")
    with pytest.raises(InputError, match=rf"{name}: is a device or a pipe; name a file"):
        check_target(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}: is a device or a pipe; name a file"), atomic_write(tmp_path / name):
        pass
    assert (tmp_path / "pipe.txt").is_fifo() and len(list(tmp_path.iterdir())) == 2


def test_permissions_follow_the_umask_and_then_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    before = os.umask(0o027)
    try:
        with atomic_write(target):
            pass
        assert target.stat().st_mode & 0o777 == 0o640
        target.unlink()
        with atomic_write(target) as temporary:  # as safetensors writes: another file, for its owner only
            (tmp_path / "other").touch(mode=0o600)
            (tmp_path / "other").replace(temporary)
        assert target.stat().st_mode & 0o777 == 0o640
        target.chmod(0o600)
        with atomic_write(target):
            pass
        assert target.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.bin"
    link.symlink_to(tmp_path / "real" / "a.bin")
    with atomic_write(link) as temporary:
        temporary.write_bytes(b"new")
    assert link.is_symlink() and (tmp_path / "real" / "a.bin").read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_kill_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    program = (
        "import sys, time\nfrom common.atomic import atomic_write\n"
        "with atomic_write(sys.argv[1]) as t:\n"
        "    t.write_bytes(b'half')\n    open(sys.argv[2], 'w').close()\n    time.sleep(600)\n"
    )
    started = tmp_path / "started"
    process = subprocess.Popen([sys.executable, "-c", program, str(target), str(started)], cwd=ROOT)
    wait_until(started.exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["n" * 255, "a." + "n" * 253, "ä" * 127, "a." + "ä" * 126, "b\udcec.png", ".n", "a\nb"])
def test_every_name_that_the_file_system_allows(name: str, tmp_path: Path) -> None:
    with atomic_write(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_leftovers_of_killed_runs_are_removed_by_the_next_write(tmp_path: Path) -> None:
    program = (
        "import os; from common.atomic import atomic_write\n"
        f"with atomic_write({str(tmp_path / 'a.png')!r}) as file: file.write_text('half'); os._exit(9)"
    )
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 9
        assert len(list(tmp_path.iterdir())) == 1, "each removes that of the one before"
    with atomic_write(tmp_path / "b.png") as other, atomic_write(tmp_path / "a.png") as temporary:
        assert other.exists() and temporary.exists() and len(list(tmp_path.iterdir())) == 2
        with atomic_write(tmp_path / "a.png"):
            assert temporary.exists(), "a run that is alive keeps its file"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_leftovers_of_killed_writers_of_tensors_are_removed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, common.array_file as t; from common.atomic import atomic_write\n"
        "def killed(tensors, path, metadata): pathlib.Path(path).with_name('.tmpAbCdEf').touch(); os._exit(9)\n"
        "t.save_file = killed\n"
        f"with atomic_write({str(tmp_path / 'a.safetensors')!r}) as file: t.save_arrays({{}}, file, {{}}, 'a')"
    )
    (tmp_path / ".tmpZzZzZz").touch()  # of somebody else
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 9
    assert any(file.is_dir() for file in tmp_path.iterdir())
    with atomic_write(tmp_path / "a.safetensors"):
        pass
    assert sorted(file.name for file in tmp_path.iterdir()) == [".tmpZzZzZz", "a.safetensors"]


def test_targets_that_cannot_be_written_are_found_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_target(tmp_path / "a.bin")
    check_target(tmp_path / ("a" * 255))
    (tmp_path / "link").symlink_to(tmp_path / "none" / "a.bin")
    for name, fault in (
        ("a" * 256, "too long"),
        ("ä" * 128, "too long"),
        ("link", "is a link into a folder that does not exist"),
    ):
        with pytest.raises(InputError, match=fault):
            check_target(tmp_path / name)
    asked = []
    monkeypatch.setattr(os, "access", lambda *of: asked.append(of))  # root may change all folders
    with pytest.raises(InputError, match=r"a\.bin: is in a folder that you cannot write to"):
        check_target(tmp_path / "a.bin")
    assert asked == [(str(tmp_path), os.W_OK | os.X_OK)]
