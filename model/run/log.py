"""Read the log of a run while training appends to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.documents import is_number
from common.errors import InputError

MAX_LINE = 1 << 16
"""Maximum length of a line, bytes. Longer lines are skipped."""

MAX_POINTS = 1 << 18
"""Maximum number of lines to keep. The oldest ones are dropped."""

_CHUNK = 1 << 22  # bytes that are read at once


@dataclass(frozen=True)
class Measurements:
    """What a run has measured so far."""

    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    """Steps and values of each measurement, by name."""
    last: dict[str, float] = field(default_factory=dict)
    """The newest value of each measurement, and `step`."""


class LogReader:
    """Reads what was appended since the last call. Damaged lines and lines that are not yet complete are skipped.

    When a resumed run repeats steps, their new values replace the old ones. When a new run starts the log again, the old
    values are forgotten.

    Args:
        path: the log; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset, self._pending = 0, b""
        self._lines: list[dict[str, float]] = []

    def read(self) -> Measurements:
        """Read the new lines, and return everything that was measured.

        Raises:
            InputError: the log exists but cannot be read.
        """
        try:
            self._read_on()
        except FileNotFoundError:
            self._forget()
        except OSError as error:
            raise InputError(self._path, f"cannot be read ({error.strerror})") from error
        return self._measurements()

    def _read_on(self) -> None:
        with self._path.open("rb") as file:
            if file.seek(0, 2) < self._offset:
                self._forget()
            file.seek(self._offset)
            while content := file.read(_CHUNK):
                self._offset += len(content)
                *lines, self._pending = (self._pending + content).split(b"\n")
                self._pending = self._pending[: MAX_LINE + 1]
                for line in lines:
                    self._take(line)

    def _forget(self) -> None:
        self._offset, self._pending, self._lines = 0, b"", []

    def _take(self, line: bytes) -> None:
        values = parse_line(line)
        if values is None:
            return
        while self._lines and self._lines[-1]["step"] >= values["step"]:
            self._lines.pop()
        self._lines.append(values)
        if len(self._lines) > MAX_POINTS:
            del self._lines[: MAX_POINTS // 2]

    def _measurements(self) -> Measurements:
        points: dict[str, list[tuple[float, float]]] = {}
        for values in self._lines:
            for name, value in values.items():
                if name != "step":
                    points.setdefault(name, []).append((values["step"], value))
        arrays = {name: np.array(pairs).T.copy() for name, pairs in points.items()}
        last = {name: value for values in self._lines for name, value in values.items()}
        return Measurements({name: (steps, values) for name, (steps, values) in arrays.items()}, last)


def parse_line(line: bytes) -> dict[str, float] | None:
    """Return the finite numbers in a line of a log, or None if it is not an object with a step."""
    if len(line) > MAX_LINE:
        return None
    try:
        values: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    finite = {name: float(value) for name, value in values.items() if is_number(value)}
    return finite if finite.get("step", -1) >= 0 else None
