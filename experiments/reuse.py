"""Take rows from the results of other tables: the same settings, capture and length give the same model."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from common.yaml_documents import read_yaml
from experiments.jobs import job_folder, write_config
from experiments.plan import Job, Plan
from experiments.plan_file import FILE_NAME, read_plan
from experiments.provenance import add_provenance, read_provenance
from training.config import TrainingConfig, load_config

_FILES = ("rendered.png", "truth.png", "result.json")  # the last one says that a row is finished


def take_result(plan: Plan, job: Job, out: Path, others: Sequence[Path]) -> Path | None:
    """Copy the result of a row from another folder of results that has the same row, under any name.

    Its plan must have the same preset, length, clock and seed, and the same capture with the same scored frames. The settings
    of its training are read from the run itself.

    Args:
        plan: what is run.
        job: the row.
        out: the folder of results that gets the files.
        others: the folders to look in.

    Returns:
        The folder of results that has it; None if none has.

    Raises:
        InputError: one of the folders has no results or damaged ones, or a file cannot be copied.
    """
    wanted = _settings(load_config(str(write_config(plan, job, out))))
    for other in others:
        theirs = read_plan(other)
        if _conditions(read_yaml(other / FILE_NAME), job) != _conditions(plan.to_dict(), job):
            continue
        for candidate in theirs.jobs:
            folder, config = (
                job_folder(other, candidate),
                other / candidate.subject.name / candidate.run / "run" / "config.yaml",
            )
            if candidate.subject.name != job.subject.name or candidate.row.every_cell != job.row.every_cell:
                continue
            if (folder / "result.json").is_file() and config.is_file() and _settings(load_config(str(config))) == wanted:
                _copy(folder, job_folder(out, job))
                add_provenance(out, read_provenance(other))
                return other
    return None


def _conditions(values: object, job: Job) -> dict[str, object] | None:
    """Return what two plans, as plain data, must have in common; None if a plan does not have the capture."""
    if not isinstance(values, dict) or job.subject.name not in values["captures"]:
        return None
    conditions = {name: values.get(name) for name in ("preset", "minutes", "steps", "seed", "recipe")}
    captures = {"capture": values["captures"][job.subject.name], "processor_time": values.get("processor_time", False)}
    return conditions | captures


def _settings(config: TrainingConfig) -> TrainingConfig:
    """Return the settings of a training without its length, which is in the plan."""
    return dataclasses.replace(config, steps=1, minutes=0.0, processor_time=False)


def _copy(source: Path, target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            shutil.copyfile(source / name, target / name)
    except OSError as error:
        raise InputError(source, f"cannot be copied ({error.strerror})") from error
