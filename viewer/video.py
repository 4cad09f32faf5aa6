"""A volumetric video for Python programs: open, render, record, view. Programs use it through `mlpvid.py`."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.arguments import checked_kind, checked_number, shown
from common.errors import InputError
from model.camera import Camera, checked_size
from renderer.select import backend_for, check_choice, create_renderer
from viewer.app.files import read_video
from viewer.app.places import Place, place_of
from viewer.camera.control import overview
from viewer.notebook import in_notebook, show_in_notebook

if TYPE_CHECKING:
    from model.video import VideoMetadata, VolumetricVideo
    from renderer.backend import CancelToken, RenderedImage, RenderSettings
    from renderer.fallback import FallbackFrame, FallbackRenderer
    from viewer.export.record_options import RecordOptions
    from viewer.export.recorder import RecordProgress, RecordResult

DEFAULT_SIZE = (512, 512)
"""Width and height of an image when neither a camera nor a size is given, pixels."""


class Video:
    """An open volumetric video.

    All methods may be called from several threads; images are rendered one after the other.

    >>> import mlpvid
    >>> with mlpvid.open(mlpvid.DEMO) as video:
    ...     image = video.render(frame=3, size=(64, 48))
    >>> image.rgba.shape
    (48, 64, 4)

    Args:
        content: the video's data.
        path: where it was read from.
        backend: "auto", "cuda", "opengl", "cpu" or "reference".
        threads: CPU threads; None means one per core.
    """

    def __init__(self, content: VolumetricVideo, path: Place, backend: str = "auto", threads: int | None = None) -> None:
        self.content = content
        """The decoder, hash tables, latents, boxes and occupancy."""
        self.path = path
        """The file, the folder of a training run, or the address."""
        self._backend, self._threads = backend, threads
        self._renderer: FallbackRenderer | None = None
        self._frame: FallbackFrame | None = None
        self._lock = threading.Lock()
        self._holder: int | None = None  # the thread that has the lock

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return self.content.num_frames

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.content.metadata.fps

    @property
    def bounds(self) -> NDArray[np.float32]:
        """(2, 3), the lower and the upper corner of a box around the subject in all frames, meters."""
        return self.content.bounds

    @property
    def cameras(self) -> list[Camera]:
        """Cameras of the capture; a bundle may have none."""
        return list(self.content.metadata.cameras)

    @property
    def metadata(self) -> VideoMetadata:
        """Frame rate, up direction, cameras, provenance and license."""
        return self.content.metadata

    @property
    def backend(self) -> str:
        """The backend that renders: "cuda", "opengl", "cpu" or "reference"."""
        with self._held():
            return self._started().name

    def overview(self, size: tuple[int, int] = DEFAULT_SIZE) -> Camera:
        """Return the camera that the window opens with: it has the whole subject in view.

        Args:
            size: width and height of the image, pixels.
        """
        return overview(self.bounds, self.metadata.up, *checked_size(size))

    def orbit(self, turn: float, size: tuple[int, int] = DEFAULT_SIZE) -> Camera:
        """Return a camera on a circle around the subject.

        Args:
            turn: 0 to 1 is once around.
            size: width and height of the image, pixels.
        """
        from viewer.camera_path.presets import orbit_camera  # noqa: PLC0415 - quicker start

        part = checked_number(turn, "turn", "a finite number of turns")
        return orbit_camera(self.bounds, self.metadata.up, math.fmod(part, 1.0), *checked_size(size))

    def render(
        self,
        frame: float = 0.0,
        camera: Camera | None = None,
        size: tuple[int, int] | None = None,
        settings: RenderSettings | None = None,
        cancel: CancelToken | None = None,
    ) -> RenderedImage:
        """Render one image.

        The last frame is kept, so that another view of it renders at once.

        Args:
            frame: 0 to `num_frames` - 1; a fraction lies between two frames.
            camera: None means `overview`.
            size: width and height in pixels; None means the camera's, or 512x512. The camera's view is fitted into another
                size.
            settings: step and threshold instead of the bundle's.
            cancel: ends it from another thread.

        Returns:
            `rgba` (H, W, 4) float32, premultiplied by opacity, in [0, 1], as shown on a screen (sRGB); `depth` (H, W) float32,
            meters along the camera's axis, 0 where nothing is; `counts` and `statistics`.

        Raises:
            InputError: the video has no such frame, or an argument is of a wrong type or out of range.
            RenderCancelled: `cancel` ended it.
        """
        from renderer.backend import CancelToken  # noqa: PLC0415 - quicker start
        from renderer.backend import RenderSettings as Settings  # noqa: PLC0415

        settings = checked_kind(Settings() if settings is None else settings, Settings, "settings", "RenderSettings")
        if cancel is not None:
            checked_kind(cancel, CancelToken, "cancel", "a CancelToken")
        camera = self._view(camera, size)
        frame = checked_number(frame, "frame", "a number")
        self.content.check_time(frame)
        with self._held():
            renderer = self._started()
            if self._frame is None or self._frame.time != frame:
                self._frame = None  # make room first
                self._frame = renderer.prepare(self.content, frame)
            return renderer.render(self._frame, camera, settings, cancel=cancel)

    def record(
        self,
        output: str | Path,
        path: str | Path | Any = "orbit",
        options: RecordOptions | None = None,
        progress: Callable[[RecordProgress], None] | None = None,
        cancel: CancelToken | None = None,
        **choices: Any,
    ) -> RecordResult:
        """Record a camera path into a video file or a folder of images.

        Args:
            output: a name that ends in .mp4 or .webm, or a folder for numbered images.
            path: "orbit", a `CameraPath`, or a file with a camera path.
            options: everything else.
            progress: called before the first and after every frame.
            cancel: ends it from another thread. The finished frames stay playable.
            choices: instead of `options`, any of its fields: size, fps, frames, seconds, supersampling, transparent, codec,
                quality, image_format.

        Raises:
            InputError: an option or the path is wrong, the path never sees the scene, the output cannot be written, or
                `progress` of a recording calls this.
            TypeError: both `options` and `choices` are given, or a choice is unknown.
        """
        from renderer.backend import CancelToken  # noqa: PLC0415 - quicker start
        from viewer.camera_path.path import CameraPath  # noqa: PLC0415
        from viewer.export import recorder  # noqa: PLC0415 - loads FFmpeg
        from viewer.export.record_options import RecordOptions  # noqa: PLC0415 - as above

        if options is not None and choices:
            raise TypeError("pass either options or single choices, not both")
        chosen = RecordOptions(**choices) if options is None else options
        checked_kind(chosen, RecordOptions, "options", "RecordOptions")
        if cancel is not None:
            checked_kind(cancel, CancelToken, "cancel", "a CancelToken")
        if progress is not None and not callable(progress):
            raise InputError("progress", f"must be a function, not {shown(progress)}")
        target = _path(output, "output", "name a .mp4 or .webm file, or a folder")
        route = path if isinstance(path, CameraPath) else str(_path(path, "path", 'pass "orbit", a CameraPath, or a file'))
        with self._held():
            return recorder.record(self._started(), self.content, target, route, chosen, progress, cancel)

    def view(self) -> None:
        """Show the video: in a Jupyter notebook below the cell, otherwise in the viewer's window until the user closes it.

        Raises:
            InputError: there is no display, or ipywidgets is not installed for a notebook.
        """
        if in_notebook():
            show_in_notebook(self)
            return
        from viewer.commands.start import show_video, why_no_window  # noqa: PLC0415 - loads the window

        if reason := why_no_window():
            raise InputError("the window", reason, "render and record need none")
        show_video(self.content, self.path, self._backend, self._threads)

    def close(self) -> None:
        """Free the renderer. The next image starts it again."""
        with self._held():
            self._frame = self._renderer = None

    def __enter__(self) -> Video:
        """Return the video itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Name the file, the number of frames and their rate."""
        return f"<Video {self.path}: {self.num_frames} frames, {self.fps:g} per second>"

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Keep other threads from the renderer. This thread must not wait for itself, as `progress` of a recording would."""
        if self._holder == threading.get_ident():
            raise InputError(str(self.path), "is being recorded by this thread", "render later, or open it a second time")
        with self._lock:
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None

    def _view(self, camera: Camera | None, size: tuple[int, int] | None) -> Camera:
        if camera is None:
            return self.overview(DEFAULT_SIZE if size is None else size)
        checked_kind(camera, Camera, "camera", "a Camera")
        return camera if size is None else camera.fitted(*checked_size(size))

    def _started(self) -> FallbackRenderer:
        from renderer.fallback import FallbackRenderer  # noqa: PLC0415 - quicker start

        if self._renderer is None:
            self._renderer = FallbackRenderer(create_renderer(backend_for(self.content, self._backend), self._threads))
        return self._renderer


def open_video(path: str | Path, backend: str = "auto", threads: int | None = None) -> Video:
    """Open a bundle, a training run, or a bundle at an address.

    Args:
        path: a .mlpvid or .mlpvid-scene file, the folder of a training run, or an address (docs/streaming.md).
        backend: "auto", "cuda", "opengl", "cpu" or "reference".
        threads: CPU threads; None means one per core.

    Raises:
        InputError: it cannot be read, or the backend is unknown; the message says what is wrong and what to do.
    """
    check_choice(backend, threads)
    named = _path(path, "path", "name a .mlpvid or .mlpvid-scene file, a training run, or an address")
    place = place_of(path) if isinstance(path, str) else named
    return Video(read_video(place), place, backend, threads)


def _path(value: object, subject: str, remedy: str) -> Path:
    if isinstance(value, str | os.PathLike) and value != "":
        name = os.fspath(value)
        if isinstance(name, str):
            return Path(name)
    raise InputError(subject, f"must be a name, not {shown(value)}", remedy)
