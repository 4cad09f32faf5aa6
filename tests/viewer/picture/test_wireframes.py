"""Line segments of the overlays."""

from __future__ import annotations

import numpy as np

from viewer.picture.wireframes import cell_segments, longest


def test_too_many_cell_edges_lose_the_shortest_along_every_axis() -> None:
    cells = np.random.default_rng().random((12, 12, 12)) < 0.5
    edges = cell_segments(cells, np.array([[0.0, 0, 0], [1, 1, 1]]))
    kept = longest(edges, len(edges) // 2)
    assert len(kept) == len(edges) // 2 and longest(edges, len(edges)) is edges
    along = np.abs(kept[:, 1] - kept[:, 0]).argmax(axis=1)
    assert set(along) == {0, 1, 2}
    lengths = np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)
    assert np.linalg.norm(kept[:, 1] - kept[:, 0], axis=1).min() >= np.sort(lengths)[len(edges) - len(kept)]
