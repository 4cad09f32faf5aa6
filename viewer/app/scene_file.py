"""Scene files: which bundles stand where, from when, and what part of each is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Annotated

from pydantic import StrictFloat, StrictStr
from pydantic.dataclasses import dataclass as checked

from common.documents import read_json
from common.errors import InputError
from common.validation import FIELDS, validated, within
from model.placement import SCALES, Placement
from model.scene import PlacedVideo, Scene
from model.video import VolumetricVideo
from renderer.backend import RenderSettings

SCENE_SUFFIX = ".mlpvid-scene"
"""End of the name of a scene file."""

VERSION = 1
"""Version of the file's layout. Files of newer versions are refused."""

MAX_VIDEOS = 64
"""Maximum number of videos in a scene."""

Meters = Annotated[StrictFloat, within(-1e6, 1e6)]
Point = tuple[Meters, Meters, Meters]
Degrees = Annotated[StrictFloat, within(-36000, 36000)]


@checked(config=FIELDS)
class Entry:
    """One video of a scene file. docs/viewer.md describes the fields to users."""

    bundle: StrictStr
    """Name of the bundle, relative to the scene file's folder."""
    position: Point = (0.0, 0.0, 0.0)
    """Meters."""
    rotation: tuple[Degrees, Degrees, Degrees] = (0.0, 0.0, 0.0)
    """Turns about the scene's x, y and z axes in this order, degrees."""
    scale: Annotated[StrictFloat, within(*SCALES)] = 1.0
    """Size in the scene over size in the bundle."""
    time_offset: Annotated[StrictFloat, within(-86400, 86400)] = 0.0
    """Time at which the video begins, seconds."""
    crop: tuple[Point, Point] | None = None
    """Lower and upper corner of the part that is shown, meters in the bundle's own coordinates."""

    @property
    def placement(self) -> Placement:
        """Its place and time."""
        return Placement(self.position, self.rotation, self.scale, self.time_offset)


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
    videos: dict[Path, VolumetricVideo] = {}
    for entry in entries:
        bundle = path.parent / entry.bundle
        if bundle.suffix == SCENE_SUFFIX:
            raise InputError(path, f"contains the scene {entry.bundle}", "name bundles only")
        if bundle not in videos:
            videos[bundle] = read(bundle)
    return Scene(tuple(PlacedVideo(videos[path.parent / entry.bundle], entry.placement, entry.crop) for entry in entries))


def _entries(path: Path) -> list[Entry]:
    values = read_json(path)
    if not isinstance(values, dict) or type(values.get("scene")) is not int:
        raise InputError(path, "is not a scene", f'begin it with {{"scene": {VERSION}, "videos": [{{"bundle": "a.mlpvid"}}]}}')
    version = values.pop("scene")
    if not 1 <= version <= VERSION:
        raise InputError(path, f"has version {version}; this viewer reads up to {VERSION}", "update the viewer")
    try:
        entries = validated(_Contents, values, "scene").videos
        for entry in entries:
            RenderSettings(crop=entry.crop)  # its corners must be in order
    except InputError as error:
        raise InputError(path, str(error)) from error
    if not 1 <= len(entries) <= MAX_VIDEOS:
        raise InputError(path, f"has {len(entries)} videos", f"list 1 to {MAX_VIDEOS}")
    return entries
