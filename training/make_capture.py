"""`python -m training.make_capture`: make a capture of a procedural moving scene, for users who have no data.

    python -m training.make_capture OUT [--frames N] [--cameras N] [--size WxH] [--speed N]

OUT becomes a folder in EasyMocap's layout: annots.npy, images/, mask/, vertices/ and meta.yaml.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.command_line import ArgumentParser, parse_count, parse_size, run
from common.errors import InputError
from common.interrupts import leave
from common.numbers import counted
from common.progress import progress
from common.yaml_documents import dump_yaml
from model.camera import Camera
from training.captures.procedural_scene import render_scene, scene_at, surface_points

MAX_FRAMES, MAX_CAMERAS, MAX_SIDE, MAX_SPEED = 10_000, 100, 4096, 1000
"""Maximum number of frames, cameras, pixels per side, and repetitions of the movement."""

RADIUS = 3.4
"""Distance of the cameras from the scene's axis, meters."""

HEIGHTS = (0.6, 1.2, 2.0)
"""Heights of the cameras above the ground in turn, meters."""

_FILLED = 0.92  # fraction of the image that the scene fills
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class CaptureSize:
    """Size of a capture, and the speed of its movement."""

    frames: int = 30
    """Frames, 1 to `MAX_FRAMES`."""
    cameras: int = 12
    """Cameras around the scene, 2 to `MAX_CAMERAS`."""
    width: int = 256
    """Pixels along a row, 16 to `MAX_SIDE`."""
    height: int = 256
    """Rows, 16 to `MAX_SIDE`."""
    speed: int = 1
    """Repetitions of the movement in all frames together, 1 to `MAX_SPEED`. If it has no common divisor with the number of
    frames, no two frames are equal."""

    def __post_init__(self) -> None:
        for name, value, lowest, highest in (
            ("--frames", self.frames, 1, MAX_FRAMES),
            ("--cameras", self.cameras, 2, MAX_CAMERAS),
            ("--size", self.width, 16, MAX_SIDE),
            ("--size", self.height, 16, MAX_SIDE),
            ("--speed", self.speed, 1, MAX_SPEED),
        ):
            if not lowest <= value <= highest:
                raise InputError(name, f"must be {lowest} to {highest}, not {value}")

    @property
    def phases(self) -> list[float]:
        """Phase of the movement at each frame. The last frame leads to the first."""
        return [frame * self.speed % self.frames / self.frames for frame in range(self.frames)]

    @property
    def test_cameras(self) -> list[int]:
        """Held-out cameras, for evaluation: one in four, none if there are fewer than four."""
        return list(range(1, self.cameras, 4)) if self.cameras >= 4 else []


def make_capture(out: Path, size: CaptureSize) -> None:
    """Render the scene into a new folder, which is complete or does not exist.

    Args:
        out: the folder; must be new or empty.
        size: frames, cameras, pixels.

    Raises:
        InputError: the folder is not empty, is a link or the current folder, or cannot be written.
    """
    _check_new(out)
    vertices = [surface_points(scene_at(phase)) for phase in size.phases]
    cameras = ring_of_cameras(size, vertices)
    with _new_folder(out) as folder:
        _write_annotations(folder / "annots.npy", size, cameras)
        (folder / "vertices").mkdir()
        for frame, points in enumerate(vertices):
            np.save(folder / "vertices" / f"{frame:06d}.npy", points)
        _write_images(folder, size, cameras)
        meta = dump_yaml(describe(size, vertices))
        (folder / "meta.yaml").write_text(meta, encoding="utf-8")


def ring_of_cameras(size: CaptureSize, vertices: list[NDArray[np.float32]]) -> list[Camera]:
    """Place cameras evenly around the scene at alternating `HEIGHTS`, with the longest focal length that shows every frame."""
    bounds = _bounds(vertices)
    target = bounds.mean(axis=0)
    angles = np.arange(size.cameras) * 2 * np.pi / size.cameras - np.pi / 2
    eyes = [
        (target[0] + RADIUS * np.cos(angle), target[1] + RADIUS * np.sin(angle), height)
        for angle, height in zip(angles, itertools.cycle(HEIGHTS), strict=False)
    ]
    trial = [Camera.look_at(eye, target, (0, 0, 1), 1.0, size.width, size.height) for eye in eyes]
    half = np.array([size.width, size.height]) / 2
    points = np.concatenate(vertices)
    reach = max(float(np.abs((camera.project(points)[0] - half) / half).max()) for camera in trial)
    zoom = np.diag([_FILLED / reach, _FILLED / reach, 1.0])
    centered = np.array([[1, 0, -half[0]], [0, 1, -half[1]], [0, 0, 1]])
    return [
        Camera(size.width, size.height, np.linalg.inv(centered) @ zoom @ centered @ camera.K, camera.R, camera.T)
        for camera in trial
    ]


def describe(size: CaptureSize, vertices: list[NDArray[np.float32]]) -> dict[str, object]:
    """Return the content of meta.yaml; `vertices` are (V, 3) per frame, meters."""
    bounds = _bounds(vertices)
    return {
        "name": "juggler" if size.speed == 1 else f"juggler_speed_{size.speed}",
        "fps": 30,
        "num_frames": size.frames,
        "num_cameras": size.cameras,
        "width": size.width,
        "height": size.height,
        "up_axis": "z",
        "units": "meters",  # vertices; T in annots.npy is millimeters
        "pixel_center": 0.5,
        "background": "black",
        "loop": True,
        "train_cameras": [index for index in range(size.cameras) if index not in size.test_cameras],
        "test_cameras": size.test_cameras,
        "target": [round(float(v), 4) for v in bounds.mean(axis=0)],
        "bounds_min": [round(float(v), 4) for v in bounds[0]],
        "bounds_max": [round(float(v), 4) for v in bounds[1]],
        "camera_radius": RADIUS,
        "camera_heights": list(HEIGHTS),
        "source": "made by training.make_capture",
    }


def _bounds(vertices: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    points = np.concatenate(vertices)
    return np.stack([points.min(axis=0), points.max(axis=0)])


def _write_annotations(path: Path, size: CaptureSize, cameras: list[Camera]) -> None:
    cams = {
        "K": [camera.K for camera in cameras],
        "D": [np.zeros((5, 1)) for _ in cameras],
        "R": [camera.R for camera in cameras],
        "T": [1000 * camera.T.reshape(3, 1) for camera in cameras],  # millimeters
    }
    frames = [{"ims": [f"images/{c:02d}/{frame:06d}.jpg" for c in range(size.cameras)]} for frame in range(size.frames)]
    content = np.array({"cams": cams, "ims": frames}, dtype=object)
    # The layout requires a pickle. It is only written here, never read.
    np.save(path, content, allow_pickle=True)


def _write_images(folder: Path, size: CaptureSize, cameras: list[Camera]) -> None:
    for kind, index in itertools.product(("images", "mask"), range(size.cameras)):
        (folder / kind / f"{index:02d}").mkdir(parents=True)
    rendered: dict[float, int] = {}  # the first frame of each phase
    for frame, phase in enumerate(progress(size.phases, size.frames, "rendering frames")):
        if rendered.setdefault(phase, frame) == frame:
            _write_frame(folder, frame, phase, cameras)
            continue
        for index in range(size.cameras):
            for same, path in zip(_files(folder, index, rendered[phase]), _files(folder, index, frame), strict=True):
                shutil.copyfile(same, path)


def _write_frame(folder: Path, frame: int, phase: float, cameras: list[Camera]) -> None:
    solids = scene_at(phase)
    for index, camera in enumerate(cameras):
        rgba = render_scene(solids, camera)
        image, mask = _files(folder, index, frame)
        color = Image.fromarray(np.round(255 * rgba[..., :3]).astype(np.uint8))
        color.save(image, quality=_JPEG_QUALITY, subsampling=0)
        Image.fromarray(255 * (rgba[..., 3] >= 0.5).astype(np.uint8)).save(mask)


def _files(folder: Path, camera: int, frame: int) -> tuple[Path, Path]:
    """Return the image and the mask of a camera in a frame."""
    name = f"{camera:02d}/{frame:06d}"
    return folder / "images" / f"{name}.jpg", folder / "mask" / f"{name}.png"


def _check_new(out: Path) -> None:
    """Raise InputError if the folder cannot be made, before anything is computed."""
    remedy = "choose a new folder"
    if out.is_symlink():
        raise InputError(out, "is a link", remedy)
    if out.is_dir() and out.samefile(os.curdir):  # it could not be replaced
        raise InputError(out, "is the current folder", remedy)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "already exists", remedy)
    if not out.absolute().parent.is_dir():
        raise InputError(out, "cannot be written", f"there is no folder {out.absolute().parent}")


@contextlib.contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Provide a temporary folder next to `out`. It is renamed to `out` if the block succeeds and deleted if it fails."""
    temporary = out.absolute().with_name(f".{out.name[:40]}.{secrets.token_hex(6)}")
    try:
        temporary.mkdir()
        yield temporary
        if out.is_dir():
            out.rmdir()
        temporary.rename(out)
    except OSError as error:
        raise InputError(out, f"cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _command(arguments: argparse.Namespace) -> None:
    width, height = arguments.size
    size = CaptureSize(arguments.frames, arguments.cameras, width, height, arguments.speed)
    make_capture(arguments.out, size)
    print(f"{arguments.out}: {counted(size.frames, 'frame')}, {counted(size.cameras, 'camera')}, {size.width}x{size.height}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m training.make_capture` and return its exit status."""
    default = CaptureSize()
    parser = ArgumentParser(prog="python -m training.make_capture", description="Make a capture of a procedural moving scene.")
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to create")
    parser.add_argument("--frames", type=parse_count, default=default.frames, help="frames (default: %(default)s)")
    parser.add_argument("--cameras", type=parse_count, default=default.cameras, help="cameras (default: %(default)s)")
    size_help = f"pixels (default: {default.width}x{default.height})"
    parser.add_argument("--size", type=parse_size, default=(default.width, default.height), metavar="WxH", help=size_help)
    speed_help = "how often the movement is repeated within the frames; more is faster (default: %(default)s)"
    parser.add_argument("--speed", type=parse_count, default=default.speed, metavar="N", help=speed_help)
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    leave(main())
