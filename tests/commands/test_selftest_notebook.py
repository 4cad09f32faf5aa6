"""Run the one cell of docs/selftest_colab.ipynb with commands that are recorded instead of executed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.command_runs import ROOT
from viewer.cli import make_parser

NOTEBOOK = ROOT / "docs" / "selftest_colab.ipynb"
NEEDED = ("run_viewer.py", "requirements-no-compiler.txt", "requirements-cuda.txt")


class Machine:
    """Commands of a machine with a GPU and an old or a new driver."""

    def __init__(self, driver: str) -> None:
        self.driver = driver
        self.commands: list[tuple[str, ...]] = []

    def run(self, command: tuple[str, ...], **options: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        printed = ""
        if command[0] == "nvidia-smi":
            printed = self.driver if "--query-gpu=driver_version" in command else "GPU 0: Tesla T4"
        if command[0] == "git":
            copy_needed(Path(command[-1]))
        if "--selftest" in command:
            printed = "CUDA self-test\nok"
        if "pip" in command or "--selftest" in command:
            assert (Path(options["cwd"]) / "run_viewer.py").exists()
        return subprocess.CompletedProcess(command, 0, printed)


def copy_needed(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in NEEDED:
        shutil.copy(ROOT / name, folder)


def cell() -> str:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4 and notebook["nbformat_minor"] >= 5 and "metadata" in notebook
    (only,) = notebook["cells"]
    assert only["cell_type"] == "code" and only["id"] and only["metadata"] == {}
    assert only["outputs"] == [] and only["execution_count"] is None, "clear the outputs before saving"
    return "".join(only["source"])


def run_cell(machine: Machine, folder: Path, monkeypatch: pytest.MonkeyPatch, repository: str = "") -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(subprocess, "run", machine.run)
    code = cell()
    assert 'REPOSITORY = ""' in code
    exec(compile(code.replace('REPOSITORY = ""', f"REPOSITORY = {repository!r}"), str(NOTEBOOK), "exec"), {})


def test_it_clones_installs_and_prints_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine("580.82")
    run_cell(machine, tmp_path, monkeypatch, "https://example.org/mlpvid.git")
    names = [
        next(word for word in command if word in ("git", "pip", "run_viewer.py", "nvidia-smi")) for command in machine.commands
    ]
    assert names == ["nvidia-smi", "git", "nvidia-smi", "pip", "run_viewer.py"]
    assert "Tesla T4" in (printed := capsys.readouterr().out) and printed.endswith("CUDA self-test\nok\n")


def test_it_names_files_and_options_that_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine("580.82")
    run_cell(machine, tmp_path, monkeypatch, "https://example.org/mlpvid.git")
    *_, pip, selftest = machine.commands
    for name in ("requirements-cuda.txt", "./renderer/kernels", selftest[1]):
        assert name in (*pip, *selftest) and (ROOT / name).exists(), name
    assert make_parser().parse_args(selftest[2:]).selftest


def test_pytorch_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine("580.82")
    run_cell(machine, tmp_path, monkeypatch, "https://example.org/mlpvid.git")
    pip = machine.commands[-2]
    wanted = {line for line in (ROOT / NEEDED[1]).read_text().splitlines() if line and line[0] not in "#-"}
    assert wanted - set(pip) == {line for line in wanted if line.startswith("torch==")} != set()
    assert not any(word.startswith("torch") for word in pip)


def test_an_old_driver_gets_the_packages_that_requirements_cuda_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine("550.54.15")
    run_cell(machine, tmp_path, monkeypatch, "https://example.org/mlpvid.git")
    pip, comment = machine.commands[-2], (ROOT / "requirements-cuda.txt").read_text()
    chosen = [word for word in pip if "cuda" in word or word == "platformdirs"]
    (line,) = (line for line in comment.splitlines() if "pip install" in line)
    assert chosen == line.split("pip install")[1].replace('"', "").split()


def test_without_an_address_it_asks_for_a_zip_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_needed(tmp_path / "source" / "mlpvid-main")
    with zipfile.ZipFile(tmp_path / "main.zip", "w") as archive:
        for name in NEEDED:
            archive.write(tmp_path / "source" / "mlpvid-main" / name, f"mlpvid-main/{name}")
    colab = ModuleType("google.colab")
    colab.files = SimpleNamespace(upload=lambda: {"main.zip": b""})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    machine = Machine("580.82")
    run_cell(machine, tmp_path, monkeypatch)
    assert "--selftest" in machine.commands[-1] and not any(command[0] == "git" for command in machine.commands)


def test_a_machine_without_a_gpu_is_told_what_to_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine("")
    monkeypatch.setattr(machine, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError()))
    with pytest.raises(SystemExit, match=r"no NVIDIA GPU\. Choose Runtime"):
        run_cell(machine, tmp_path, monkeypatch)
