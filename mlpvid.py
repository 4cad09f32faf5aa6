"""MLPVid for Python programs: open volumetric videos, render and record them, and show them in a window.

>>> import mlpvid
>>> video = mlpvid.open(mlpvid.DEMO)
>>> video.num_frames, video.fps
(60, 30.0)
>>> camera = mlpvid.Camera.look_at(eye=(3, 0, 1), target=(0, 0, 1), up=(0, 0, 1), field_of_view=0.8, width=64, height=64)
>>> image = video.render(frame=2.5, camera=camera)
>>> image.rgba.shape, image.depth.shape
((64, 64, 4), (64, 64))

Nothing is loaded until it is used, so that `import mlpvid` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from viewer.export.recorder import RecordResult
    from viewer.video import Video

__version__ = "0.1.0"
"""Version of the program."""

_PARENT = __name__ + "." if "__path__" in globals() else ""
"""Empty in a source folder, "mlpvid." in the installed package."""

_HOMES = {
    "Camera": "model.camera",
    "CameraPath": "viewer.camera_path.path",
    "CancelToken": "renderer.backend",
    "DEMO": "viewer",
    "InputError": "common.errors",
    "RecordOptions": "viewer.export.record_options",
    "RecordResult": "viewer.export.recorder",
    "RenderCancelled": "renderer.backend",
    "RenderSettings": "renderer.backend",
    "RenderedImage": "renderer.backend",
    "Video": "viewer.video",
    "from_blender": "model.camera_conventions",
    "from_colmap": "model.camera_conventions",
    "from_nerf": "model.camera_conventions",
    "from_opengl": "model.camera_conventions",
}
"""The module of each public name."""

__all__ = [*_HOMES, "open", "record", "view"]  # noqa: PLE0604 - the names above


def open(path: str | Path, backend: str = "auto", threads: int | None = None) -> Video:
    """Open a bundle, a training run, or a bundle at an address; see `viewer.video.open_video`.

    Args:
        path: a .mlpvid or .mlpvid-scene file, the folder of a training run, or the address of a .mlpvid file.
        backend: "auto", "cuda", "opengl", "cpu" or "reference".
        threads: CPU threads; None means one per core.

    Raises:
        InputError: it cannot be read; the message says what is wrong and what to do.
    """
    from viewer.video import open_video  # noqa: PLC0415 - loads the renderer

    return open_video(path, backend, threads)


def record(video: Video, output: str | Path, path: Any = "orbit", **choices: Any) -> RecordResult:
    """Record a camera path into a video file or a folder of images; see `Video.record`."""
    return video.record(output, path, **choices)


def view(video: Video) -> None:
    """Show a video in a notebook, or in the viewer's window until the user closes it; see `Video.view`."""
    video.view()


def run_command() -> None:
    """Run the command `mlpvid` of this process and end it."""
    importlib.import_module(_PARENT + "run_mlpvid").script()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PARENT + _HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
