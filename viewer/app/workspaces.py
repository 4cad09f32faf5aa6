"""Open and save workspaces, and keep one in case the viewer ends unexpectedly."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from pathlib import Path

import psutil

from common.errors import InputError
from viewer.app.documents import Documents
from viewer.app.messages import Messages
from viewer.app.places import Place
from viewer.app.viewport import Viewport
from viewer.app.workspace import LAYOUT, SavedDocument, Workspace, read_workspace, save_workspace, workspace_of
from viewer.settings import Settings
from viewer.work.latest_task import LatestTask

KEEP_SECONDS = 5.0
"""Seconds between two saves of the kept workspace."""


class Workspaces:
    """Workspaces of a window.

    Args:
        documents: the open bundles.
        settings: look and layout.
        viewport: size of the view.
        messages: shows errors.
        folder: where the workspaces of running viewers are kept; None keeps none.
    """

    def __init__(
        self, documents: Documents, settings: Settings, viewport: Viewport, messages: Messages, folder: Path | None
    ) -> None:
        self._documents, self._settings, self._viewport, self._messages = documents, settings, viewport, messages
        self.waiting: dict[Place, SavedDocument] = {}
        """Bundles of an opened workspace that are still being read."""
        self._front: Place | None = None
        self._kept = None if folder is None else folder / f"{os.getpid()}.json"
        self._next = time.monotonic() + KEEP_SECONDS
        self._keeping: LatestTask[Workspace, None] = LatestTask("workspace")
        self._last: Workspace | None = None  # the one that was kept last
        self.lost = None if folder is None else newest_lost(folder)
        """Workspace of a viewer that ended unexpectedly, until the user has decided about it."""

    def save(self, path: Path) -> None:
        """Save the workspace; InputError if the file cannot be written."""
        save_workspace(self._now(), path)

    def open(self, path: Path) -> None:
        """Replace what is open by a workspace; InputError if the file is invalid. The bundles are read in the background."""
        workspace = read_workspace(path)
        while self._documents.all:
            self._documents.close(0)
        vars(self._settings.view).update(vars(workspace.view))
        for name in LAYOUT:
            setattr(self._settings.window, name, getattr(workspace.layout, name))
        self.waiting = {saved.path: saved for saved in workspace.documents}
        front = min(max(workspace.front, 0), len(workspace.documents) - 1)
        self._front = workspace.documents[front].path if workspace.documents else None
        for saved in workspace.documents:
            self._documents.open(saved.path, saved.entries)

    def recover(self) -> None:
        """Open the lost workspace and forget it; InputError if it cannot be read."""
        lost, self.lost = self.lost, None
        if lost is not None:
            try:
                self.open(lost)
            finally:
                lost.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget the lost workspace."""
        lost, self.lost = self.lost, None
        if lost is not None:
            lost.unlink(missing_ok=True)

    def update(self) -> None:
        """Restore the bundles that were read, and keep the workspace now and then."""
        if self.waiting:
            self._restore()
        if self._kept is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + KEEP_SECONDS
            self._keep(self._kept)

    def close(self) -> None:
        """End the thread and remove the kept workspace, because the viewer ends as it should."""
        self._keeping.close()
        if self._kept is not None:
            with contextlib.suppress(OSError):
                self._kept.unlink(missing_ok=True)

    def _restore(self) -> None:
        for document in self._documents.all:
            if (saved := self.waiting.pop(document.path, None)) is not None:
                saved.apply(document)
        if not self._documents.loader.busy:  # files that are missing have been reported
            self.waiting.clear()
            paths = [document.path for document in self._documents.all]
            if self._front in paths:
                self._documents.show(paths.index(self._front))

    def _keep(self, path: Path) -> None:
        workspace = self._now()
        try:
            self._keeping.poll()
        except InputError as error:
            self._kept = None  # it would fail again
            self._messages.set_status(f"A crash would lose the workspace: {error}")
            return
        if workspace.documents and workspace != self._last:
            self._last = workspace
            self._keeping.submit(workspace, partial(_keep, workspace, path))

    def _now(self) -> Workspace:
        return workspace_of(self._documents, self._settings, self._viewport.size)


def _keep(workspace: Workspace, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(path.parent, f"cannot be created ({error.strerror})") from error
    save_workspace(workspace, path)


def newest_lost(folder: Path) -> Path | None:
    """Return the newest workspace of a viewer that does not run any more, and remove the older ones."""
    lost = [path for path in folder.glob("*.json") if path.stem.isdigit() and not psutil.pid_exists(int(path.stem))]
    with contextlib.suppress(OSError):
        lost.sort(key=lambda path: path.stat().st_mtime)
        for path in lost[:-1]:
            path.unlink(missing_ok=True)
    return lost[-1] if lost else None
