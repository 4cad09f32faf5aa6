"""How a data set is used for a table: cameras, frames, and settings that differ from the defaults."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictFloat, StrictStr
from pydantic.dataclasses import dataclass

from common.errors import InputError
from common.validation import FIELDS, WholeNumber, validated, within
from common.yaml_documents import read_yaml
from experiments.table import FOLDER, Name
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.evaluate import MAX_OUTLINE

CameraChoice = Annotated[WholeNumber, within(0, 4095)] | StrictStr
"""A camera: a whole number is its place in the capture, from 0; a text is its name."""


@dataclass(frozen=True, config=FIELDS)
class FrameChoice:
    """The frames of a sequence."""

    first: Annotated[WholeNumber, within(0, 10**7)]
    """The first one."""
    last: Annotated[WholeNumber, within(0, 10**7)]
    """The last one, included."""
    stride: Annotated[WholeNumber, within(1, 10**5)] = 1
    """Step from one frame to the next."""
    by: Literal["place", "number"] = "place"
    """What the numbers are: places in the capture, from 0, or the frames' numbers in the names of files."""


@dataclass(frozen=True, config=FIELDS)
class SequenceChoice:
    """A sequence of a data set. What it does not have, the recipe has."""

    name: Name
    """Name of its folder of results."""
    folders: Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=8)]
    """Names of the folder with its data; the first one that exists counts."""
    paper_psnr: dict[Name, Annotated[StrictFloat, within(0, 100)]] = field(default_factory=dict)
    """The PSNR that the paper prints for this sequence, dB, by row."""
    test_cameras: tuple[CameraChoice, ...] | None = None
    """Cameras that are scored; None means the recipe's."""
    meta: dict[str, Any] = field(default_factory=dict)
    """More settings of meta.yaml, see docs/captures.md."""


@dataclass(frozen=True, config=FIELDS)
class Recipe:
    """A data set of the paper, or a part of another one."""

    title: StrictStr
    """Name of the data set."""
    sources: Annotated[tuple[StrictStr, ...], Field(min_length=1)]
    """Where these facts come from."""
    sequences: Annotated[tuple[SequenceChoice, ...], Field(min_length=1, max_length=50)]
    """Its sequences."""
    frames: FrameChoice
    """Frames that are trained."""
    scored_stride: Annotated[WholeNumber, within(1, 10**5)]
    """One frame in this many is scored."""
    test_cameras: tuple[CameraChoice, ...]
    """Cameras that are scored."""
    outline: Annotated[WholeNumber, within(0, MAX_OUTLINE)] = 0
    """`--outline` of `training.evaluate`: pixels around the masks' outlines that PSNR does not count; 0 means none."""
    train_cameras: tuple[CameraChoice, ...] | None = None
    """Cameras that are trained on; None means all but the scored and the unused ones."""
    unused_cameras: tuple[CameraChoice, ...] = ()
    """Cameras that are neither trained on nor scored."""
    meta: dict[str, Any] = field(default_factory=dict)
    """More settings of meta.yaml, see docs/captures.md."""
    config: dict[str, Any] = field(default_factory=dict)
    """Settings that replace those of every row's training config."""
    unknown: tuple[StrictStr, ...] = ()
    """What the sources do not say, or what is done differently here."""


def recipe_names() -> list[str]:
    """Return the names of all recipes."""
    return sorted(path.stem for path in (FOLDER / "recipes").glob("*.yaml"))


def read_recipe(name: str) -> Recipe:
    """Read a recipe by name; raise InputError if it is missing or wrong."""
    if name not in recipe_names():
        raise InputError(f"recipe {name[:40]}", "is unknown", f"choose one of {', '.join(recipe_names())}")
    path = FOLDER / "recipes" / f"{name}.yaml"
    return validated(Recipe, read_yaml(path), str(path))


def sequence_folder(sequence: SequenceChoice, data: Path) -> Path:
    """Return the folder of a sequence inside the folder of a data set; raise InputError if it is not there."""
    found = next((data / name for name in sequence.folders if (data / name).is_dir()), None)
    if found is None:
        remedy = "add it, or choose other sequences with --sequences"
        raise InputError(data, f"has no folder of the sequence {sequence.name} ({', '.join(sequence.folders)})", remedy)
    return found


def sequence_meta(recipe: Recipe, sequence: SequenceChoice, folder: Path) -> dict[str, Any]:
    """Return the settings of meta.yaml that select what the paper used of a sequence.

    Args:
        recipe: the data set.
        sequence: one of its sequences.
        folder: its data.

    Raises:
        InputError: the data cannot be read, or lacks a camera or a frame of the recipe.
    """
    given = recipe.meta | sequence.meta
    everything = {"frame_start": 0, "frame_stop": None, "frame_stride": 1, "train_cameras": None, "test_cameras": None}
    capture = open_capture(folder, overrides=given | everything)
    test = _cameras(capture, recipe.test_cameras if sequence.test_cameras is None else sequence.test_cameras)
    apart = {*test, *_cameras(capture, recipe.unused_cameras)}
    if recipe.train_cameras is None:
        train = [index for index in range(len(capture.cameras)) if index not in apart]
    else:
        train = _cameras(capture, recipe.train_cameras)
    return {"name": sequence.name} | given | _frames(capture, recipe.frames) | {"train_cameras": train, "test_cameras": test}


def _cameras(capture: Capture, chosen: tuple[int | str, ...]) -> list[int]:
    names = capture.camera_names
    for camera in chosen:
        if camera not in (names if isinstance(camera, str) else range(len(names))):
            raise InputError(capture.root, f"has no camera {camera}", f"the recipe needs it; there are {len(names)} cameras")
    return [names.index(camera) if isinstance(camera, str) else camera for camera in chosen]


def _frames(capture: Capture, chosen: FrameChoice) -> dict[str, int]:
    numbers = range(chosen.first, chosen.last + 1, chosen.stride)
    if chosen.by == "place":
        places = list(numbers)
    else:
        named = [capture.frame_name(place) for place in range(capture.num_frames)]
        known = {int(name): place for place, name in enumerate(named) if name.isascii() and name.isdigit()}
        missing = next((number for number in numbers if number not in known), None)
        if missing is not None:
            raise InputError(capture.root, f"has no frame {missing} with an image of each camera", "the recipe needs it")
        places = [known[number] for number in numbers]
    if places[-1] >= capture.num_frames:
        raise InputError(capture.root, f"has {capture.num_frames} frames, but the recipe needs {places[-1] + 1}")
    steps = {after - before for before, after in itertools.pairwise(places)} or {1}
    if len(steps) > 1:
        raise InputError(capture.root, "has frames between those of the recipe in some places only", "remove them")
    return {"frame_start": places[0], "frame_stop": places[-1] + 1, "frame_stride": steps.pop()}


def subset(recipe: Recipe, names: list[str] | None) -> Recipe:
    """Return the recipe with some of its sequences only; raise InputError when it does not have one of them."""
    if names is None:
        return recipe
    known = {sequence.name: sequence for sequence in recipe.sequences}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InputError(f"--sequences {unknown[:40]}", "is not in the recipe", f"the sequences are {', '.join(known)}")
    return dataclasses.replace(recipe, sequences=tuple(known[name] for name in names))
