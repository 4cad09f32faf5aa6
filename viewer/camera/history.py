"""Undo and redo of camera moves and of what else is edited between them; one drag, or one burst of the wheel, is one entry."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from viewer.camera.state import CameraState

MERGE_SECONDS = 0.6
"""Moves of one steady kind that follow each other faster than this are one entry."""

STEADY = frozenset({"orbit", "look", "pan", "dolly", "move", "roll", "lens"})
"""Kinds that come in bursts; each of the others, such as a snap to a capture camera, is an entry of its own."""


class Edit(Protocol):
    """A change of something else than the camera that is undone in its turn."""

    def exchange(self) -> None:
        """Undo the change, or make it again: whichever is due."""


class CameraHistory:
    """Earlier and undone camera states, and edits between them.

    Args:
        limit: most states kept to go back to.
        clock: seconds, monotonic; tests give their own.
    """

    def __init__(self, limit: int = 200, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._undo: list[CameraState | Edit] = []
        self._redo: list[CameraState | Edit] = []
        self._gesture: CameraState | None = None
        self._last_kind = ""
        self._last_time = float("-inf")

    @property
    def can_undo(self) -> bool:
        """Whether there is a state to go back to."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone state to return to."""
        return bool(self._redo)

    def begin(self, before: CameraState) -> None:
        """A drag begins at `before`: the moves until `end` are one entry."""
        if self._gesture is None:
            self._gesture = before

    def end(self, after: CameraState) -> None:
        """The drag ends at `after`; nothing is kept when it moved nothing."""
        before, self._gesture = self._gesture, None
        if before is not None and before is not after:
            self._push(before)
        self._last_kind = ""

    def record(self, before: CameraState, kind: str) -> None:
        """A move of some kind was made from `before`; merged with the drag or the burst that it belongs to."""
        now = self._clock()
        burst = kind in STEADY and kind == self._last_kind and now - self._last_time < MERGE_SECONDS
        merged = self._gesture is not None or burst
        if not merged:
            self._push(before)
        self._last_kind, self._last_time = kind, now

    def note(self, edit: Edit) -> None:
        """Something else was edited; it is undone in its turn. A drag under way goes on."""
        self._push(edit)
        self._last_kind = ""

    def undo(self, current: CameraState) -> CameraState:
        """The state before the last entry; `current` when there is none, or when it was no move of the camera."""
        return self._exchange(self._undo, self._redo, current)

    def redo(self, current: CameraState) -> CameraState:
        """The state that was undone last; `current` when there is none, or when it was no move of the camera."""
        return self._exchange(self._redo, self._undo, current)

    def _push(self, before: CameraState | Edit) -> None:
        self._undo.append(before)
        del self._undo[: -self._limit]
        self._redo.clear()

    def _exchange(self, source: list[CameraState | Edit], other: list[CameraState | Edit], current: CameraState) -> CameraState:
        self._gesture, self._last_kind = None, ""
        if not source:
            return current
        entry = source.pop()
        if isinstance(entry, CameraState):
            other.append(current)
            return entry
        entry.exchange()
        other.append(entry)
        return current
