"""A net under the parts of the window: a fault in one of them is told and logged, and the window goes on."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from imgui_bundle import imgui

from viewer.app.app import ViewerApp
from viewer.app.fault_log import log_fault
from viewer.app.faults import fault_of


class ErrorBoundary:
    """Catches what parts of the window raise: in the window library's callbacks it would end the whole program.

    Args:
        app: told about each fault once; a panel raises it in every frame.
        log: where the traceback goes.
    """

    def __init__(self, app: ViewerApp, log: Path) -> None:
        self._app = app
        self._log = log
        self._shown_errors: set[tuple[str, str]] = set()

    @contextmanager
    def drawing(self, place: str) -> Iterator[None]:
        """Draw a part of the window; after a fault ImGui's stacks are as they were before it."""
        before = imgui.internal.ErrorRecoveryState()
        imgui.internal.error_recovery_store_state(before)
        try:
            yield
        except Exception as error:  # whatever it is: the other parts of the window go on
            recover(before)
            self._tell(place, error)

    @contextmanager
    def working(self, place: str) -> Iterator[None]:
        """Do what draws nothing."""
        try:
            yield
        except Exception as error:  # likewise
            self._tell(place, error)

    def _tell(self, place: str, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        key = place, f"{type(error).__name__} {last.filename}:{last.lineno}"
        if key in self._shown_errors:
            return
        self._shown_errors.add(key)
        if log_fault(error, place, self._log):
            where = f"The traceback is in {self._log}."
        else:
            traceback.print_exception(error, file=sys.stderr)
            where = "The traceback is in the terminal that the viewer was started from."
        fault = fault_of(error, f"{place}: something went wrong")
        self._app.tell(replace(fault, advice=f"{fault.advice} {where}"))


def recover(state: imgui.internal.ErrorRecoveryState) -> None:
    """End the windows, groups, colors, ... that were begun since `state` was stored and never ended."""
    io = imgui.get_io()
    kept = io.config_error_recovery_enable_assert, io.config_error_recovery_enable_tooltip
    # What is found open is known to be a fault already: neither an assertion nor a tooltip of ImGui's is to tell it again.
    io.config_error_recovery_enable_assert = io.config_error_recovery_enable_tooltip = False
    imgui.internal.error_recovery_try_to_recover_state(state)
    io.config_error_recovery_enable_assert, io.config_error_recovery_enable_tooltip = kept
