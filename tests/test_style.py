"""The house rules: lint, format, types, and which folder may import which."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NATIVE_SUFFIXES = {".h", ".hpp", ".cpp", ".cu", ".cuh"}


def run(*command: str) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-4000:]


def test_ruff_lint() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_ruff_format() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


@pytest.mark.slow
def test_mypy() -> None:
    run(sys.executable, "-m", "mypy")


def test_clang_format() -> None:
    folders = (ROOT / "renderer" / "kernels", ROOT / "tests")
    found = [path.relative_to(ROOT) for folder in folders for path in folder.rglob("*")]
    files = [path for path in found if path.suffix in NATIVE_SUFFIXES and "build" not in path.parts]
    assert files
    # The one that requirements-dev.txt installs: versions differ in what they find.
    command = shutil.which("clang-format", path=str(Path(sys.executable).parent))
    assert command, "clang-format is missing; pip install -r requirements-dev.txt"
    run(command, "--dry-run", "-Werror", *map(str, files))


def test_imports_run_one_way() -> None:
    """The rooms and who may import whom are in .importlinter; docs/architecture.md explains them."""
    run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
