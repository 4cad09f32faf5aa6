"""Divide a budget among the runs of a table: equal time for each, or equal steps."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.atomic import write_text
from common.command_line import parse_finite
from common.documents import dump_yaml, read_yaml
from common.errors import InputError
from experiments.recipe import read_recipe, sequence_folder, sequence_meta, subset
from experiments.table import Row, Table, same_run
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.evaluate import parse_frames

TRAINING_SHARE = 0.8
"""Part of the budget that is spent on training. The rest is for rendering, scoring and timing."""

FILE_NAME = "plan.yaml"
"""Name of the file with the plan, in the folder of results."""

_SCORED_FRAMES = 3
_UNITS = {"": 1.0, "h": 1.0, "m": 1 / 60}


@dataclass(frozen=True)
class Subject:
    """A capture that every row is trained on."""

    name: str
    """Name of its folder of results."""
    folder: Path
    """The capture."""
    frames: range
    """Frames of the run that are scored."""
    layout: str | None = None
    """Its layout, if the files do not make it clear."""
    meta: dict[str, Any] = field(default_factory=dict)
    """Settings that replace those of its meta.yaml."""
    config: dict[str, Any] = field(default_factory=dict)
    """Settings that replace those of every row's training config."""
    outline: int = 0
    """Pixels around the masks' outlines that PSNR does not count; 0 means none."""

    def open(self) -> Capture:
        """Open the capture; raises as `open_capture` does."""
        return open_capture(self.folder, self.layout, self.meta)


@dataclass(frozen=True)
class Job:
    """A row of a table for one capture."""

    subject: Subject
    """The capture."""
    row: Row
    """The row."""
    run: str
    """Name of the run that gives its model: that of the first row with the same training settings."""


@dataclass(frozen=True)
class Plan:
    """Everything that is done for a table, in this order."""

    table: str
    """Name of the table."""
    preset: str
    """Sizes of the models."""
    jobs: tuple[Job, ...]
    """One for each row and capture."""
    minutes: float | None
    """Length of each run, from reading the capture to the written bundle; None if steps are given."""
    steps: int | None
    """Steps of each run; None if a time is given."""
    seed: int = 0
    """Seed of each run."""

    @property
    def runs(self) -> int:
        """Number of runs that are trained."""
        return len({(job.subject.name, job.run) for job in self.jobs})

    def to_dict(self) -> dict[str, Any]:
        """Return what decides the results, as plain data. Two plans with equal data may share a folder of results."""
        subjects = {job.subject.name: job.subject for job in self.jobs}
        return {
            "table": self.table,
            "preset": self.preset,
            "minutes": self.minutes,
            "steps": self.steps,
            "seed": self.seed,
            "rows": list(dict.fromkeys(job.row.name for job in self.jobs)),
            "captures": {
                name: {"folder": str(subject.folder.resolve()), "meta": subject.meta, "scored": list(subject.frames)}
                for name, subject in subjects.items()
            },
        }


def parse_budget(text: str) -> float:
    """Read a time, for example "2h", "90m" or "1.5" (hours), and return hours; raise InputError if it is not one."""
    found = re.fullmatch(r"\s*([0-9.eE+/-]+?)\s*([hm]?)\s*", text)
    try:
        hours = parse_finite(found[1]) * _UNITS[found[2]] if found else 0.0
    except Exception as error:  # parse_finite raises what argparse shows; here the message below is clearer
        raise InputError(f"--budget {text[:40]}", "is not a time", "write for example 2h or 90m") from error
    if not 0 < hours <= 10_000:
        raise InputError(f"--budget {text[:40]}", "is not a time", "write for example 2h or 90m")
    return hours


def capture_subject(folder: Path, layout: str | None, frames: str | None) -> Subject:
    """Return a user's capture as the subject of a table.

    Args:
        folder: the capture.
        layout: its layout, if the files do not make it clear.
        frames: frames to score, "A:B:STRIDE"; None means a few, spread evenly.

    Raises:
        InputError: the capture cannot be read, has no test cameras, or lacks the frames.
    """
    capture = open_capture(folder, layout)
    if not capture.test_cameras:
        raise InputError(folder, "has no test_cameras in meta.yaml", "add them; they are not trained on, and are scored")
    scored = parse_frames(frames, capture.num_frames) if frames else spread_frames(capture.num_frames)
    return Subject(re.sub(r"[^A-Za-z0-9_-]", "_", capture.name)[:60] or "capture", folder, scored, layout)


def spread_frames(count: int, wanted: int = _SCORED_FRAMES) -> range:
    """Return up to `wanted` frames of `count`, evenly spaced and centered."""
    taken = min(count, wanted)
    stride = count // taken
    first = (count - 1 - (taken - 1) * stride) // 2
    return range(first, first + (taken - 1) * stride + 1, stride)


def recipe_subjects(recipe_name: str, data: Path, sequences: list[str] | None) -> list[Subject]:
    """Return the sequences of one of the paper's data sets; raise InputError when data is missing."""
    recipe = subset(read_recipe(recipe_name), sequences)
    subjects = []
    for sequence in recipe.sequences:
        folder = sequence_folder(sequence, data)
        meta = sequence_meta(recipe, sequence, folder)
        frames = range(0, len(range(meta["frame_start"], meta["frame_stop"], meta["frame_stride"])), recipe.scored_stride)
        subjects.append(Subject(sequence.name, folder, frames, None, meta, recipe.config, recipe.outline))
    return subjects


def make_plan(
    name: str, table: Table, preset: str, subjects: list[Subject], hours: float | None, steps: int | None, seed: int = 0
) -> Plan:
    """Return the plan of a table.

    Args:
        name: of the table.
        table: its rows.
        preset: sizes of the models.
        subjects: the captures.
        hours: time for everything; each run gets the same share of it. Ignored if there are steps.
        steps: steps of each run, in place of a time.
        seed: of each run.

    Raises:
        InputError: there is neither a time nor a number of steps.
    """
    if hours is None and steps is None:
        raise InputError("--budget", "is missing", "write for example --budget 2h, or --steps N for equal steps")
    shared = same_run(table, preset)
    jobs = tuple(Job(subject, row, shared[row.name]) for subject in subjects for row in table.rows)
    plan = Plan(name, preset, jobs, None, steps, seed)
    if steps is not None or hours is None:
        return plan
    return dataclasses.replace(plan, minutes=round(60 * hours * TRAINING_SHARE / plan.runs, 3))


def keep_plan(plan: Plan, folder: Path) -> None:
    """Write the plan into a folder of results, or compare it with the one that is there.

    Raises:
        InputError: the folder has results of another plan, or cannot be written.
    """
    path, values = folder / FILE_NAME, plan.to_dict()
    if path.exists():
        stored = read_yaml(path)
        if stored != values:
            changed = [key for key in values if not isinstance(stored, dict) or stored.get(key) != values[key]]
            fault = f"has results of a plan with other {', '.join(changed)}"
            raise InputError(folder, fault, "repeat that command to continue it, or choose another folder with --out")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(folder, f"cannot be created ({error.strerror})") from error
    write_text(path, dump_yaml(values))


def describe(plan: Plan) -> str:
    """Return the plan in a few lines."""
    subjects = list(dict.fromkeys(job.subject.name for job in plan.jobs))
    length = f"{plan.steps} steps" if plan.minutes is None else f"{plan.minutes:g} minutes"
    lines = [f"{plan.table}, preset {plan.preset}: {plan.runs} runs of {length}, on {', '.join(subjects)}"]
    for job in plan.jobs:
        how = "trained" if job.run == job.row.name else f"the model of {job.run}"
        cells = ", every cell rendered" if job.row.every_cell else ""
        lines.append(f"  {job.subject.name}/{job.row.name}: {how}{cells}")
    return "\n".join(lines)
