"""Catch errors in parts of the window: report and log the failing part, and keep the other parts running."""

from __future__ import annotations

import datetime
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import platformdirs
from imgui_bundle import imgui

from viewer.app.faults import fault_of
from viewer.app.messages import Messages

MAX_LOG_BYTES = 1 << 20
"""A longer log is started again."""


class ErrorBoundary:
    """Catches exceptions of parts of the window. In the window library's callbacks they would end the whole program.

    Args:
        messages: shows each error once, since a panel would raise it in every frame.
        log: file for the tracebacks.
    """

    def __init__(self, messages: Messages, log: Path) -> None:
        self._messages = messages
        self._log = log
        self._shown_errors: set[tuple[str, str]] = set()

    @contextmanager
    def drawing(self, place: str) -> Iterator[None]:
        """Draw a part of the window; after an error, restore ImGui's stacks."""
        before = imgui.internal.ErrorRecoveryState()
        imgui.internal.error_recovery_store_state(before)
        try:
            yield
        except Exception as error:  # after any error, the other parts of the window continue
            recover(before)
            self._show(place, error)

    @contextmanager
    def working(self, place: str) -> Iterator[None]:
        """Run code that does not draw."""
        try:
            yield
        except Exception as error:  # as above
            self._show(place, error)

    def _show(self, place: str, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        key = place, f"{type(error).__name__} {last.filename}:{last.lineno}"
        if key in self._shown_errors:
            return
        self._shown_errors.add(key)
        if log_error(error, place, self._log):
            where = f"The traceback is in {self._log}."
        else:
            traceback.print_exception(error, file=sys.stderr)
            where = "The traceback is in the terminal in which the viewer was started."
        fault = fault_of(error, f"{place}: unexpected error")
        self._messages.show_error(replace(fault, advice=f"{fault.advice} {where}"))


def recover(state: imgui.internal.ErrorRecoveryState) -> None:
    """End the windows, groups, colors, ... that were begun since `state` was stored and never ended."""
    io = imgui.get_io()
    settings = io.config_error_recovery_enable_assert, io.config_error_recovery_enable_tooltip
    # The error is known already, so ImGui must not report it again with an assertion or a tooltip.
    io.config_error_recovery_enable_assert = io.config_error_recovery_enable_tooltip = False
    imgui.internal.error_recovery_try_to_recover_state(state)
    io.config_error_recovery_enable_assert, io.config_error_recovery_enable_tooltip = settings


def error_log_path() -> Path:
    """Return the log file in the platform's folder for the user's logs."""
    return Path(platformdirs.user_log_dir("mlpvid", appauthor=False)) / "faults.log"


def log_error(error: Exception, place: str, path: Path) -> bool:
    """Append a traceback to the log.

    Args:
        error: the exception.
        place: the part of the window that raised it.
        path: the log; a missing folder is created.

    Returns:
        Whether it could be written.
    """
    text = "".join(traceback.format_exception(error))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        too_long = path.exists() and path.stat().st_size > MAX_LOG_BYTES
        with path.open("w" if too_long else "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{datetime.datetime.now().astimezone().isoformat(timespec='seconds')} {place}\n{text}\n")
    except OSError:
        return False
    return True
