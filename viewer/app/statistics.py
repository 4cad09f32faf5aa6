"""The cost of rendering: rates, milliseconds per stage, samples, memory."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import psutil
from numpy.typing import NDArray

from renderer.backend import Renderer
from viewer.app.document import Document
from viewer.playback.render_worker import ViewResult

HISTORY = 120
"""Number of images in the plots."""


@dataclass(frozen=True)
class Statistic:
    """One number about rendering."""

    name: str
    """What is measured."""
    value: str
    """The number."""
    unit: str
    """Unit of the number, or the total that it is part of."""
    explanation: str
    """One sentence for the tooltip."""


class Statistics:
    """Collects the costs of the window's frames and of rendered images."""

    def __init__(self) -> None:
        self.window_ms: deque[float] = deque(maxlen=HISTORY)
        """Milliseconds between frames of the window, while it does not sleep."""
        self.image_times: deque[float] = deque(maxlen=HISTORY)
        """Times at which images arrived, seconds."""
        self.image_ms: deque[float] = deque(maxlen=HISTORY)
        """Milliseconds of the render calls."""
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
        """Number of images that arrived in the last second."""
        now = time.monotonic()
        return float(sum(now - arrived < 1.0 for arrived in self.image_times))

    @property
    def window_rate(self) -> float:
        """Frames per second of the window, from the median of recent frames."""
        return 1000.0 / float(np.median(self.window_ms)) if self.window_ms else 0.0

    def plot(self) -> NDArray[np.float32]:
        """Return the milliseconds of the last render calls, oldest first; at most (HISTORY,)."""
        return np.array(self.image_ms, np.float32)

    def rate_plot(self) -> NDArray[np.float32]:
        """Return the images per second from each arrival to the next, oldest first; at most (HISTORY,)."""
        gaps = np.diff(np.array(self.image_times))
        return (1.0 / np.maximum(gaps, 1e-3)).astype(np.float32)

    def rows(self, document: Document | None, renderer: Renderer) -> list[Statistic]:
        """Return all statistics, of `renderer` while no video is open."""
        rows = [
            Statistic("Images", f"{self.images_per_second:.0f}", "/s", "Images rendered in the last second."),
            Statistic(
                "Window",
                f"{self.window_rate:.0f}",
                "/s",
                "Frames that the window draws per second. It sleeps while nothing changes.",
            ),
        ]
        if self.last is not None and self.last.frame is not None and self.last.image is not None:
            rows += self._image_rows(self.last)
        if document is not None:
            rows += _document_rows(document)
            renderer = document.view_renderer.used_renderer
        memory = psutil.Process().memory_info().rss / 2**20
        rows.append(Statistic("Memory", f"{memory:.0f}", "MiB", "Memory of the whole program."))
        rows.append(Statistic("Backend", renderer.name, f"{renderer.threads} threads", renderer.device))
        return rows

    def text(self, document: Document | None, renderer: Renderer) -> str:
        """Return all statistics as lines of text, for the clipboard."""
        name = [f"{'Bundle':<16}{document.path.name}"] if document else []
        device = (document.view_renderer.used_renderer if document else renderer).device
        return "\n".join(
            [
                *name,
                *(f"{row.name:<16}{row.value} {row.unit}" for row in self.rows(document, renderer)),
                f"{'Device':<16}{device}",
            ]
        )

    def _image_rows(self, last: ViewResult) -> list[Statistic]:
        assert last.image is not None and last.frame is not None
        cost, (width, height) = last.image.statistics, last.image.size
        stages = (
            ("Decode", last.frame.decode_ms, "From the latent to the maps. Once per frame of the video."),
            ("Bake", last.frame.bake_ms, "From the maps to the form that the renderer reads. Once per frame of the video."),
            ("Density", cost.density_ms, "First pass: density along rays."),
            ("Color", cost.color_ms, "Second pass: color of the visible samples."),
            ("Render", cost.total_ms, "The whole image, including compositing."),
            ("Present", self.present_ms, "Upload, tone and background."),
        )
        samples = (
            ("Density samples", cost.density_samples, "Points where the density was evaluated."),
            ("Color samples", cost.color_samples, "Points where the color was evaluated: weight above tau2."),
        )
        rows = [Statistic(name, f"{milliseconds:.1f}", "ms", tip) for name, milliseconds, tip in stages]
        tip = "Width and height of the rendered image, and its size relative to the view."
        rows.append(Statistic("Image", f"{width} x {height}", f"{last.scale:.0%}", tip))
        return rows + [Statistic(name, f"{count:,}", "", tip) for name, count, tip in samples]


def _document_rows(document: Document) -> list[Statistic]:
    cache, clock = document.view_renderer.cache, document.playback
    count, kept, room = len(cache.cached_times()), cache.nbytes / 2**20, cache.room / 2**20
    dropped = "Frames that were skipped during playback."
    return [
        Statistic("Dropped", f"{clock.dropped}", "frames", dropped),
        Statistic("Decoded", f"{count}", f"of {document.video.num_frames}", "Frames that are decoded and cached."),
        Statistic("Cache", f"{kept:.0f}", f"of {room:.0f} MiB", "Memory of the decoded frames."),
    ]
