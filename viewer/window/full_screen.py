"""Switch full screen on and off."""

from __future__ import annotations

from typing import Any

Geometry = tuple[int, int, int, int]
"""Left, top, width and height of the window, screen units."""


def set_full_screen(full: bool, before: Geometry | None) -> Geometry | None:
    """Fill the screen with the window, or make it a window again.

    Args:
        full: whether to fill the screen.
        before: the window's place before it filled the screen.

    Returns:
        The window's place, if it fills the screen now.
    """
    import glfw  # noqa: PLC0415 - after imgui_bundle
    from imgui_bundle import glfw_utils  # noqa: PLC0415 - needs glfw

    window: Any = glfw_utils.glfw_window_hello_imgui()
    no_monitor: Any = None
    monitor = glfw.get_primary_monitor()
    if not monitor:
        return before
    if full:
        place = (*glfw.get_window_pos(window), *glfw.get_window_size(window))
        mode = glfw.get_video_mode(monitor)
        glfw.set_window_monitor(window, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)
        return place
    if before is not None:
        glfw.set_window_monitor(window, no_monitor, *before, 0)
    return None
