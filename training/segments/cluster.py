"""Train segments on a Ray cluster, or with Ray on this machine: each segment is a task (docs/long_videos.md)."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from common.errors import InputError
from common.interrupts import INTERRUPTED
from common.numbers import parse_whole
from model.run.files import LOG
from model.run.log import LogReader
from training.segments.job import SegmentRun, plan_runs, train_segment

LOCAL = "local"
"""The address that stands for this machine."""

MAX_RETRIES = 3
"""How often a segment is trained on by another worker after its worker was killed."""

REPORT_SECONDS = 15.0
"""Time between two lines about the progress."""

POLL_SECONDS = 0.1
"""How long the program waits for Ray at most before it notices Ctrl-C."""

STOP_SECONDS = 120.0
"""How long interrupted segments may take to finish their step and save a checkpoint."""

CONNECT_SECONDS = 5.0
"""How long a cluster may take to answer."""


@dataclass(frozen=True)
class Outcome:
    """How a task ended."""

    status: int
    """Exit status of the training: 0, 2 or 130."""
    fault: str = ""
    """What went wrong, if it is known."""


def train_on_cluster(arguments: argparse.Namespace, runs: list[SegmentRun], chosen: Sequence[int]) -> int:
    """Train segments as tasks of Ray. Return 0 when all are finished.

    Segment 0 is trained first, because the others need its decoder, unless each has its own.

    A task whose worker is killed begins again on another one, from its last checkpoint. What a run prints is in a file next
    to its folder, `segment-0003.log` for example.

    Args:
        arguments: the options of `training.train_segments`. Every machine of a cluster must see the folders at the same paths.
        runs: of all segments.
        chosen: the segments to train.

    Raises:
        InputError: Ray is not installed, the cluster cannot be reached, or segments failed. The others are finished then.
    """
    shared = _absolute(arguments)
    with _connected(arguments.ray, arguments.threads or 1) as ray:
        # `max_calls=1`: a worker is not used again, so its memory is free for the next segment.
        options: dict[str, Any] = {"num_cpus": shared.threads, "max_retries": MAX_RETRIES, "max_calls": 1}
        task = ray.remote(**options)(_train)
        for group in [chosen] if arguments.own_decoders else ([i for i in chosen if i == 0], [i for i in chosen if i > 0]):
            with _cancelled_on_interrupt(ray, {task.remote(shared, index): index for index in group}) as tasks:
                _wait(ray, tasks, runs)
    return 0


def log_file(run: SegmentRun) -> Path:
    """Return the file with what a run on a cluster prints."""
    return run.folder.with_name(f"{run.folder.name}.log")


def _absolute(arguments: argparse.Namespace) -> argparse.Namespace:
    """Return the options for tasks, which run in other folders and may begin again after their worker was killed."""
    values = vars(arguments) | {"resume": True, "ray": None, "threads": arguments.threads or 1}
    for name in ("capture", "out", "meta"):
        values[name] = None if values[name] is None else Path(values[name]).resolve()
    config = Path(values["config"])
    values["config"] = str(config.resolve()) if config.is_file() else values["config"]
    return argparse.Namespace(**values)


def _train(arguments: argparse.Namespace, index: int) -> Outcome:
    """Train one segment. Ray calls this in the main thread of a worker."""
    runs = plan_runs(arguments)
    with (
        log_file(runs[index]).open("a", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        try:
            return Outcome(train_segment(arguments, runs, index))
        except InputError as error:
            return Outcome(2, str(error))


@contextlib.contextmanager
def _connected(address: str, threads: int) -> Iterator[ModuleType]:
    """Connect to a cluster, or start Ray on this machine, until the block ends."""
    ray = _load_ray()
    before = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address == LOCAL:
            ray.init(address=LOCAL, include_dashboard=False, **quiet)
        else:
            _check_address(address)
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        remedy = "start it with ray start --head, or use --ray without an address"
        raise InputError(f"--ray {address}", "no Ray cluster answers there", remedy) from error
    signal.signal(signal.SIGTERM, before)  # Ray's handler would end the program without a word
    try:
        check_threads(ray, threads)
        yield ray
    finally:
        ray.shutdown()


def _load_ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415 - an optional package, loaded only when it is used
    except ImportError as error:
        raise InputError("--ray", "the package ray is not installed", "run pip install ray") from error
    module: ModuleType = ray
    return module


def _check_address(address: str) -> None:
    """Refuse an address where nothing answers. Ray would try for minutes.

    Raises:
        InputError: it is not an address.
        OSError: nothing answers.
    """
    if address == "auto":  # Ray finds the cluster that this machine belongs to
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    number = parse_whole(port)
    if not host or number is None or not 0 < number < 1 << 16:
        raise InputError(f"--ray {address}", "is not an address", "write HOST:PORT, as ray start --head prints it")
    socket.create_connection((host.strip("[]"), number), CONNECT_SECONDS).close()


def check_threads(ray: Any, threads: int) -> None:
    """Raise InputError if no machine of the cluster has enough cores for a segment. Ray would wait for one forever."""
    cores = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    if cores < threads:
        raise InputError(f"--threads {threads}", f"is more than the {cores:g} cores of the largest machine of the cluster")


@contextlib.contextmanager
def _cancelled_on_interrupt(ray: ModuleType, tasks: dict[Any, int]) -> Iterator[dict[Any, int]]:
    """On Ctrl-C, let the tasks save their checkpoints."""
    try:
        yield tasks
    except KeyboardInterrupt as interrupt:
        print("waiting until the segments have saved their checkpoints", file=sys.stderr)
        for task in tasks:
            ray.cancel(task)
        ray.wait(list(tasks), num_returns=len(tasks), timeout=STOP_SECONDS)
        interrupt.args = ("interrupted; --resume continues",)
        raise


def _wait(ray: ModuleType, tasks: dict[Any, int], runs: list[SegmentRun]) -> None:
    """Wait until all tasks have ended, and say what they do. Raise InputError if segments failed."""
    failed: list[tuple[int, Outcome]] = []
    pending, reported = list(tasks), time.monotonic()
    while pending:
        ended, pending = ray.wait(pending, num_returns=1, timeout=POLL_SECONDS)
        for task in ended:
            index, outcome = tasks[task], _outcome(ray, task)
            if outcome.status == 0:
                print(f"segment {index} is finished", file=sys.stderr)
            else:
                failed.append((index, outcome))
                print(f"segment {index} failed: {outcome.fault or _last_line(runs[index])}", file=sys.stderr)
        if pending and time.monotonic() - reported >= REPORT_SECONDS:
            reported = time.monotonic()
            print(describe([runs[tasks[task]] for task in pending]), file=sys.stderr)
    if failed:
        numbers = ", ".join(str(index) for index, _ in sorted(failed, key=lambda item: item[0]))
        subject = f"segment {numbers}" if len(failed) == 1 else f"segments {numbers}"
        raise InputError(subject, "failed", f"see {log_file(runs[failed[0][0]])}; --resume tries again")


def describe(runs: Sequence[SegmentRun]) -> str:
    """Return one line about segments that are not finished: how far each has come, from its log."""
    parts = [f"{run.index} ({_progress(run):.0%})" for run in runs if run.folder.is_dir()]
    waiting = len(runs) - len(parts)
    begun = f"in training: segment {', '.join(parts)}" if parts else "no segment has begun"
    return begun + (f"; {waiting} waiting" if waiting else "")


def _progress(run: SegmentRun) -> float:
    return LogReader(run.folder / LOG).read().last.get("progress", 0.0)


def _outcome(ray: ModuleType, task: Any) -> Outcome:
    try:
        outcome: Outcome = ray.get(task)
    except ray.exceptions.WorkerCrashedError:
        return Outcome(2, f"its worker was killed {MAX_RETRIES + 1} times")
    except ray.exceptions.TaskCancelledError:
        return Outcome(INTERRUPTED, "it was cancelled")
    except ray.exceptions.RayError as error:
        return Outcome(2, str(error).strip().splitlines()[-1])
    return outcome


def _last_line(run: SegmentRun) -> str:
    """Return the last line that a run printed."""
    try:
        lines = log_file(run).read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return "it printed nothing"
    return lines[-1].removeprefix("error: ") if lines else "it printed nothing"
