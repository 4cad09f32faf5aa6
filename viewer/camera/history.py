"""Undo and redo of camera moves and path edits. One drag, or one burst of wheel steps, is one entry."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from viewer.camera.state import CameraState

MERGE_SECONDS = 0.6
"""Moves of the same kind within this many seconds are one entry."""

STEADY = frozenset({"orbit", "look", "pan", "dolly", "move", "roll", "lens"})
"""Kinds that come in bursts. Every move of another kind, such as a snap to a capture camera, is a separate entry."""


class Edit(Protocol):
    """An edit of something other than the camera, in the same history."""

    def exchange(self) -> None:
        """Undo the edit, or redo it if it is undone."""


State = TypeVar("State")


class StateEdit(Generic[State]):
    """An entry of the history that exchanges an earlier state of something with its current one.

    Args:
        before: the state before the edit.
        get: returns the current state.
        put: replaces the current state.
    """

    def __init__(self, before: State, get: Callable[[], State], put: Callable[[State], None]) -> None:
        self._other, self._get, self._put = before, get, put

    def exchange(self) -> None:
        """Exchange the two states: undo the edit, or redo it."""
        present = self._get()
        self._put(self._other)
        self._other = present


LIMIT = 200
"""Largest number of undo entries."""


class CameraHistory:
    """Earlier and undone camera states, and edits between them.

    Args:
        clock: monotonic time in seconds; replaced by tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
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
        """Begin a drag at `before`. All moves until `end` are one entry."""
        if self._gesture is None:
            self._gesture = before

    def end(self, after: CameraState) -> None:
        """End the drag at `after`. A drag without movement adds no entry."""
        before, self._gesture = self._gesture, None
        if before is not None and before is not after:
            self._push(before)
        self._last_kind = ""

    def record(self, before: CameraState, kind: str) -> None:
        """Record a move from `before`. It is merged with the drag or the burst that it belongs to."""
        now = self._clock()
        burst = kind in STEADY and kind == self._last_kind and now - self._last_time < MERGE_SECONDS
        merged = self._gesture is not None or burst
        if not merged:
            self._push(before)
        self._last_kind, self._last_time = kind, now

    def record_edit(self, edit: Edit) -> None:
        """Record an edit of something other than the camera. A running drag continues."""
        self._push(edit)
        self._last_kind = ""

    def undo(self, current: CameraState) -> CameraState:
        """Undo the last entry and return the state before it; `current` if there is none or it was another edit."""
        return self._exchange(self._undo, self._redo, current)

    def redo(self, current: CameraState) -> CameraState:
        """Redo the last undone entry and return its state; `current` if there is none or it was another edit."""
        return self._exchange(self._redo, self._undo, current)

    def _push(self, before: CameraState | Edit) -> None:
        self._undo.append(before)
        del self._undo[:-LIMIT]
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
