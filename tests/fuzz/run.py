"""Run a fuzzer: damage valid files and read them."""

from __future__ import annotations

import random
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS

MAX_SECONDS = 2.0
"""Processor time within which a reader must refuse or read a file."""

MAX_MESSAGE = 600
"""Longest message of a refusal, without the folder's name."""


@dataclass
class Outcome:
    """What a run found."""

    executions: int = 0
    """Number of files that were read."""
    accepted: int = 0
    """Number of them that were valid."""
    fault: str = ""
    """The first fault: a traceback or a sentence; empty if there was none."""
    content: bytes = b""
    """The content that caused it, for `Target.write`."""


def fuzz(name: str, folder: Path, seed: int, executions: int | None = None, seconds: float = float("inf")) -> Outcome:
    """Read damaged files until a fault, a number of executions or a time.

    Args:
        name: one of `TARGETS`.
        folder: an empty folder for the files.
        seed: determines all files.
        executions: number of files; None means no limit.
        seconds: time after which it ends.
    """
    target, outcome, end = TARGETS[name], Outcome(), time.monotonic() + seconds
    pool, random_ = target.seeds(name), random.Random(seed)
    valid = len(pool)
    while (executions is None or outcome.executions < executions) and time.monotonic() < end:
        outcome.content = mutated(random_, random_.choice(pool), pool, target.reach)
        outcome.fault, accepted = execute(name, folder, outcome.content)
        outcome.executions += 1
        outcome.accepted += accepted
        if outcome.fault:
            break
        if accepted and len(outcome.content) < 1 << 16:  # damage that is read leads deeper
            pool[valid:] = [*pool[valid:], outcome.content][-50:]
    return outcome


def execute(name: str, folder: Path, content: bytes) -> tuple[str, bool]:
    """Read one content. Return the fault, or an empty text, and whether it was read."""
    target = TARGETS[name]
    path = folder / target.name
    target.write(path, content)
    for _ in range(2):  # the first time may load modules: only what is slow twice is slow
        began, accepted = time.process_time(), True
        try:
            target.read(path)
        except InputError as error:
            accepted = False
            text = str(error).replace(str(folder), "")
            if len(text) > MAX_MESSAGE:
                return f"a message of {len(text)} characters: {text[:200]}", accepted
        except Exception:  # any other exception is what is looked for
            return traceback.format_exc(), False
        taken = time.process_time() - began
        if taken <= MAX_SECONDS:
            return "", accepted
    return f"it took {taken:.1f} s", accepted
