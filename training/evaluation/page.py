"""Write the page of an evaluation: one self-contained HTML file with images, curves and scores."""

from __future__ import annotations

import base64
import heapq
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image as PillowImage

from common.atomic import atomic_write
from training.evaluation.summary import LABELS, values_of
from training.evaluation.views import ScoredView, ViewImages
from training.perceptual import Image

_CURVE = (640, 200)  # size of a curve, pixels
_MARGIN = 52  # room for the labels of the axes
_CURVES = {"psnr": "PSNR, dB", "ssim": "SSIM", "flicker": "Flicker"}
_COLORS = ("#6cb2ff", "#e8a33d", "#7fd1ae", "#d98ad9", "#e36a6a", "#c9c96a", "#9aa0a6", "#b08f6a")


class WorstViews:
    """Keeps the images of the views with the lowest PSNR, encoded.

    Args:
        count: how many.
    """

    def __init__(self, count: int = 24) -> None:
        self.count = count
        self._kept: list[tuple[float, int, ScoredView, tuple[str, str]]] = []
        self._seen = 0

    def add(self, view: ScoredView, images: ViewImages) -> None:
        """Keep a view if it is among the worst so far."""
        self._seen += 1
        if len(self._kept) == self.count and -self._kept[0][0] <= view.scores.psnr:
            return
        entry = (-view.scores.psnr, self._seen, view, (_png(images.truth), _png(images.rendered)))
        (heapq.heappushpop if len(self._kept) == self.count else heapq.heappush)(self._kept, entry)

    def sorted(self) -> list[tuple[ScoredView, tuple[str, str]]]:
        """Return the views and the data URLs of truth and rendering, worst first."""
        return [(view, urls) for _, _, view, urls in sorted(self._kept, key=lambda entry: -entry[0])]


def write_page(path: Path, title: str, summary: dict[str, Any], views: Sequence[ScoredView], worst: WorstViews) -> None:
    """Write the page; raise InputError if that fails.

    Args:
        path: the file.
        title: what was evaluated.
        summary: as `training.evaluation.summary.summarize` returns it, with backend and seconds.
        views: all scored views.
        worst: those that are shown with images.
    """
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    text = environment.get_template("page.html").render(
        title=title,
        summary=summary,
        curves=[c for c in (curve(views, name, label) for name, label in _CURVES.items()) if c],
        size=_CURVE,
        margin=_MARGIN,
        worst=[(view, values_of(view), urls) for view, urls in worst.sorted()],
        labels=LABELS,
        shown=worst.count,
    )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def curve(views: Sequence[ScoredView], name: str, label: str) -> dict[str, Any] | None:
    """Return a plot of a score over the frames, one line per camera, as SVG points; None without values."""
    points: dict[int, list[tuple[int, float]]] = {}
    for view in views:
        if name in (values := values_of(view)):
            points.setdefault(view.camera, []).append((view.frame, values[name]))
    if not points:
        return None
    flat = [point for line in points.values() for point in line]
    (first, last), (low, high) = ((min(axis), max(axis)) for axis in zip(*flat, strict=True))
    width, height = _CURVE[0] - 2 * _MARGIN, _CURVE[1] - 2 * _MARGIN

    def place(frame: float, value: float) -> str:
        x = _MARGIN + width * (frame - first) / max(last - first, 1)
        y = _MARGIN + height * (high - value) / max(high - low, 1e-9)
        return f"{x:.1f},{y:.1f}"

    if first == last:  # one frame; a line is seen, a point is not
        points = {camera: [*line, (first + 1, line[0][1])] for camera, line in points.items()}
    lines = [
        (camera, _COLORS[i % len(_COLORS)], " ".join(place(*point) for point in line))
        for i, (camera, line) in enumerate(sorted(points.items()))
    ]
    return {"label": label, "lines": lines, "low": f"{low:.4g}", "high": f"{high:.4g}", "first": first, "last": last}


def _png(image: Image) -> str:
    pixels = (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
