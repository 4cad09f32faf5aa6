"""Edit which videos a scene has, and where, when and how much of each is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import InputError
from model.scene import Box, PlacedVideo, Scene
from model.video import VolumetricVideo
from viewer.app.document import Document
from viewer.app.documents import Documents
from viewer.app.faults import CHECK_FILE, cannot_open
from viewer.app.files import BundleLoader, file_stamp
from viewer.app.messages import Messages
from viewer.app.places import Place
from viewer.app.redraw import Redraw
from viewer.app.scene_file import MAX_VIDEOS, write_scene
from viewer.camera.history import StateEdit


@dataclass(frozen=True)
class SceneState:
    """A snapshot of a scene for the undo history."""

    videos: tuple[PlacedVideo, ...]
    """The videos."""
    selected: int
    """Index of the selected one."""

    def same_scene(self, other: SceneState) -> bool:
        """Return whether both show the same, ignoring the selection."""
        return [_key(placed) for placed in self.videos] == [_key(placed) for placed in other.videos]


def _key(placed: PlacedVideo) -> tuple[object, ...]:
    return id(placed.video), placed.placement, placed.crop, placed.visible


class SceneEdits:
    """Edits the scenes of documents. An edit is visible in the next image; one drag or typed number is undone as one.

    Args:
        documents: the open documents.
        messages: shows errors.
        redraw: notified when an image is needed.
    """

    def __init__(self, documents: Documents, messages: Messages, redraw: Redraw) -> None:
        self._documents, self._messages, self._redraw = documents, messages, redraw
        self.tool = ""
        """What the mouse changes of the selected video, "move", "rotate", "scale" or "crop"; empty while it changes nothing."""
        self._loader = BundleLoader(redraw.notify)
        self._waiting: list[tuple[Place, Document]] = []
        self._before: tuple[Document, SceneState] | None = None  # the scene before an edit that has not ended yet

    def toggle_tool(self, tool: str) -> None:
        """Let the mouse use a tool, or none if it is in use."""
        self.tool = "" if self.tool == tool else tool
        self._redraw.request()

    def change(self, document: Document, placed: PlacedVideo) -> None:
        """Replace the selected video by a changed version of it. Changes until `settle` are one edit."""
        videos = list(document.placed)
        videos[document.selected_video] = placed
        self.arrange(document, tuple(videos))

    def arrange(self, document: Document, videos: tuple[PlacedVideo, ...], selected: int | None = None) -> bool:
        """Replace all videos of a scene; an error becomes a dialog. Changes until `settle` are one edit.

        Args:
            document: whose scene it is.
            videos: the new ones.
            selected: index of the one that is selected then; None keeps the selection.

        Returns:
            Whether it was possible.
        """
        before = scene_state(document)
        try:
            document.arrange(videos)
        except InputError as error:
            self._messages.show_exception(error, "Cannot change the scene")
            return False
        if self._before is not None and self._before[0] is not document:
            self.settle()
        self._before = self._before or (document, before)
        if selected is not None:
            document.selected_video = selected
        self._redraw.record_motion()
        return True

    def settle(self) -> None:
        """End the edit under way, so that it can be undone. Call this while no control is being used."""
        if self._before is None:
            return
        (document, before), self._before = self._before, None
        if not before.same_scene(scene_state(document)):
            edit = StateEdit(before, lambda: scene_state(document), lambda state: put_scene_state(document, state))
            document.camera.history.record_edit(edit)

    def remove(self, document: Document, index: int) -> None:
        """Remove a video from a scene of several."""
        videos = document.placed
        selected = document.selected_video - (index < document.selected_video)
        self.arrange(document, videos[:index] + videos[index + 1 :], min(selected, len(videos) - 2))

    def add(self, document: Document, path: Path) -> None:
        """Read a bundle or a scene in the background and add its videos to a document's scene; an error becomes a dialog."""
        path = path.absolute()
        self._waiting.append((path, document))
        self._loader.load(path)
        self._messages.set_status(f"Reading {path.name} ...")

    @property
    def adding(self) -> bool:
        """Whether a video is being read."""
        return bool(self._waiting)

    def update(self) -> None:
        """Add the videos that were read since the last call."""
        for path, outcome, _ in self._loader.take():
            targets = [document for place, document in self._waiting if place == path]
            self._waiting = [(place, document) for place, document in self._waiting if place != path]
            self._messages.set_status("")
            if isinstance(outcome, Exception):
                self._messages.show_exception(outcome, cannot_open(str(path)), CHECK_FILE)
                continue
            for document in targets:
                if document in self._documents.all:
                    self._add(document, path, outcome)

    def _add(self, document: Document, path: Place, video: VolumetricVideo) -> None:
        added = video.videos if isinstance(video, Scene) else (PlacedVideo(video, path=path),)
        videos = (*document.placed, *added)
        if len(videos) > MAX_VIDEOS:
            fault = InputError(str(path), f"would make a scene of {len(videos)} videos", f"a scene has at most {MAX_VIDEOS}")
            self._messages.show_exception(fault, cannot_open(str(path)))
            return
        if self.arrange(document, videos, len(document.placed)):
            self.settle()
            self._messages.set_status(f"{path.name} added to the scene")

    def save(self, document: Document, path: Path) -> None:
        """Write a scene file, which the document belongs to from then on; InputError if that is impossible."""
        write_scene(document.placed, path)
        videos = document.placed
        document.path, document.stamp = path.absolute(), file_stamp(path)
        document.arrange(videos)  # a scene file may also have one video
        document.arranged = False


def scene_state(document: Document) -> SceneState:
    """Return the current scene."""
    return SceneState(document.placed, document.selected_video)


def put_scene_state(document: Document, state: SceneState) -> None:
    """Restore an earlier scene. Videos whose files were read again since then stay as they are now."""
    known: dict[Place | None, VolumetricVideo] = {p.path: p.video for p in document.placed if p.path is not None}
    document.arrange(tuple(replace(placed, video=known.get(placed.path, placed.video)) for placed in state.videos))
    document.selected_video = min(state.selected, len(state.videos) - 1)


def crop_of(placed: PlacedVideo) -> Box:
    """Return the crop box of a video, meters in its own coordinates; one around all of it if it has none."""
    if placed.crop is not None:
        return placed.crop
    low, high = (tuple(round(float(value), 4) for value in corner) for corner in placed.video.bounds)
    return low, high  # type: ignore[return-value]


def names_of(videos: Sequence[PlacedVideo]) -> list[str]:
    """Return a name for each video: that of its file, with a number where a file occurs several times."""
    names = ["video" if placed.path is None else placed.path.stem for placed in videos]
    counts: dict[str, int] = {}
    shown = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        shown.append(f"{name} ({counts[name]})" if names.count(name) > 1 else name)
    return shown
