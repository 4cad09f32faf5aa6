"""Kill writers at random moments: python -m tests.injection.kills [--writer NAME] [--count N] [--seed S].

A forked child writes the same file again and again until SIGKILL ends it. Then the file must be whole: the old one or the new
one. After the next run nothing else may be left in its folder.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.injection.writers import WRITERS, Writer

MAX_WRITES = 3.0
"""A kill comes after at most this many times the duration of one writing, counted from its beginning."""


def kill_often(writer: Writer, count: int, seed: int, folder: Path) -> tuple[int, list[str]]:
    """Kill a writer several times.

    Args:
        writer: what writes.
        count: number of kills.
        seed: determines the moments, as shares of the duration of one writing.
        folder: an empty folder.

    Returns:
        How many kills left something behind until the next run, and what was wrong after which kill.
    """
    torch.set_num_threads(1)  # threads do not survive a fork
    inputs, written = folder / "inputs", folder / "written"
    inputs.mkdir()
    written.mkdir()
    state = writer.prepare(inputs)
    out = written / writer.name
    random_, faults, leftovers = random.Random(seed), [], 0
    _in_child(lambda: writer.write(state, out))
    began = time.monotonic()
    _in_child(lambda: writer.write(state, out))
    duration = time.monotonic() - began
    expected = _names(written)
    for number in range(count):
        _kill_after(lambda: writer.write(state, out), MAX_WRITES * random_.random() * duration)
        fault = _damage(writer, out)
        leftovers += _names(written) != expected
        _in_child(lambda: writer.write(state, out))
        fault = fault or _damage(writer, out)
        if not fault and _names(written) != expected:
            fault = f"after the next run {sorted(_names(written) - expected)} are left"
        if fault:
            faults.append(f"kill {number}: {fault}")
    return leftovers, faults


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _damage(writer: Writer, out: Path) -> str:
    try:
        writer.check(out)
    except Exception as error:  # any failure means that the file is not whole
        return f"{type(error).__name__}: {error}"
    return ""


def _fork(work: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def _in_child(work: Callable[[], object]) -> None:
    _, status = os.waitpid(_fork(work), 0)
    assert status == 0, "the writer failed"


def _kill_after(work: Callable[[], object], seconds: float) -> None:
    ready, begin = os.pipe()

    def endless() -> None:
        os.write(begin, b"!")
        while True:
            work()

    child = _fork(endless)
    os.close(begin)
    os.read(ready, 1)
    os.close(ready)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main() -> int:
    """Run the command and return its exit status: 1 after a fault."""
    parser = argparse.ArgumentParser(prog="tests.injection.kills")
    parser.add_argument("--writer", choices=list(WRITERS), action="append", help="default: all")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options, wrong = parser.parse_args(), 0
    for name in options.writer or WRITERS:
        with tempfile.TemporaryDirectory() as folder:
            leftovers, faults = kill_often(WRITERS[name], options.count, options.seed, Path(folder))
        text = f"{name}: {options.count} kills, {len(faults)} faults, {leftovers} left files until the next run"
        print("\n".join([text, *faults]), flush=True)
        wrong += len(faults)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
