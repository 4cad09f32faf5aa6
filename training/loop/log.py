"""The log of a run: one JSON object per line, appended while it trains, for the viewer and other programs."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

_INTERVAL = 1.0  # seconds between lines at first
_SHARE = 0.001  # of the time since the start: so a log has about a thousand lines per factor e of time


class RunLog:
    """Appends lines to the log of a run.

    If the log cannot be written, for instance because the disk is full, a warning says so once and training goes on.

    Args:
        path: the file.
        append: whether to continue an existing log instead of starting a new one.
    """

    def __init__(self, path: Path, append: bool) -> None:
        self._path, self._writes = path, True
        self._began = self._last = time.monotonic()
        try:
            if not append:
                path.write_bytes(b"")
            elif path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n"):
                self._append(b"\n")  # the program was killed while it wrote a line
        except OSError as error:
            self._give_up(error)

    @property
    def due(self) -> bool:
        """Whether it is time for the next line of measurements. Lines get rarer, so that logs of long runs stay small."""
        now = time.monotonic()
        return now - self._last >= max(_INTERVAL, _SHARE * (now - self._began))

    def write(self, step: int, **values: float) -> None:
        """Append a line; values that are not finite are left out."""
        self._last = time.monotonic()
        finite = {name: round(value, 6) for name, value in values.items() if math.isfinite(value)}
        if self._writes:
            try:
                self._append(json.dumps({"step": step} | finite).encode() + b"\n")
            except OSError as error:
                self._give_up(error)

    def _append(self, content: bytes) -> None:
        with self._path.open("ab", buffering=0) as file:
            file.write(content)

    def _give_up(self, error: OSError) -> None:
        self._writes = False
        print(f"warning: {self._path} cannot be written ({error.strerror}); training continues without it", file=sys.stderr)
