"""What a report says about where it was made: processor, software, commit."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch

from experiments.table import FOLDER
from renderer.threads import available_cores


def describe_machine() -> str:
    """Return processor, number of cores, system and versions in one line."""
    cores = available_cores()
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    return f"{_processor()}, {cores} core{'s' if cores > 1 else ''}, {platform.system()}, {versions}"


def describe_commit() -> str:
    """Return the commit of the repository that this program lies in, and whether files differ from it."""
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return "not in a git repository"
    return commit + (", with changes that are not committed" if changes else "")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        result = subprocess.run(["git", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None
