"""Run commands, in this process or in a separate one, and return their output and exit status."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")

CommandRun = subprocess.CompletedProcess[str]


def run_main(main: Callable[[list[str]], int], *arguments: object, folder: Path | None = None) -> CommandRun:
    """Run a command's `main` in this process, without a display. A separate process would load PyTorch each time.

    Args:
        main: takes the arguments and returns the exit status, or raises SystemExit.
        arguments: of the command line; they become text.
        folder: the working directory during the run.
    """
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr), pytest.MonkeyPatch.context() as patch:
        for name in DISPLAYS:
            patch.delenv(name, raising=False)
        if folder is not None:
            patch.chdir(folder)
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            status = int(leaving.code or 0)
    return subprocess.CompletedProcess(main.__module__, status, stdout.getvalue(), stderr.getvalue())


def run_python(*arguments: object, folder: Path, **variables: str) -> CommandRun:
    """Run Python in a separate process, without a display, with some environment variables added.

    Args:
        arguments: of the interpreter, such as `-m training.train`. It can import the modules of the repository.
        folder: the working directory.
        variables: of the environment.
    """
    environment = {name: value for name, value in os.environ.items() if name not in DISPLAYS}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment |= {"PYTHONPATH": os.pathsep.join(paths)} | variables
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


def assert_fails(run: CommandRun, *words: str) -> None:
    """Check that a run ended with status 2 and one line that has all these words, without a traceback."""
    errors = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert run.returncode == 2, run.stderr
    assert len(errors) == 1 and "Traceback" not in run.stderr, run.stderr
    for word in words:
        assert word in errors[0]
