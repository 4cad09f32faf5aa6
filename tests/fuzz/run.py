"""Run a fuzzer: damage valid files and read them."""

from __future__ import annotations

import os
import random
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from tests.fuzz.memory import PeakMemory
from tests.fuzz.targets import TARGETS

MAX_SECONDS = 2.0
"""Processor time within which a reader must refuse or read a file."""

MEMORY_PER_BYTE, MEMORY_AT_LEAST = 4, 200_000_000
"""A reader may take this many times the size of its file, plus these bytes."""

MAX_KEPT = 500_000_000
"""Bytes by which a process may have grown after any number of files; more is a leak."""

MAX_MESSAGE = 600
"""Longest message of a refusal, without the folder's name."""

_KEPT_LENGTH = 2
"""Valid damaged files are damaged again, up to this many times the length of the longest seed. Otherwise they would grow
without end by values that readers pass over, and take most of the time."""

_LOOK_UP = 16  # executions between two looks at the clock, which is slow for the time of a process with several threads
_QUICK = MAX_SECONDS / (os.cpu_count() or 1)  # what ends sooner cannot have taken too much processor time


@dataclass
class Outcome:
    """What a run found."""

    executions: int = 0
    """Number of files that were read."""
    accepted: int = 0
    """Number of them that were valid."""
    seconds: float = 0.0
    """Processor time."""
    fault: str = ""
    """The first fault: a traceback or a sentence; empty if there was none."""
    content: bytes = b""
    """The content that caused it, for `Target.write`."""


def fuzz(
    name: str,
    folder: Path,
    seed: int,
    executions: int | None = None,
    seconds: float = float("inf"),
    progress: Callable[[Outcome], object] = lambda _: None,
) -> Outcome:
    """Read damaged files until a fault, a number of executions or a time.

    Args:
        name: one of `TARGETS`.
        folder: an empty folder for the files.
        seed: determines all files.
        executions: number of files; None means no limit.
        seconds: processor time after which it ends.
        progress: is called every few files.
    """
    target, outcome, began = TARGETS[name], Outcome(), time.process_time()
    pool, random_ = target.seeds(name), random.Random(seed)
    valid, longest, memory = len(pool), _KEPT_LENGTH * max(map(len, pool)), _warm(name, folder)
    while executions is None or outcome.executions < executions:
        outcome.content = target.damaged(random_, random_.choice(pool), pool, target.reach)
        outcome.fault, accepted = execute(name, folder, outcome.content, memory)
        outcome.executions += 1
        outcome.accepted += accepted
        if outcome.fault:
            break
        if accepted and len(outcome.content) <= longest:  # damage that is read leads deeper
            pool[valid:] = [*pool[valid:], outcome.content][-50:]
        if outcome.executions % _LOOK_UP == 0:
            outcome.seconds = time.process_time() - began
            progress(outcome)
            if outcome.seconds > seconds:
                break
    outcome.seconds = time.process_time() - began
    return outcome


def execute(name: str, folder: Path, content: bytes, memory: PeakMemory | None = None) -> tuple[str, bool]:
    """Read one content. Return the fault, or an empty text, and whether it was read.

    Args:
        name, folder: as for `fuzz`.
        content: what is read.
        memory: what measures the memory; None if it began before, when modules were not loaded yet.
    """
    memory = memory or _warm(name, folder)
    path = folder / TARGETS[name].name
    TARGETS[name].write(path, content)
    began = time.perf_counter()
    fault, accepted = _read(name, path)
    if not fault and time.perf_counter() - began > _QUICK:  # the first time may load modules: only what is slow twice is slow
        processor = time.process_time()
        fault, accepted = _read(name, path)
        taken = time.process_time() - processor
        if taken > MAX_SECONDS:
            fault = f"it took {taken:.1f} s"
    if not fault and _memory_fault(memory, path):  # other threads of the process take memory, too: only what repeats is a fault
        _read(name, path)
        fault = _memory_fault(memory, path)
    return fault, accepted


def _warm(name: str, folder: Path) -> PeakMemory:
    """Read the valid files once: modules and buffers that stay are no file's fault. Return what measures from then on."""
    path = folder / TARGETS[name].name
    for content in TARGETS[name].seeds(name):
        TARGETS[name].write(path, content)
        _read(name, path)
    return PeakMemory()


def _read(name: str, path: Path) -> tuple[str, bool]:
    """Read a file. Return the fault, or an empty text, and whether it was read."""
    try:
        with warnings.catch_warnings():  # NumPy warns on the terminal about numbers that overflow
            warnings.simplefilter("error", RuntimeWarning)
            TARGETS[name].read(path)
    except InputError as error:
        text = str(error).replace(str(path.parent), "")
        return f"a message of {len(text)} characters: {text[:200]}" if len(text) > MAX_MESSAGE else "", False
    except Exception:  # any other exception is what is looked for
        return traceback.format_exc(), False
    return "", True


def _memory_fault(memory: PeakMemory, path: Path) -> str:
    growth = memory.growth()
    if not growth:
        return ""
    size, kept = path.stat().st_size, memory.kept()
    if growth > MEMORY_PER_BYTE * size + MEMORY_AT_LEAST:
        return f"it took {growth / 1e6:.0f} MB of memory for a file of {size:,} bytes"
    return f"the process has grown by {kept / 1e6:.0f} MB: memory is not given back" if kept > MAX_KEPT else ""
