"""A captured image of a training run, and the same view rendered from the newest checkpoint."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.image_reading import read_image
from common.limited_process import LimitedProcess
from common.scores import psnr
from model.run.files import VIEWS, parse_view_name, view_name
from model.video import VolumetricVideo
from renderer.backend import DeviceFailed
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.redraw import Redraw
from viewer.picture import image_decoding
from viewer.playback.render_worker import ViewResult
from viewer.playback.view_renderer import RequestQuality, ViewRenderer
from viewer.work.latest_task import LatestTask

CACHE_BYTES = 64 << 20
"""Memory budget of the decoded frames of this view."""

Pixels = NDArray[np.uint8]
"""(H, W, 4)."""

_View = tuple["weakref.ref[VolumetricVideo]", int, int]  # a video, which may be closed meanwhile, frame and camera


@dataclass(frozen=True, eq=False)
class RenderedView:
    """The view rendered from a checkpoint."""

    pixels: Pixels
    """The rendering, over black."""
    psnr: float
    """PSNR against the captured image over the whole image, dB."""


class TrainingView:
    """Shows one camera in one frame. Files are read, and images compared, on other threads.

    Args:
        folder: the run's folder.
        redraw: notified when there is something new.
    """

    def __init__(self, folder: Path, redraw: Redraw) -> None:
        self.folder = folder
        self.choices: dict[int, list[int]] = {}
        """Cameras that have a captured image, by frame; empty until the folder was listed."""
        self.captured: Pixels | None = None
        """The captured image."""
        self.rendered: RenderedView | None = None
        """The newest rendering; None until there is one of this view."""
        self._redraw = redraw
        self._process = LimitedProcess()  # one for all images, because starting it takes longer than decoding
        self._listing: LatestTask[Path, dict[int, list[int]]] = LatestTask("captured views", redraw.notify)
        self._listing.submit(folder, partial(list_views, folder))
        self._loading: LatestTask[tuple[int, int], Pixels] = LatestTask("captured image", redraw.notify)
        self._comparing: LatestTask[ViewResult, RenderedView] = LatestTask("training view", redraw.notify)
        self._chosen: tuple[int, int] | None = None
        self._renderer: ViewRenderer | None = None
        self._done: _View | None = None

    def follow(self, app: ViewerApp, document: Document, frame: int, camera: int) -> None:
        """Show a camera in a frame: load the captured image, and render it again after each checkpoint.

        Raises:
            InputError: the captured image cannot be read, or the view cannot be rendered.
        """
        if self._chosen != (frame, camera):
            self._chosen, self.captured, self.rendered = (frame, camera), None, None
            path = self.folder / VIEWS / view_name(frame, camera)
            self._loading.submit((frame, camera), partial(load_view, path, self._process))
        loaded = self._loading.poll()
        if loaded is not None and loaded[0] == self._chosen:
            self.captured = loaded[1]
        if self.captured is not None:
            self._render(app, document, frame, camera, self.captured)

    def list_views(self) -> None:
        """Take the list of captured images when it was read; raise InputError when the folder cannot be read."""
        listed = self._listing.poll()
        if listed is not None:
            self.choices = listed[1]

    def _render(self, app: ViewerApp, document: Document, frame: int, camera: int, captured: Pixels) -> None:
        wanted = weakref.ref(document.video), frame, camera
        if wanted == self._done:
            return
        renderer, backend = self._renderer, app.rendering.renderer
        if renderer is None or renderer.video is not document.video or renderer.renderer is not backend:
            self._end()
            renderer = self._renderer = ViewRenderer(backend, document.video, CACHE_BYTES, self._redraw.notify)
        view = document.video.metadata.cameras[camera].resized(captured.shape[1], captured.shape[0])
        renderer.request(float(frame), view, RequestQuality())
        for result in renderer.take_results():
            if result.error is not None and not isinstance(result.error, DeviceFailed):  # another backend takes over then
                self._finish(wanted)
                raise InputError("the training view", f"cannot be rendered ({result.error})") from result.error
        if renderer.finished and renderer.shown is not None:
            self._comparing.submit(renderer.shown, partial(compare, renderer.shown, captured))
        compared = self._comparing.poll()
        if compared is not None and compared[0] is renderer.shown:
            self.rendered = compared[1]
            self._finish(wanted)

    def _finish(self, shown: _View) -> None:
        self._done = shown
        self._end()  # a section that is closed afterwards keeps no frames

    def _end(self) -> None:
        if self._renderer is not None:  # on another thread, because a frame that is being decoded is finished first
            threading.Thread(target=self._renderer.close, name="end of rendering", daemon=True).start()
        self._renderer = None

    def close(self) -> None:
        """End its threads."""
        if self._renderer is not None:
            self._renderer.close()
        self._renderer = None
        for task in (self._listing, self._loading, self._comparing):
            task.close()
        self._process.close()


def list_views(folder: Path) -> dict[int, list[int]]:
    """Return the cameras with a captured image in a run's folder, by frame; raise InputError when it cannot be read."""
    try:
        names = sorted(path.name for path in (folder / VIEWS).iterdir())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(folder / VIEWS, f"cannot be read ({error.strerror})") from error
    found: dict[int, list[int]] = {}
    for frame, camera in filter(None, map(parse_view_name, names)):
        found.setdefault(frame, []).append(camera)
    return found


def load_view(path: Path, process: LimitedProcess | None = None) -> Pixels:
    """Read a captured image as (H, W, 4); raise InputError when it is missing, damaged or too large.

    Args:
        path: the file.
        process: the child process that decodes it; None starts one for this file.
    """
    pixels: Pixels = read_image(path, image_decoding.decode_captured, image_decoding.CAPTURED_LIMITS, process)
    return pixels


def compare(result: ViewResult, captured: Pixels) -> RenderedView:
    """Return a rendering over black, and its PSNR against the captured image (H, W, 4) of its size."""
    assert result.image is not None
    color = np.clip(result.image.rgba[..., :3], 0, 1)
    squared = (color.astype(np.float64) - captured[..., :3] / 255) ** 2
    pixels = np.full((*color.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = np.round(color * 255)
    return RenderedView(pixels, psnr(float(squared.mean())))
