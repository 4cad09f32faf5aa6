"""Processes that begin as copies of one that has imported PyTorch, which takes seconds of processor time each time."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from multiprocessing.context import ForkProcess, ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.subprocess_handler.subprocess_handler import SubprocessHandler

from tests.command_runs import ROOT

PRELOADED = ["training.train", "torch.distributed.run", "tests.training.loop.copies"]
"""What the process that is copied has imported."""


def start(function: str, *arguments: str, errors: Path, **variables: str) -> ForkServerProcess:
    """Start a copy that calls a function.

    Args:
        function: its module and name, as MODULE:NAME.
        arguments: its arguments; for `torchrun`, those of the command line.
        errors: gets what the copy and the processes that it starts write to standard error.
        variables: are added to the environment.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    variables |= {"OMP_NUM_THREADS": "1"}
    process = context.Process(target=_call, args=(function, arguments, str(errors), variables))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # of the process that is copied, which starts now if this is the first copy
        patch.setenv("OMP_NUM_THREADS", "1")
        process.start()
    return process


def _call(function: str, arguments: tuple[str, ...], errors: str, variables: dict[str, str]) -> None:
    os.environ.update(variables)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), sys.stderr.fileno())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    module, name = function.split(":")
    getattr(sys.modules.get(module) or __import__(module, fromlist=[name]), name)(*arguments)


def run_torchrun(*arguments: str) -> None:
    """Run torchrun's command line. The processes that it starts are copies of this one, too; all else is torchrun's."""
    SubprocessHandler._popen = _popen  # type: ignore[method-assign, assignment]
    torchrun.main(list(arguments))


class Worker(ForkProcess):
    """A copy with those methods of subprocess.Popen that torchrun calls."""

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends, and return the exit status."""
        self.join(timeout)
        if self.exitcode is None:
            raise subprocess.TimeoutExpired("torchrun", timeout or 0.0)
        return self.exitcode


def _popen(_: SubprocessHandler, command: tuple[str, ...], environment: dict[str, str]) -> Any:
    worker = Worker(target=_run_module, args=(command, environment))
    worker.start()
    return worker


def _run_module(command: tuple[str, ...], environment: dict[str, str]) -> None:
    """Do what Python does with the command `python -u -m MODULE ARGUMENTS`."""
    interpreter, unbuffered, option, module, *arguments = command
    assert (interpreter, unbuffered, option) == (sys.executable, "-u", "-m")
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    sys.modules.pop(module, None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
