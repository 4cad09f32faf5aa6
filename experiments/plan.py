"""Divide a budget among the runs of a table: equal time for each, or equal steps."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.command_line import parse_finite
from common.errors import InputError
from experiments.recipe import read_recipe, sequence_folder, sequence_meta, subset
from experiments.table import Row, Table, same_run
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.evaluate import parse_frames

TRAINING_SHARE = 0.8
"""Part of the budget that is spent on training. The rest is for rendering, scoring and timing."""

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
    """Length of each run, from reading the images to the written bundle, or only its steps if it is processor time; None if
    steps are given."""
    steps: int | None
    """Steps of each run; None if a time is given."""
    seed: int = 0
    """Seed of each run."""
    recipe: str | None = None
    """Name of the recipe that the captures are sequences of; None for a capture of the user's."""
    processor_time: bool = False
    """Whether minutes and times of rendering are those of processor time; if not, they are those that pass."""

    @property
    def length(self) -> str:
        """Length of each run in words."""
        clock = " of processor time" if self.processor_time else ""
        return f"{self.steps} steps" if self.minutes is None else f"{self.minutes:g} minutes{clock}"

    @property
    def subjects(self) -> dict[str, Subject]:
        """The captures by name."""
        return {job.subject.name: job.subject for job in self.jobs}

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows, in the order of the table."""
        return tuple({job.row.name: job.row for job in self.jobs}.values())

    @property
    def runs(self) -> int:
        """Number of runs that are trained."""
        return len({(job.subject.name, job.run) for job in self.jobs})

    def to_dict(self) -> dict[str, Any]:
        """Return what decides the results, as plain data. Two plans with equal data may share a folder of results."""
        values = {
            "table": self.table,
            "preset": self.preset,
            "minutes": self.minutes,
            "steps": self.steps,
            "seed": self.seed,
            "rows": [row.name for row in self.rows],
            "captures": {
                name: {"folder": str(subject.folder.resolve()), "meta": subject.meta, "scored": list(subject.frames)}
                for name, subject in self.subjects.items()
            },
        }
        values |= {} if self.recipe is None else {"recipe": self.recipe}
        return values | ({"processor_time": True} if self.processor_time else {})


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
        raise InputError(folder, "has no test_cameras in meta.yaml", "add them: they are scored, and not trained on")
    scored = parse_frames(frames, capture.num_frames) if frames else spread_frames(capture.num_frames)
    return Subject(re.sub(r"[^A-Za-z0-9_-]", "_", capture.name)[:60] or "capture", folder, scored, layout)


def spread_frames(count: int) -> range:
    """Return up to `_SCORED_FRAMES` frames of `count`, evenly spaced and centered."""
    taken = min(count, _SCORED_FRAMES)
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
    name: str,
    table: Table,
    preset: str,
    subjects: list[Subject],
    hours: float | None,
    steps: int | None,
    seed: int = 0,
    recipe: str | None = None,
    processor_time: bool = False,
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
        recipe: name of the recipe that the captures are sequences of, if any.
        processor_time: whether this time, and the times of rendering, are processor time.

    Raises:
        InputError: there is neither a time nor a number of steps.
    """
    if hours is None and steps is None:
        raise InputError("--budget", "is missing", "write for example --budget 2h, or --steps N for equal steps")
    plan = Plan(name, preset, make_jobs(table, preset, subjects), None, steps, seed, recipe, processor_time)
    if steps is not None or hours is None:
        return plan
    return dataclasses.replace(plan, minutes=round(60 * hours * TRAINING_SHARE / plan.runs, 3))


def make_jobs(table: Table, preset: str, subjects: Iterable[Subject]) -> tuple[Job, ...]:
    """Return the jobs of a table, one capture after the other."""
    shared = same_run(table, preset)
    return tuple(Job(subject, row, shared[row.name]) for subject in subjects for row in table.rows)


def describe(plan: Plan) -> str:
    """Return the plan in a few lines."""
    lines = [f"{plan.table}, preset {plan.preset}: {plan.runs} runs of {plan.length}, on {', '.join(plan.subjects)}"]
    for job in plan.jobs:
        how = "trained" if job.run == job.row.name else f"the model of {job.run}"
        cells = ", every cell rendered" if job.row.every_cell else ""
        lines.append(f"  {job.subject.name}/{job.row.name}: {how}{cells}")
    return "\n".join(lines)
