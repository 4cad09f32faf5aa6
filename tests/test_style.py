"""The house rules: lint, format, types, and imports that run one way."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "model": set(),
    "renderer": {"model"},
    "viewer": {"model", "renderer"},
    "training": {"model", "renderer"},
    "benchmarks": {"model", "renderer", "training"},
}
NATIVE_SUFFIXES = {".h", ".hpp", ".cpp", ".cu", ".cuh"}


def run(*command: str) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-4000:]


def test_ruff_lint() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_ruff_format() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_mypy() -> None:
    run(sys.executable, "-m", "mypy")


def test_clang_format() -> None:
    native = ROOT / "renderer" / "kernels"
    files = [p for p in native.rglob("*") if p.suffix in NATIVE_SUFFIXES and "build" not in p.relative_to(native).parts]
    assert files
    # The one that requirements-dev.txt installs: versions differ in what they find.
    command = shutil.which("clang-format", path=str(Path(sys.executable).parent))
    assert command, "clang-format is missing; pip install -r requirements-dev.txt"
    run(command, "--dry-run", "-Werror", *map(str, files))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_one_way(room: str) -> None:
    forbidden = set(MAY_IMPORT) | {"tests"}
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            else:
                continue
            for module in modules:
                target = module.split(".")[0]
                assert target not in forbidden - MAY_IMPORT[room] - {room}, f"{path}:{node.lineno} imports {module}"
