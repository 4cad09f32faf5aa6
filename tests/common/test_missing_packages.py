"""Commands without one of their packages: one line that says what to install, and status 2."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_without(package: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m` where the import of a package fails as if it were not installed."""
    (folder / f"{package}.py").write_text(f"raise ModuleNotFoundError('No module named {package}', name='{package}')\n")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["training.train", "training.export", "training.evaluate", "experiments.run"])
def test_a_command_names_the_missing_package(module: str, tmp_path: Path) -> None:
    done = run_without("torch", tmp_path, module, "--help")
    remedy = "install what training needs with `pip install -r requirements-dev.txt`"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: the package torch is not installed; {remedy}\n"


def test_the_viewer_without_its_packages(tmp_path: Path) -> None:
    done = run_without("numpy", tmp_path, "run_viewer", "--info")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"error: the package numpy is not installed; run `pip install -r requirements-viewer.txt`, .*\n", done.stderr
    )


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = run_without("torch", tmp_path, "training.train", "--debug")
    assert (
        done.returncode == 2
        and "Traceback" in done.stderr
        and done.stderr.splitlines()[-1].startswith("error: the package torch")
    )


HOOKED = "from common.missing_packages import explain_missing_packages\nexplain_missing_packages('do this')\n"


@pytest.mark.parametrize("fault", ["import common.absent", "import common; common.absent", "1 / 0"])
def test_faults_of_our_own_keep_their_traceback(fault: str) -> None:
    done = subprocess.run([sys.executable, "-c", HOOKED + fault], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" in done.stderr and "is not installed" not in done.stderr
