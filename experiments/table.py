"""What a table has: its rows, their training configs, and the figures that the paper prints for them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictStr
from pydantic.dataclasses import dataclass

from common.errors import InputError
from common.validation import FIELDS, validated
from common.yaml_documents import read_yaml
from training.config import TrainingConfig, load_config

FOLDER = Path(__file__).parent
"""The folder with `tables`, `configs` and `recipes`."""

PRESETS = ("small", "paper")
"""Sizes of the models: for two CPU cores, or those of the papers."""

Name = Annotated[StrictStr, Field(pattern=r"^[a-z0-9_]{1,60}$")]
"""A name that is also the name of a file or folder."""

Figure = Annotated[StrictFloat, Field(allow_inf_nan=False)] | None
"""A printed number; None where the paper prints none."""


@dataclass(frozen=True, config=FIELDS)
class PaperFigures:
    """What the paper prints in a row. The pictures and the machine are not ours, so only the order of rows is comparable."""

    psnr: Figure = None
    """PSNR, dB."""
    ssim: Figure = None
    """SSIM, as published (data range 2)."""
    lpips: Figure = None
    """LPIPS."""
    milliseconds: Figure = None
    """Time of rendering an image on one RTX 3090."""
    megabytes: Figure = None
    """Storage, float32."""


@dataclass(frozen=True, config=FIELDS)
class Row:
    """A row of a table."""

    name: Name
    """Name of its folder and, unless `config` says otherwise, of its training config."""
    label: StrictStr
    """What the table calls it."""
    config: Name | None = None
    """Name of the training config, a file in `configs/PRESET`; None means `name`."""
    every_cell: StrictBool = False
    """Mark every cell as occupied after training: the renderer then skips no empty space."""
    paper: PaperFigures = PaperFigures()
    """The paper's figures."""

    @property
    def config_name(self) -> str:
        """Name of the training config."""
        return self.config or self.name


@dataclass(frozen=True, config=FIELDS)
class Table:
    """A table of the paper, or one that its text suggests."""

    title: StrictStr
    """Headline."""
    source: StrictStr
    """Where the rows and the paper's figures come from."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1, max_length=50)]
    """The rows, in the order in which they are trained."""
    compared_with: Name = "complete"
    """Name of the row that the others are compared with."""
    recipe: Name | None = None
    """Name of the recipe that `--data` uses; None if the paper's data for this table is not known."""
    notes: tuple[StrictStr, ...] = ()
    """What a reader should know, a sentence or two each."""

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if len(set(names)) != len(names):
            raise ValueError("has two rows of the same name")
        if self.compared_with not in names:
            raise ValueError(f"compared_with names no row; the rows are {', '.join(names)}")


def table_names() -> list[str]:
    """Return the names of all tables."""
    return sorted(path.stem for path in (FOLDER / "tables").glob("*.yaml"))


def read_table(name: str) -> Table:
    """Read a table; raise InputError if there is none of this name."""
    if name not in table_names():
        raise InputError(f"table {name[:40]}", "is unknown", f"choose one of {', '.join(table_names())}")
    path = FOLDER / "tables" / f"{name}.yaml"
    return validated(Table, read_yaml(path), str(path))


def config_path(row: Row, preset: str) -> Path:
    """Return the file with the training config of a row."""
    return FOLDER / "configs" / preset / f"{row.config_name}.yaml"


def row_config(row: Row, preset: str) -> TrainingConfig:
    """Read the training config of a row; raise InputError if it is missing or wrong."""
    return load_config(str(config_path(row, preset)))


def same_run(table: Table, preset: str) -> dict[str, str]:
    """Return for each row the name of the first row with the same training settings, whose trained model it shares."""
    first: list[tuple[str, TrainingConfig]] = []
    shared: dict[str, str] = {}
    for row in table.rows:
        config = dataclasses.replace(row_config(row, preset), steps=1, minutes=0.0)
        shared[row.name] = next((name for name, other in first if other == config), row.name)
        first.append((row.name, config))
    return shared
