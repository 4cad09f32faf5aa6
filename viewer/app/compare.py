"""The second side of the split view: another bundle or another backend, from the same camera at the same time."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from common.scores import psnr
from model.camera import Camera
from model.scene import Scene
from model.video import VolumetricVideo
from renderer.backend import Renderer
from viewer.picture.comparison import Comparison
from viewer.picture.views import composited_psnr
from viewer.playback.render_worker import ViewResult
from viewer.playback.view_renderer import RequestQuality, ViewRenderer
from viewer.work.latest_task import LatestTask

_Pair = tuple[ViewResult | None, ViewResult | None]


class CompareView:
    """What the front document is compared with, and how.

    Args:
        wake: called from the render thread when an image is ready.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.mode = Comparison.NONE
        """How both images are shown."""
        self.divider = 0.5
        """Position of the divider, 0 at the left to 1 at the right."""
        self.gain = 4.0
        """Differences are multiplied by this before the color map."""
        self.label = ""
        """Name of the second side."""
        self.psnr: float | None = None
        """PSNR of the two images, dB; None while they do not show the same view at the same size."""
        self.view_renderer: ViewRenderer | None = None
        """Renders the second image."""
        self._video: Callable[[], VolumetricVideo | None] = lambda: None
        self._compared: _Pair = (None, None)
        self._scoring: LatestTask[_Pair, float | None] = LatestTask("compare", wake)

    @property
    def active(self) -> bool:
        """Whether a second image is shown."""
        return self.mode is not Comparison.NONE and self.view_renderer is not None

    def set_source(
        self, label: str, renderer: Renderer, video: Callable[[], VolumetricVideo | None], cache_bytes: int | None
    ) -> None:
        """Compare with a video rendered by this backend.

        Args:
            label: name for the user.
            renderer: the backend.
            video: returns the video to compare with. It changes when a file is read again or another tab comes to the front;
                None means that it was closed.
            cache_bytes: memory budget of its decoded frames; None is the renderer's default.
        """
        self.clear()
        first = video()
        if first is not None:
            self.label, self._video = label, video
            self.view_renderer = ViewRenderer(renderer, first, cache_bytes, self.wake)

    def clear(self) -> None:
        """Stop comparing and end the threads."""
        if self.view_renderer is not None:
            self.view_renderer.close()
        self.view_renderer, self.label, self.psnr, self._video = None, "", None, lambda: None
        self._scoring.close(wait=False)
        # Both hold images.
        self._compared, self._scoring = (None, None), LatestTask("compare", self.wake)

    def replace_renderer(self, failed: Renderer, renderer: Renderer) -> None:
        """Render the second image with another backend if its own is the one that failed."""
        before = self.view_renderer
        if before is not None and before.renderer is failed:
            before.close()
            self.view_renderer = ViewRenderer(renderer, before.video, before.cache.budget, self.wake)

    def follow(self) -> None:
        """Switch to the video that is to be compared with now, if it has changed."""
        video = self._video()
        if self.view_renderer is None or self.view_renderer.video is video:
            return
        if video is None:
            self.clear()
            return
        before = self.view_renderer
        if isinstance(video, Scene) and isinstance(before.video, Scene):
            before.rearrange(video)
            return
        before.close()
        self.view_renderer, self.psnr = ViewRenderer(before.renderer, video, before.cache.budget, self.wake), None

    def update(self, time: float, camera: Camera, quality: RequestQuality, first: ViewResult | None) -> list[ViewResult]:
        """Request the same view, take finished images, and compare them with the first image."""
        self.follow()
        if not self.active or self.view_renderer is None:
            return []
        last = self.view_renderer.video.num_frames - 1
        self.view_renderer.request(min(time, last), camera, quality)
        results = self.view_renderer.take_results()
        self._score((first, self.view_renderer.shown))
        return results

    def _score(self, pair: _Pair) -> None:
        # On another thread: comparing two large images takes longer than a frame of the window.
        if pair != self._compared:
            self._compared, self.psnr = pair, None
            self._scoring.submit(pair, partial(image_psnr, *pair))
        scored = self._scoring.poll()
        if scored is not None and scored[0] == pair:
            self.psnr = scored[1]


def image_psnr(first: ViewResult | None, second: ViewResult | None) -> float | None:
    """Return the PSNR of two images over black, dB; infinite for equal ones, None if they cannot be compared."""
    if first is None or second is None or first.image is None or second.image is None:
        return None
    assert first.frame is not None and second.frame is not None
    same = first.frame.time == second.frame.time and first.image.size == second.image.size
    if not same or not np.array_equal(first.request.camera.R, second.request.camera.R):
        return None
    error = first.image.squared_error(second.image)
    if error is None:
        return composited_psnr(first.image.rgba, second.image.rgba)
    return psnr(error) if error else math.inf
