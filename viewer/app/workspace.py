"""Workspaces: the open bundles with camera, time, range, markers and camera path, and how the window displays them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import StrictFloat, StrictInt, StrictStr
from pydantic.dataclasses import dataclass as checked

from common.atomic import write_text
from common.documents import read_json
from common.errors import InputError
from common.validation import FIELDS, validated, within
from model.camera import Camera
from model.placement import Placement
from viewer import SCENE_SUFFIX
from viewer.app.document import Document
from viewer.app.documents import Documents
from viewer.app.places import Place, place_of
from viewer.app.scene_file import Entry, entry_of, read_entries
from viewer.camera.history import CameraHistory
from viewer.camera_path.path import CameraPath, Keyframe
from viewer.settings import DisplaySettings, Settings, WindowSettings

VERSION = 1
"""Version of the file's layout. Files of newer versions are refused."""

LAYOUT = ("layout", "inspector_width", "inspect_sections", "direct_sections")
"""Fields of `WindowSettings` that a workspace contains."""

Frame = Annotated[StrictInt, within(0, 1 << 31)]


@checked(config=FIELDS)
class Playhead:
    """The state of a playback clock."""

    time: Annotated[StrictFloat, within(0, 1 << 31)] = 0.0
    """Frame index; it may be between two frames."""
    in_point: Frame = 0
    """First frame of the range."""
    out_point: Frame = 0
    """Last frame of the range."""
    markers: tuple[tuple[Frame, StrictStr], ...] = ()
    """Frames with markers, and their names."""


@dataclass(frozen=True)
class SavedDocument:
    """What a workspace knows about an open bundle."""

    path: Place
    """The file or the address."""
    playhead: Playhead
    """Time, range and markers."""
    camera: Camera
    """The view."""
    keyframes: tuple[Keyframe, ...]
    """The camera path."""
    tension: float
    """Tension of the camera path."""
    scene: tuple[tuple[Place, Entry], ...] = ()
    """The videos of its scene and where they are, if they were arranged and not saved in a scene file."""

    @property
    def entries(self) -> tuple[tuple[Place, Entry], ...]:
        """The videos to read instead of `path`; none if a crop box is all that was changed."""
        return () if self._only_cropped else self.scene

    @property
    def _only_cropped(self) -> bool:
        entries = [entry for _, entry in self.scene]
        alone = len(entries) == 1 and entries[0].visible and entries[0].placement == Placement()
        return alone and not self.path.name.endswith(SCENE_SUFFIX)

    def apply(self, document: Document) -> None:
        """Bring an open document into this state. Frames beyond the end of its video are left out."""
        if self._only_cropped:
            document.crop = self.scene[0][1].crop
        document.arranged = bool(self.scene)
        clock, last = document.playback, document.video.num_frames - 1
        clock.pause()
        clock.clear_range()
        clock.set_in_point(min(self.playhead.in_point, last))
        clock.set_out_point(min(self.playhead.out_point, last))
        clock.markers = {frame: name for frame, name in self.playhead.markers if frame <= last}
        time = min(self.playhead.time, float(last))
        (clock.seek_between if time % 1 else clock.seek)(time)
        document.camera.snap_to(self.camera)
        document.camera.history = CameraHistory()
        document.fitted = True
        document.camera_path = CameraPath(list(self.keyframes), self.tension)
        document.path_time, document.selected_keyframe = document.camera_path.start, None


@dataclass(frozen=True)
class Workspace:
    """What a workspace file contains."""

    documents: tuple[SavedDocument, ...]
    """The open bundles, in the order of their tabs."""
    front: int
    """Index of the front tab."""
    view: DisplaySettings
    """Display settings of the picture."""
    layout: WindowSettings
    """Its fields `LAYOUT` are the layout of the window."""

    def to_text(self) -> str:
        """Return the content of the file."""
        documents = [
            {
                "path": str(saved.path),
                "playhead": dataclasses.asdict(saved.playhead),
                "camera": saved.camera.to_dict(),
                "camera_path": CameraPath(list(saved.keyframes), saved.tension).to_dict() if saved.keyframes else None,
                "scene": [entry.to_dict() for _, entry in saved.scene] or None,
            }
            for saved in self.documents
        ]
        layout = {name: getattr(self.layout, name) for name in LAYOUT}
        view = dataclasses.asdict(self.view)
        values = {"workspace": VERSION, "documents": documents, "front": self.front, "view": view, "layout": layout}
        return json.dumps(values, indent=1)


def workspace_of(documents: Documents, settings: Settings, size: tuple[int, int]) -> Workspace:
    """Return the state of the window, whose view has this width and height in pixels."""
    return Workspace(
        tuple(_saved(document, size) for document in documents.all),
        documents.active_index,
        replace(settings.view),
        replace(settings.window),
    )


def _saved(document: Document, size: tuple[int, int]) -> SavedDocument:
    clock, path = document.playback, document.camera_path
    playhead = Playhead(clock.time, clock.in_point, clock.out_point, tuple(sorted(clock.markers.items())))
    camera = document.camera.to_camera(*size)
    scene = tuple((placed.path, entry_of(placed, str(placed.path))) for placed in document.placed if placed.path is not None)
    scene = scene if document.arranged else ()
    return SavedDocument(document.path, playhead, camera, path.keyframes, path.tension, scene)


def save_workspace(workspace: Workspace, path: Path) -> None:
    """Write a workspace file atomically; InputError if it cannot be written."""
    write_text(path, workspace.to_text())


def read_workspace(path: Path) -> Workspace:
    """Read a workspace file.

    Raises:
        InputError: the file is missing, unreadable, not a workspace or of a newer version, or something in it is invalid.
    """
    values = read_json(path)
    if not isinstance(values, dict) or not isinstance(values.get("workspace"), int):
        raise InputError(path, "is not a workspace", "choose a file that was saved with Save workspace")
    if values["workspace"] > VERSION:
        raise InputError(path, f"has version {values['workspace']}, newer than this viewer's {VERSION}", "update the viewer")
    listed, front = values.get("documents"), values.get("front", 0)
    if not isinstance(listed, list) or not isinstance(front, int):
        raise InputError(path, "must have a list of documents and the index of the front one")
    try:
        documents = tuple(_read_document(entry, f"document {index}") for index, entry in enumerate(listed))
        view = validated(DisplaySettings, values.get("view", {}), "view")
        layout = validated(WindowSettings, values.get("layout", {}), "layout")
    except InputError as error:
        raise InputError(path, str(error)) from error
    return Workspace(documents, front, view, layout)


def _read_document(entry: Any, subject: str) -> SavedDocument:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not entry["path"]:
        raise InputError(subject, "must be a JSON object with the path of a bundle")
    path = entry.get("camera_path")
    camera_path = CameraPath() if path is None else CameraPath.from_dict(path, f"{subject}: camera path")
    return SavedDocument(
        place_of(entry["path"]),
        validated(Playhead, entry.get("playhead", {}), f"{subject}: playhead"),
        Camera.from_dict(entry.get("camera"), f"{subject}: camera"),
        camera_path.keyframes,
        camera_path.tension,
        () if entry.get("scene") is None else read_entries(entry["scene"], f"{subject}: scene"),
    )
