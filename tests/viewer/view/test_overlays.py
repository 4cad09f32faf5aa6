"""Overlays: the parts behind the scene are dimmed or hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from imgui_bundle import ImVec2

from model.camera import Camera
from viewer.picture.scene_depth import SceneDepth
from viewer.view.overlays import BEHIND, Pen, dimmed

CAMERA = Camera(200, 100, np.array([[100.0, 0, 100], [0, 100, 50], [0, 0, 1]]), np.eye(3), np.zeros(3))

COLOR = 0xFF204060


class DrawList:
    """Remembers the lines that were drawn."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, float, int]] = []

    def add_line(self, a: Any, b: Any, color: int, thickness: float) -> None:
        """Note from where to where along x, and the color."""
        self.lines.append((a.x, b.x, color))


def drawn(depth: SceneDepth | None, **options: float) -> list[tuple[float, float, int]]:
    """Return a line 3 m away over the whole view."""
    draw = DrawList()
    pen = Pen(draw, ImVec2(10, 0), 2.0, CAMERA, lambda: depth, 0.01)
    pen.lines(np.array([[[-3.0, 0, 3], [3, 0, 3]]]), COLOR, **options)
    return draw.lines


@pytest.fixture
def wall() -> SceneDepth:
    """Return a surface 2 m away in the right half of the view."""
    depth = np.full((100, 200), np.inf, np.float32)
    depth[:, 100:] = 2.0
    return SceneDepth(depth)


def test_lines_behind_the_scene_are_dimmed(wall: SceneDepth) -> None:
    assert drawn(wall) == [(10, 210, COLOR), (210, 410, dimmed(COLOR, BEHIND))]


def test_or_hidden(wall: SceneDepth) -> None:
    assert drawn(wall, behind=0.0) == [(10, 210, COLOR)]


def test_before_the_first_image_nothing_is_hidden() -> None:
    assert drawn(None, behind=0.0) == [(10, 410, COLOR)]


def test_dimming_keeps_the_color() -> None:
    assert dimmed(0x80123456, 0.5) == 0x40123456
