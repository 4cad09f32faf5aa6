"""What users type: in the folder of the repository, and in the installed package."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from build_backend import NAME, stage_package
from common.installation import PACKAGE, is_installed, pip_command, training_command, viewer_command
from run_mlpvid import COMMANDS
from tests.test_package import PROJECT
from training.__main__ import COMMANDS as TRAINING

ROOT = Path(__file__).resolve().parents[2]


def test_in_the_repository() -> None:
    assert pip_command("requirements-serve.txt", "serve") == "`pip install -r requirements-serve.txt`"
    assert viewer_command() == "python run_viewer.py"
    assert training_command("make_capture") == "python -m training.make_capture"


def test_in_the_installed_package() -> None:
    assert PACKAGE == NAME
    assert pip_command("requirements-serve.txt", "serve", True) == '`pip install "mlpvid[serve]"`'
    assert viewer_command(True) == "mlpvid view" and "view" in COMMANDS
    assert training_command("make_capture", True) == "mlpvid make-capture"


@pytest.mark.parametrize("name", TRAINING)
def test_training_commands_have_the_names_of_the_command_mlpvid(name: str) -> None:
    assert COMMANDS[training_command(name, True).removeprefix("mlpvid ")].module == f"training.{name}"


def test_files_and_extras_exist() -> None:
    extras = PROJECT["optional-dependencies"]
    pattern = re.compile(r"pip_command\([\"']([\w.-]+)[\"'], [\"'](\w+)[\"']\)")
    folders = (ROOT / name for name in ("common", "model", "renderer", "viewer", "training"))
    found = [match for folder in folders for path in folder.rglob("*.py") for match in pattern.findall(path.read_text("utf-8"))]
    assert len(found) >= 5
    assert all((ROOT / file).is_file() and extra in extras for file, extra in found)


def test_no_message_of_the_package_names_what_only_the_repository_has(tmp_path: Path) -> None:
    stage_package(tmp_path / NAME)
    pattern = re.compile(r"python -m training\b|python run_viewer|pip install -r")
    modules = [path for path in tmp_path.rglob("*.py") if path.name not in ("installation.py", "__main__.py")]
    assert [path.name for path in modules if any(map(pattern.search, messages(path)))] == []


def messages(path: Path) -> list[str]:
    """Return the strings of a module, without docstrings and the names of programs, which `mlpvid` replaces."""
    tree = ast.parse(path.read_text("utf-8"))
    named = [n.value for n in ast.walk(tree) if isinstance(n, ast.Expr) or (isinstance(n, ast.keyword) and n.arg == "prog")]
    strings = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and n not in named]
    return [str(node.value) for node in strings]


def test_blocked_and_missing_packages_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_installed("numpy") and not is_installed("no_such_package")
    monkeypatch.setitem(sys.modules, "no_such_package", None)
    assert not is_installed("no_such_package")
