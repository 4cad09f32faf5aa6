"""Run ImGui's test engine against a window."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.crash_handlers import restore_handlers

if TYPE_CHECKING:
    from viewer.window.window import Window

FEWER = 0.1
"""Share of the pixels along each side of a window that are drawn where nothing reads them."""


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


def draw_fewer_pixels(window: Window) -> None:
    """Draw everything in a corner of the window except while its pixels are read: without a graphics card, pixels take long.

    The window does not notice: only ImGui's last step, which passes what was drawn to OpenGL, has another scale.
    """
    from imgui_bundle import ImVec2, imgui

    before_swap = window.params.callbacks.before_swap
    whole: list[ImVec2] = []

    def set_scale(scale: ImVec2) -> None:
        imgui.get_io().display_framebuffer_scale = imgui.get_main_viewport().framebuffer_scale = scale

    def shrink() -> None:
        if not window.app.recording.with_interface and "SCREENSHOTS" not in os.environ:
            before = imgui.get_io().display_framebuffer_scale
            whole.append(ImVec2(before.x, before.y))
            set_scale(ImVec2(FEWER * before.x, FEWER * before.y))

    def restore() -> None:
        if whole:
            set_scale(whole.pop())
        if before_swap is not None:
            before_swap()

    window.params.callbacks.before_imgui_render = shrink
    window.params.callbacks.before_swap = restore
