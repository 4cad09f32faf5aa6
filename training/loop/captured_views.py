"""Copy some captured images into a run's folder, so that the viewer can show them next to the renderings."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from PIL import Image

from common.atomic import atomic_write
from common.errors import InputError
from model.run.files import VIEWS, view_name
from training.captures.capture import Capture
from training.captures.images import resize

MAX_FRAMES = 3
"""Number of frames that are copied, spread evenly over the run."""

MAX_CAMERAS = 32
"""Number of cameras that are copied, spread evenly over the capture. Missing images of held-out cameras are skipped."""

MAX_SIDE = 512
"""Longer side of the copies, pixels."""


def copy_views(capture: Capture, frames: range, folder: Path, pool: Executor) -> None:
    """Write images of all cameras, on black, in a few frames. The middle frame is one of them.

    Args:
        capture: the capture.
        frames: frames of the capture; frame 0 of the run is `frames[0]` there.
        folder: the run's folder.
        pool: the workers.

    Raises:
        InputError: an image cannot be read, or a copy cannot be written.
    """
    target = folder / VIEWS
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(target, f"cannot be created ({error.strerror})") from error
    for frame in spread(len(frames), MAX_FRAMES):
        cameras = [camera for camera in spread(len(capture.cameras), MAX_CAMERAS) if has_image(capture, frames[frame], camera)]
        capture.check_files(range(frames[frame], frames[frame] + 1), cameras)
        tasks = [pool.submit(_copy, capture, frames[frame], camera, target / view_name(frame, camera)) for camera in cameras]
        for task in tasks:
            task.result()


def has_image(capture: Capture, frame: int, camera: int) -> bool:
    """Return whether image and mask of a frame and camera exist. Those of held-out cameras may be missing."""
    sources = (capture.image_source(frame, camera), capture.mask_source(frame, camera))
    return all(source is None or source.exists() for source in sources)


def spread(count: int, most: int) -> list[int]:
    """Return up to `most` indices below `count`, each in the middle of its share."""
    taken = min(count, most)
    return [(2 * i + 1) * count // (2 * taken) for i in range(taken)]


def _copy(capture: Capture, frame: int, camera: int, path: Path) -> None:
    color = capture.view(frame, camera).color
    scale = min(1.0, MAX_SIDE / max(color.shape[:2]))
    small = resize(color, max(1, round(color.shape[1] * scale)), max(1, round(color.shape[0] * scale)))
    with atomic_write(path) as temporary:
        Image.fromarray(small).save(temporary, format="PNG")
