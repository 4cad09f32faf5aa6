"""Boxes along the axes, (2, 3): the lower and the upper corner in meters."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray


def box_corners(box: ArrayLike) -> NDArray[np.float64]:
    """Return the corners of a box (2, 3), (8, 3): the last axis varies fastest, lower before upper."""
    return np.array(list(product(*np.asarray(box, np.float64).T)))
