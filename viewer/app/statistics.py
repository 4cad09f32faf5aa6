"""What rendering costs: the last frames' rates, milliseconds by stage, samples, memory."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.backend import Renderer
from viewer.app.document import Document
from viewer.playback.render_worker import ViewResult

HISTORY = 120
"""Frames that the plots show."""


@dataclass(frozen=True)
class Figure:
    """One number about rendering."""

    name: str
    """What it is of."""
    value: str
    """The number."""
    unit: str
    """Its unit, or what it is part of."""
    explanation: str
    """One sentence."""


class Statistics:
    """Collects costs of the window's frames and of rendered images."""

    def __init__(self) -> None:
        self.window_ms: deque[float] = deque(maxlen=HISTORY)
        """Milliseconds from one frame of the window to the next, while it does not sleep."""
        self.image_times: deque[float] = deque(maxlen=HISTORY)
        """When images arrived, seconds."""
        self.image_ms: deque[float] = deque(maxlen=HISTORY)
        """Milliseconds that the render calls took."""
        self.present_ms = 0.0
        """Milliseconds to upload and present the last image."""
        self.last: ViewResult | None = None
        """The newest image."""

    def record(self, result: ViewResult) -> None:
        """Record the costs of an image that arrived."""
        self.last = result
        self.image_times.append(time.monotonic())
        self.image_ms.append(result.render_ms)

    @property
    def images_per_second(self) -> float:
        """Images that arrived in the last second."""
        now = time.monotonic()
        return float(sum(now - arrived < 1.0 for arrived in self.image_times))

    @property
    def window_rate(self) -> float:
        """Frames a second of the window, from the median of the last ones."""
        return 1000.0 / float(np.median(self.window_ms)) if self.window_ms else 0.0

    def plot(self) -> NDArray[np.float32]:
        """Milliseconds of the last render calls, oldest first; (HISTORY,) at most, as many as there were."""
        return np.array(self.image_ms, np.float32)

    def rate_plot(self) -> NDArray[np.float32]:
        """Images a second from one arrival to the next, oldest first; (HISTORY,) at most, as many as there were."""
        gaps = np.diff(np.array(self.image_times))
        return (1.0 / np.maximum(gaps, 1e-3)).astype(np.float32)

    def rows(self, document: Document | None, renderer: Renderer) -> list[Figure]:
        """All figures."""
        rows = [
            Figure("Images", f"{self.images_per_second:.0f}", "/s", "Rendered images that arrived in the last second."),
            Figure("Window", f"{self.window_rate:.0f}", "/s", "Frames of the window itself; it sleeps when nothing changes."),
        ]
        if self.last is not None and self.last.frame is not None and self.last.image is not None:
            rows += self._image_rows(self.last)
        if document is not None:
            rows += _document_rows(document)
        rows.append(Figure("Memory", f"{memory_mebibytes():.0f}", "MiB", "Memory of the whole program."))
        rows.append(Figure("Backend", renderer.name, f"{renderer.threads} threads", renderer.device))
        return rows

    def text(self, document: Document | None, renderer: Renderer) -> str:
        """All figures as lines of text, for the clipboard."""
        name = [f"{'Bundle':<16}{document.path.name}"] if document else []
        return "\n".join(
            [
                *name,
                *(f"{row.name:<16}{row.value} {row.unit}" for row in self.rows(document, renderer)),
                f"{'Device':<16}{renderer.device}",
            ]
        )

    def _image_rows(self, last: ViewResult) -> list[Figure]:
        assert last.image is not None and last.frame is not None
        cost, (height, width) = last.image.statistics, last.image.depth.shape
        stages = (
            ("Decode", last.frame.decode_ms, "From the latent to the maps; once a frame of the video."),
            ("Bake", last.frame.bake_ms, "From the maps to the renderer's form; once a frame of the video."),
            ("Density", cost.density_ms, "First pass: density along the rays."),
            ("Color", cost.color_ms, "Second pass: color of the samples that are seen."),
            ("Render", cost.total_ms, "The whole image, compositing included."),
            ("Present", self.present_ms, "Upload and present.frag."),
        )
        samples = (
            ("Density samples", cost.density_samples, "Points at which the density was asked for."),
            ("Color samples", cost.color_samples, "Points that were colored: weight above tau2."),
        )
        rows = [Figure(name, f"{milliseconds:.1f}", "ms", tip) for name, milliseconds, tip in stages]
        tip = "Width and height of the rendered image, and its size relative to the view."
        rows.append(Figure("Image", f"{width} x {height}", f"{last.scale:.0%} of view", tip))
        return rows + [Figure(name, f"{count:,}", "", tip) for name, count, tip in samples]


def _document_rows(document: Document) -> list[Figure]:
    cache, clock = document.view_renderer.cache, document.playback
    count, kept, budget = len(cache.cached_times()), cache.nbytes / 2**20, cache.budget / 2**20
    dropped = "Frames that came due while playing and were never shown."
    return [
        Figure("Dropped", f"{clock.dropped}", "frames", dropped),
        Figure("Decoded", f"{count}", f"of {document.video.num_frames}", "Frames that are decoded and kept."),
        Figure("Cache", f"{kept:.0f}", f"of {budget:.0f} MiB", "Memory of the decoded frames."),
    ]


def memory_mebibytes() -> float:
    """Resident memory of this process; its peak where the system does not tell the present one; 0 where it tells neither."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        pass
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
