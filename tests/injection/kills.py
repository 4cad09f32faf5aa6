"""Kill writers at random moments: python -m tests.injection.kills [--writer NAME] [--count N] [--seed S].

A process runs each writer up to the moment before it creates its first file. Copies of it (tests/injection/stem.py) go on from
there and write the same file; every other one is ended by a signal that runs no code of the program. After it, the file must be
whole: the old one or the new one. After the next copy, nothing else may be left in its folder.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch

from tests.injection.stem import Stem
from tests.injection.writers import WRITERS, Writer

LONGEST = 1.15
"""A kill comes after at most this many times the duration of one writing, counted from just before its first file."""

RECENT = 5
"""The duration is the median of so many writings: other programs make it vary."""


@dataclass
class Outcome:
    """What the kills of a writer did."""

    moments: Counter[str] = field(default_factory=Counter)
    """Number of kills "before" any new file, "inside" (unfinished files were left), and "after" the file was replaced."""
    faults: list[str] = field(default_factory=list)
    """What was wrong after which kill."""


def kill_often(writer: Writer, count: int, seed: int, folder: Path) -> Outcome:
    """Kill a writer several times.

    Args:
        writer: what writes.
        count: number of kills.
        seed: determines the moments, as shares of the duration of one writing.
        folder: an empty folder.
    """
    torch.set_num_threads(1)  # threads do not survive a fork
    inputs, written = folder / "inputs", folder / "written"
    inputs.mkdir()
    written.mkdir()
    out, random_, outcome = written / writer.name, random.Random(seed), Outcome()
    with Stem(writer, writer.prepare(inputs), out) as stem:
        durations = [stem.write() for _ in range(3)]
        expected = _files(written)
        for number in range(count):
            before = _files(written)
            fault = stem.kill_after(1e-6 + LONGEST * random_.random() * statistics.median(durations[-RECENT:]))
            fault = fault or _damage(writer, out)
            outcome.moments[_moment(before, _files(written))] += 1
            durations.append(stem.write())
            fault = fault or _damage(writer, out)
            if not fault and _files(written).keys() != expected.keys():
                fault = f"after the next run {sorted(_files(written).keys() ^ expected.keys())} differ"
            if fault:
                outcome.faults.append(f"kill {number}: {fault}")
    return outcome


def _files(folder: Path) -> dict[str, int]:
    """Return the number that the file system gives to each file of a folder: a file that is replaced gets another one."""
    return {str(path.relative_to(folder)): path.stat().st_ino for path in folder.rglob("*")}


def _moment(before: dict[str, int], after: dict[str, int]) -> str:
    """Return when a kill came, from the files before and after it."""
    if before.keys() != after.keys():
        return "inside"
    return "before" if before == after else "after"


def _damage(writer: Writer, out: Path) -> str:
    try:
        writer.check(out)
    except Exception as error:  # any failure means that the file is not whole
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> int:
    """Run the command and return its exit status: 1 after a fault."""
    parser = argparse.ArgumentParser(prog="tests.injection.kills")
    parser.add_argument("--writer", choices=list(WRITERS), action="append", help="default: all")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options, wrong = parser.parse_args(), 0
    for name in options.writer or WRITERS:
        with tempfile.TemporaryDirectory() as folder:
            outcome = kill_often(WRITERS[name], options.count, options.seed, Path(folder))
        moments = ", ".join(f"{outcome.moments[moment]} {moment}" for moment in ("before", "inside", "after"))
        text = f"{name}: {options.count} kills, {len(outcome.faults)} faults; {moments} the writing"
        print("\n".join([text, *outcome.faults]), flush=True)
        wrong += len(outcome.faults)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
