"""Where the panels are at first, and how they keep their room when the interface grows or shrinks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from imgui_bundle import ImVec2, hello_imgui, imgui

WIDEST, HIGHEST = 0.42, 0.45
"""Largest shares of the window that the panels beside and below the view take of themselves."""

ONE_LINE = 920.0
"""Width from which on the timeline's controls fit into one line, at scale 1."""

LINE = 28.0
"""Height of one more line of them, at scale 1."""

SCALE_KEPT = "panel scale"
"""Under which the layout file keeps the size of text that its widths and heights were made for."""


def first_splits(size: tuple[int, int], text: float) -> list[hello_imgui.DockingSplit]:
    """The docks around the view, in multiples of the text's height as far as the view keeps more than half of the window.

    Args:
        size: of the window, screen units.
        text: scale of the interface.
    """
    width, height = size_on_screen(size)
    right = min(WIDEST, 345 * text / width)
    bottom = min(HIGHEST, (150 + second_line((1 - right) * width, text)) * text / height)
    split = hello_imgui.DockingSplit
    return [
        split("MainDockSpace", "Right", imgui.Dir.right, right),
        split("MainDockSpace", "Bottom", imgui.Dir.down, bottom),
        split("Right", "RightBottom", imgui.Dir.down, 0.46),
    ]


def size_on_screen(size: tuple[int, int]) -> tuple[int, int]:
    """What is left of a window's size on a screen that is smaller."""
    import glfw  # noqa: PLC0415 - after imgui_bundle

    monitor = glfw.get_primary_monitor() if glfw.init() else None
    if not monitor:
        return size
    _, _, width, height = glfw.get_monitor_workarea(monitor)
    return min(size[0], width or size[0]), min(size[1], height or size[1])


def second_line(width: float, scale: float) -> float:
    """Height, at scale 1, that the timeline's controls need beyond that of one line, in a width in pixels."""
    return LINE if width <= ONE_LINE * scale else 0.0


class PanelSizes:
    """Gives the docks around the view as many text heights as they had, whenever the size of text changes.

    A dock that would take too much of the window takes less, and gets back what it had when the text shrinks again.
    """

    def __init__(self) -> None:
        self._scale = 0.0
        self._wanted: dict[int, tuple[float, float]] = {}

    def load(self) -> None:
        """Take from the layout file what size of text its docks were made for."""
        text = hello_imgui.load_user_pref(SCALE_KEPT)
        try:
            self._scale = min(max(float(text), 0.1), 100.0) if text else 0.0
        except ValueError:
            self._scale = 0.0

    def save(self) -> None:
        """Keep in the layout file what size of text its docks are made for."""
        if self._scale:
            hello_imgui.save_user_pref(SCALE_KEPT, f"{self._scale:g}")

    def follow(self, titles: Iterable[str]) -> bool:
        """Fit the docks that hold panels of these titles; returns whether any was changed."""
        scale, before = text_scale(), self._scale
        center, docks = docks_around_view(titles)
        if before and center is None:
            return False
        self._scale = scale
        if center is None or not before or abs(scale - before) < 1e-3:
            return False
        before_below, whole = second_line(center.size.x, before), root_of(center).size
        beside = sum(self._fit(dock, 0, scale, before, WIDEST * whole.x) for dock, axis in docks if axis == 0)
        below = second_line(whole.x - beside, scale)
        for dock in (dock for dock, axis in docks if axis == 1):
            self._fit(dock, 1, scale, before, HIGHEST * whole.y, below, before_below)
        return bool(docks)

    def _fit(
        self, dock: Any, axis: int, scale: float, before: float, limit: float, more: float = 0.0, before_more: float = 0.0
    ) -> float:
        now = float(dock.size_ref[axis])
        was_given, wanted = self._wanted.get(dock.id_, (0.0, 0.0))
        if abs(was_given - now) >= 1.0:  # it is new, or the user dragged its edge
            wanted = now / before - before_more
        given = round(min((wanted + more) * scale, max(limit, now if scale > before else 0.0)))
        self._wanted[dock.id_] = (given, wanted)
        dock.size_ref = ImVec2(given, dock.size_ref.y) if axis == 0 else ImVec2(dock.size_ref.x, given)
        return given


def text_scale() -> float:
    """Height of text relative to its default, whatever enlarged it."""
    style = imgui.get_style()
    return float(style.font_scale_main * style.font_scale_dpi)


def docks_around_view(titles: Iterable[str]) -> tuple[Any, list[tuple[Any, int]]]:
    """The view's dock, and those that share an edge with it, with the axis (0 across, 1 down) along which they take room.

    None and nothing before the first frame.
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
    """The dock of a window, the one that holds it, and so on up to the outermost; empty when it is not docked."""
    window = imgui.internal.find_window_by_name(title)
    node = window.dock_node if window is not None else None
    chain = []
    while node is not None:
        chain.append(node)
        node = node.parent_node
    return chain


def root_of(dock: Any) -> Any:
    """The outermost dock around a dock."""
    while dock.parent_node is not None:
        dock = dock.parent_node
    return dock
