"""Run ImGui's test engine against a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.crash_handlers import restore_handlers

if TYPE_CHECKING:
    from viewer.window.window import Window


def run_engine(window: Window, test: Callable[[Any], None], stderr: int = 2) -> None:
    """Open a window, run a test function that drives it, and close the window.

    Args:
        window: the window.
        test: gets the engine's context.
        stderr: file descriptor to which the traceback of a crash is written.
    """
    from imgui_bundle import immapp
    from imgui_bundle.immapp import testing

    call_in_first_frame(window, lambda: restore_handlers(stderr))
    # For its tutorials, imgui-bundle wraps this function in one that reads the source of every caller, which takes 0.2 s.
    with mock.patch.object(immapp, "run", immapp.immapp_cpp.run):
        testing.run(test_function=test, runner_params=window.params)


def call_in_first_frame(window: Window, function: Callable[[], None]) -> None:
    """Call a function in the main thread once the engine has started."""
    before_swap = window.params.callbacks.before_swap

    def first() -> None:
        window.params.callbacks.before_swap = before_swap
        function()
        if before_swap is not None:
            before_swap()

    window.params.callbacks.before_swap = first
