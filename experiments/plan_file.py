"""The plan in a folder of results: what was asked for, so that results of different plans are never mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictStr
from pydantic.dataclasses import dataclass

from common.atomic import write_text
from common.errors import InputError
from common.folders import make_folder
from common.validation import FIELDS, WholeNumber, validated, within
from common.yaml_documents import dump_yaml, read_yaml
from experiments.plan import Plan, Subject, make_jobs
from experiments.table import Name, read_table

FILE_NAME = "plan.yaml"
"""Name of the file in the folder of results."""

_Folder = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")]
_Frame = Annotated[WholeNumber, within(0, 10**7)]


@dataclass(frozen=True, config=FIELDS)
class _Capture:
    folder: StrictStr
    """The capture."""
    meta: dict[str, Any]
    """Settings that replace those of its meta.yaml."""
    scored: Annotated[tuple[_Frame, ...], Field(min_length=1)]
    """Frames that are scored, evenly spaced."""


@dataclass(frozen=True, config=FIELDS)
class _File:
    """What `Plan.to_dict` returns; the fields are explained there."""

    table: Name
    preset: Literal["small", "paper"]
    minutes: Annotated[StrictFloat, within(0, 1e6)] | None
    steps: Annotated[WholeNumber, within(1, 10**9)] | None
    seed: Annotated[WholeNumber, within(0, (1 << 63) - 1)]
    rows: tuple[Name, ...]
    captures: Annotated[dict[_Folder, _Capture], Field(min_length=1)]
    recipe: Name | None = None
    processor_time: StrictBool = False

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.steps is None):
            raise ValueError("must have either minutes or steps")


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
            fault = f"has results of a plan with other {', '.join(changed or ['settings'])}"
            raise InputError(folder, fault, "repeat that command to continue it, or choose another folder with --out")
        return
    make_folder(folder, parents=True)
    write_text(path, dump_yaml(values))


def read_plan(folder: Path) -> Plan:
    """Return the plan of a folder of results.

    Its captures have only what a report needs: name, folder and scored frames.

    Raises:
        InputError: the folder has no plan or a damaged one, or the table has other rows now.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise InputError(folder, "is not a folder of results", "name one that experiments.run wrote with --out")
    stored = validated(_File, read_yaml(path), str(path))
    table = read_table(stored.table)
    if stored.rows != tuple(row.name for row in table.rows):
        raise InputError(path, f"has other rows than {stored.table} has now", "run the table again in a new folder")
    subjects = [Subject(name, Path(one.folder), _spread(one.scored)) for name, one in stored.captures.items()]
    jobs = make_jobs(table, stored.preset, subjects)
    length = (stored.minutes, stored.steps)
    return Plan(stored.table, stored.preset, jobs, *length, stored.seed, stored.recipe, stored.processor_time)


def _spread(frames: tuple[int, ...]) -> range:
    stride = frames[1] - frames[0] if len(frames) > 1 else 1
    return range(frames[0], frames[-1] + 1, max(1, stride))
