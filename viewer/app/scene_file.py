"""Scene files: which bundles stand where, from when, and what part of each is shown."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, StrictBool, StrictFloat, StrictStr
from pydantic.dataclasses import dataclass as checked

from common.atomic import write_text
from common.documents import read_json
from common.errors import InputError
from common.streaming.address import is_address
from common.validation import FIELDS, validated, within
from model.placement import SCALES, Placement
from model.scene import PlacedVideo, Scene
from model.video import VolumetricVideo
from renderer.backend import RenderSettings
from viewer import SCENE_SUFFIX
from viewer.app.places import Place, place_of

VERSION = 1
"""Version of the file's layout. Files of newer versions are refused."""

MAX_VIDEOS = 64
"""Maximum number of videos in a scene."""

DISTANCES = (-1e6, 1e6)
"""Smallest and largest coordinate, meters."""

ANGLES = (-36000.0, 36000.0)
"""Smallest and largest turn, degrees."""

OFFSETS = (-86400.0, 86400.0)
"""Smallest and largest offset in time, seconds."""

_DOWNLOAD = "a scene file can only name files: download the video first"

Meters = Annotated[StrictFloat, within(*DISTANCES)]
Point = tuple[Meters, Meters, Meters]
Degrees = Annotated[StrictFloat, within(*ANGLES)]


def _file_name(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("must be the name of a file")
    return text


@checked(config=FIELDS)
class Entry:
    """One video of a scene file. docs/scenes.md describes the fields to users."""

    bundle: Annotated[StrictStr, AfterValidator(_file_name)]
    """Name of the bundle, relative to the scene file's folder."""
    position: Point = (0.0, 0.0, 0.0)
    """Meters."""
    rotation: tuple[Degrees, Degrees, Degrees] = (0.0, 0.0, 0.0)
    """Turns about the scene's x, y and z axes in this order, degrees."""
    scale: Annotated[StrictFloat, within(*SCALES)] = 1.0
    """Size in the scene over size in the bundle."""
    time_offset: Annotated[StrictFloat, within(*OFFSETS)] = 0.0
    """Time at which the video begins, seconds."""
    crop: tuple[Point, Point] | None = None
    """Lower and upper corner of the part that is shown, meters in the bundle's own coordinates."""
    visible: StrictBool = True
    """Whether it is shown."""

    @property
    def placement(self) -> Placement:
        """Its place and time."""
        return Placement(self.position, self.rotation, self.scale, self.time_offset)

    def to_dict(self) -> dict[str, object]:
        """Return the object of a scene file. Fields that have their defaults are left out."""
        defaults = Entry(self.bundle)
        values = dataclasses.asdict(self).items()
        return {name: value for name, value in values if name == "bundle" or value != getattr(defaults, name)}


@checked(config=FIELDS)
class _Contents:
    videos: list[Entry] = field(default_factory=list)


def read_scene(path: Path, read: Callable[[Path], VolumetricVideo]) -> Scene:
    """Read a scene file and its bundles. A bundle that occurs several times is read once.

    Args:
        path: the file.
        read: reads a bundle.

    Raises:
        InputError: the file or a bundle is missing, unreadable or invalid, or of a newer version.
    """
    entries = _entries(path)
    for entry in entries:
        if Path(entry.bundle).suffix == SCENE_SUFFIX:
            raise InputError(path, f"contains the scene {entry.bundle}", "name bundles only")
        if is_address(entry.bundle):
            raise InputError(path, f"contains {entry.bundle}, which is on a server", f"{_DOWNLOAD} and name the file")
    return Scene(placed_videos([(path.parent / entry.bundle, entry) for entry in entries], read))


def placed_videos(entries: Sequence[tuple[Place, Entry]], read: Callable[[Any], VolumetricVideo]) -> tuple[PlacedVideo, ...]:
    """Read the videos of entries and place them. A video that occurs several times is read once.

    Args:
        entries: where each video is, and its entry.
        read: reads a video from such a place; its errors are passed on.
    """
    videos: dict[Place, VolumetricVideo] = {}
    for place, _ in entries:
        if place not in videos:
            videos[place] = read(place)
    return tuple(PlacedVideo(videos[place], entry.placement, entry.crop, entry.visible, place) for place, entry in entries)


def is_plain(videos: Sequence[PlacedVideo]) -> bool:
    """Return whether this is one visible video in its own place, which needs no scene; it may have a crop box."""
    return len(videos) == 1 and videos[0].visible and videos[0].placement == Placement()


def entry_of(placed: PlacedVideo, name: str) -> Entry:
    """Return the entry of a placed video, whose bundle gets this name."""
    place = placed.placement
    return Entry(name, place.position, place.rotation, place.scale, place.time_offset, placed.crop, placed.visible)


def write_scene(videos: Sequence[PlacedVideo], path: Path) -> None:
    """Write a scene file atomically. Bundles are named relative to its folder where both are on one drive.

    Raises:
        InputError: a video was not read from a file, or the file cannot be written.
    """
    if not 1 <= len(videos) <= MAX_VIDEOS:
        raise InputError(path, f"would have {len(videos)} videos", f"a scene has 1 to {MAX_VIDEOS}")
    entries = [entry_of(placed, _name_of(placed, path)).to_dict() for placed in videos]
    write_text(path, json.dumps({"scene": VERSION, "videos": entries}, indent=1) + "\n")


def _name_of(placed: PlacedVideo, scene: Path) -> str:
    if not isinstance(placed.path, Path):
        where = "a video that was not read from a file" if placed.path is None else f"{placed.path}, which is on a server"
        raise InputError(scene, f"contains {where}", _DOWNLOAD)
    if os.path.isdir(placed.path):  # False for names that no file can have, where Path.is_dir raises
        raise InputError(scene, f"contains the training run {placed.path}", "export it to a bundle first")
    bundle = placed.path.absolute()
    try:
        return Path(os.path.relpath(bundle, scene.absolute().parent)).as_posix()
    except ValueError:  # another drive
        return str(bundle)


def read_entries(values: object, subject: str) -> tuple[tuple[Place, Entry], ...]:
    """Read entries that are not in a scene file: each bundle has an absolute path or is an address.

    Args:
        values: plain data, a list of objects with the fields of `Entry`.
        subject: what they belong to, for messages.

    Raises:
        InputError: a value is of a wrong type or out of range.
    """
    entries = _checked({"videos": values}, subject)
    return tuple((place_of(entry.bundle), entry) for entry in entries)


def _entries(path: Path) -> list[Entry]:
    values = read_json(path)
    if not isinstance(values, dict) or type(values.get("scene")) is not int:
        raise InputError(path, "is not a scene", f'begin it with {{"scene": {VERSION}, "videos": [{{"bundle": "a.mlpvid"}}]}}')
    version = values.pop("scene")
    if version < 1:
        raise InputError(path, f"has version {version}, which does not exist", f"write {VERSION}")
    if version > VERSION:
        raise InputError(path, f"has version {version}; this viewer reads up to {VERSION}", "update the viewer")
    try:
        return _checked(values, "scene")
    except InputError as error:
        raise InputError(path, str(error)) from error


def _checked(values: object, subject: str) -> list[Entry]:
    entries = validated(_Contents, values, subject).videos
    for entry in entries:
        RenderSettings(crop=entry.crop)  # its corners must be in order
    if not 1 <= len(entries) <= MAX_VIDEOS:
        raise InputError(subject, f"has {len(entries)} videos", f"list 1 to {MAX_VIDEOS}")
    return entries
