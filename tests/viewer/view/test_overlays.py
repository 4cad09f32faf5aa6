"""Overlays: lines in screen units become lines of the view, and dimming keeps the color."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from viewer.view.overlays import BEHIND, Pen, dimmed

CAMERA = Camera(200, 100, np.array([[100.0, 0, 100], [0, 100, 50], [0, 0, 1]]), np.eye(3), np.zeros(3))

COLOR = 0xFF204060


def test_a_line_over_the_whole_view() -> None:
    pen = Pen(CAMERA, 2.0)
    pen.lines(np.array([[[-3.0, 0, 3], [3, 0, 3]]]), COLOR)
    pen.lines(np.array([[[0.0, 0, -3], [3, 0, -3]]]), COLOR)  # behind the camera
    pen.lines(np.array([[[0.0, 0, 1], [0.5, 0, 1]]]), COLOR, 3.0, behind=0.0)
    first, second = pen.made()
    np.testing.assert_allclose(first["ends"], [[0, 50, 3], [200, 50, 3]])
    np.testing.assert_allclose(second["ends"], [[100, 50, 1], [150, 50, 1]])
    assert (first["thickness"], second["thickness"]) == (0.5, 1.5), "a pixel of the view is two screen units"
    assert second["behind"] == 0.0 and np.isclose(first["behind"], BEHIND)


def test_labels_keep_their_place() -> None:
    pen = Pen(CAMERA, 2.0)
    pen.place_labels(np.array([1.0, 0, 2])[None], ["7"], COLOR)
    pen.place_labels(np.array([1.0, 0, -2])[None], ["8"], COLOR)
    (label,) = pen.labels
    assert label.point.tolist() == [150, 50, 2] and label.text == "7" and len(pen.made()) == 0


def test_dimming_keeps_the_color() -> None:
    assert dimmed(0x80123456, 0.5) == 0x40123456
