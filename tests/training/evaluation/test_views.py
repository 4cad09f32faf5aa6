"""Scoring the views of a capture."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from renderer.backend import RenderedImage
from tests.training.scenes import ball_capture, ball_mask
from training.captures.opening import open_capture
from training.evaluation.views import Selection, score_views
from training.metrics import mask_outline


class FlawedRenderer:
    """Renders what the capture's cameras saw, but white along the outlines, and 0.1 too bright inside."""

    def __init__(self, capture: Any) -> None:
        self.capture = capture

    def prepare(self, video: Any, time: float) -> int:
        return int(time)

    def render(self, frame: int, camera: Any, **_: Any) -> RenderedImage:
        index = next(i for i, other in enumerate(self.capture.cameras) if np.array_equal(other.R, camera.R))
        rgba = np.ones((camera.height, camera.width, 4), np.float32)
        rgba[..., :3] = self.capture.view(frame, index).color / 255 + 0.1
        rgba[mask_outline(255 * ball_mask(camera).astype(np.uint8), 5)] = 1
        return RenderedImage(rgba, np.ones(rgba.shape[:2], np.float32), np.zeros((*rgba.shape[:2], 2), np.uint16))


def test_outlines_are_those_of_each_view(tmp_path: Path) -> None:
    capture = open_capture(ball_capture(tmp_path / "ball", frames=1, size=32))
    video: Any = SimpleNamespace(metadata=SimpleNamespace(provenance={}))
    renderer: Any = FlawedRenderer(capture)
    for outline, low, high in ((5, 19.99, 20.01), (3, 0, 18), (0, 0, 18)):  # -20 log10(0.1) dB where only the color differs
        scored = [
            view.scores.psnr for view, _ in score_views(video, capture, Selection([1, 2], range(1), outline=outline), renderer)
        ]
        assert len(scored) == 2 and all(low < score < high for score in scored)
