"""Where results were made: processor, software and commit, recorded in the folder of results."""

from __future__ import annotations

import dataclasses
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, StrictStr
from pydantic.dataclasses import dataclass

from common.atomic import write_text
from common.validation import FIELDS, validated
from common.yaml_documents import dump_yaml, read_yaml
from experiments.table import FOLDER
from renderer.threads import available_cores

FILE_NAME = "provenance.yaml"
"""Name of the file in the folder of results."""


@dataclass(frozen=True, config=FIELDS)
class Provenance:
    """Where some of the results of a folder were made."""

    commit: StrictStr
    """As `describe_commit` returns it."""
    machine: StrictStr
    """As `describe_machine` returns it."""


@dataclass(frozen=True, config=FIELDS)
class _File:
    runs: Annotated[tuple[Provenance, ...], Field(max_length=1000)]
    """In the order in which they began; several if a table was continued with another commit or on another machine."""


def record_provenance(folder: Path) -> None:
    """Add this machine and commit to a folder of results, unless it has them already.

    Raises:
        InputError: the file in the folder is damaged, or cannot be written.
    """
    add_provenance(folder, (Provenance(describe_commit(), describe_machine()),))


def add_provenance(folder: Path, added: Sequence[Provenance]) -> None:
    """Add where results were made to a folder of results, unless it has that already; raises as `record_provenance` does."""
    known = read_provenance(folder)
    if new := [one for one in dict.fromkeys(added) if one not in known]:
        write_text(folder / FILE_NAME, dump_yaml({"runs": [dataclasses.asdict(one) for one in (*known, *new)]}))


def read_provenance(folder: Path) -> tuple[Provenance, ...]:
    """Return what is recorded in a folder of results, nothing if there is no file; raise InputError when it is damaged."""
    path = folder / FILE_NAME
    return validated(_File, read_yaml(path), str(path)).runs if path.is_file() else ()


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
