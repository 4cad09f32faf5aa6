"""The first layout of the panels, and their sizes when the interface grows or shrinks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from imgui_bundle import ImVec2, hello_imgui, imgui

MAX_WIDTH, MAX_HEIGHT = 0.42, 0.45
"""Maximum share of the window's width and height that the default layout gives to the side and bottom panels."""

ONE_LINE = 920.0
"""Minimum width at which the timeline's controls fit into one line, at scale 1."""

LINE = 28.0
"""Height of one more line of controls, at scale 1."""

SAVED_SCALE = "panel scale"
"""Name in the layout file of the text scale that its sizes belong to."""


def first_splits(size: tuple[int, int], text: float) -> list[hello_imgui.DockingSplit]:
    """Return the docks around the view. Their sizes are multiples of the text height; the view keeps over half of the window.

    Args:
        size: width and height of the window, screen units.
        text: scale of the text.
    """
    width, height = size_on_screen(size)
    right = min(MAX_WIDTH, 345 * text / width)
    bottom = min(MAX_HEIGHT, (150 + second_line((1 - right) * width, text)) * text / height)
    split = hello_imgui.DockingSplit
    return [
        split("MainDockSpace", "Right", imgui.Dir.right, right),
        split("MainDockSpace", "Bottom", imgui.Dir.down, bottom),
        split("Right", "RightBottom", imgui.Dir.down, 0.46),
    ]


def size_on_screen(size: tuple[int, int]) -> tuple[int, int]:
    """Return a window's size, limited to the size of the screen."""
    import glfw  # noqa: PLC0415 - after imgui_bundle

    monitor = glfw.get_primary_monitor() if glfw.init() else None
    if not monitor:
        return size
    _, _, width, height = glfw.get_monitor_workarea(monitor)
    return min(size[0], width or size[0]), min(size[1], height or size[1])


def second_line(width: float, scale: float) -> float:
    """Return the extra height, at scale 1, that the timeline's controls need in a width in pixels."""
    return LINE if width <= ONE_LINE * scale else 0.0


class PanelSizes:
    """Keeps the sizes of the docks around the view in text heights when the size of text changes.

    A dock that would take too much of the window gets less, and returns to its size when the text shrinks again.
    """

    def __init__(self) -> None:
        self._scale = 0.0
        self._wanted: dict[int, tuple[float, float]] = {}

    def load(self) -> None:
        """Read the text scale of the docks from the layout file."""
        text = hello_imgui.load_user_pref(SAVED_SCALE)
        try:
            self._scale = min(max(float(text), 0.1), 100.0) if text else 0.0
        except ValueError:
            self._scale = 0.0

    def save(self) -> None:
        """Write the text scale of the docks to the layout file."""
        if self._scale:
            hello_imgui.save_user_pref(SAVED_SCALE, f"{self._scale:g}")

    def follow(self, titles: Iterable[str]) -> bool:
        """Fit the docks that contain panels of these titles. Return whether any dock changed."""
        scale, before = text_scale(), self._scale
        center, docks = docks_around_view(titles)
        if before and center is None:
            return False
        self._scale = scale
        if center is None or not before or abs(scale - before) < 1e-3:
            return False
        before_below, whole = second_line(center.size.x, before), root_of(center).size
        width = sum(self._fit(dock, 0, scale, before, MAX_WIDTH * whole.x) for dock, axis in docks if axis == 0)
        below = second_line(whole.x - width, scale)
        for dock in (dock for dock, axis in docks if axis == 1):
            self._fit(dock, 1, scale, before, MAX_HEIGHT * whole.y, below, before_below)
        return bool(docks)

    def _fit(
        self, dock: Any, axis: int, scale: float, before: float, limit: float, more: float = 0.0, before_more: float = 0.0
    ) -> float:
        now = float(dock.size_ref[axis])
        was_given, wanted = self._wanted.get(dock.id_, (0.0, 0.0))
        if abs(was_given - now) >= 1.0:  # the dock is new, or the user dragged its edge
            wanted = now / before - before_more
        given = round(min((wanted + more) * scale, max(limit, now if scale > before else 0.0)))
        self._wanted[dock.id_] = (given, wanted)
        dock.size_ref = ImVec2(given, dock.size_ref.y) if axis == 0 else ImVec2(dock.size_ref.x, given)
        return given


def text_scale() -> float:
    """Return the height of text relative to its default."""
    style = imgui.get_style()
    return float(style.font_scale_main * style.font_scale_dpi)


def docks_around_view(titles: Iterable[str]) -> tuple[Any, list[tuple[Any, int]]]:
    """Return the view's dock and the docks next to it, with the axis (0 across, 1 down) along which they take room.

    Before the first frame: None and an empty list.
    """
    chains = [chain for title in titles if (chain := chain_of(title))]
    center = next((chain for chain in chains if chain[0].is_central_node()), [])
    around = {node.id_ for node in center}
    found: dict[int, tuple[Any, int]] = {}
    for node, parent in (pair for chain in chains for pair in pairwise(chain)):
        if node.id_ not in around and parent.id_ in around:
            found[node.id_] = (node, int(parent.split_axis))
    return center[0] if center else None, list(found.values())


def chain_of(title: str) -> list[Any]:
    """Return the dock of a window and all docks around it, up to the outermost; empty if it is not docked."""
    window = imgui.internal.find_window_by_name(title)
    node = window.dock_node if window is not None else None
    chain = []
    while node is not None:
        chain.append(node)
        node = node.parent_node
    return chain


def root_of(dock: Any) -> Any:
    """Return the outermost dock around a dock."""
    while dock.parent_node is not None:
        dock = dock.parent_node
    return dock
