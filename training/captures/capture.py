"""A multi-view capture in EasyMocap's layout: cameras, images, masks and boxes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.camera import Camera
from training.captures.annotations import read_annotations
from training.captures.images import Pixels, Undistortion, image_size, read_color, read_mask
from training.captures.meta import CaptureMeta, read_meta
from training.captures.vertices import read_vertices

MASK_FOLDERS = ("mask", "schp", "mask_cihp")
"""Folders that masks are searched in, in this order."""

MAX_VIEWS = 4096
"""Maximum number of cameras of a capture."""


@dataclass(frozen=True)
class View:
    """One image of a capture, prepared for training."""

    color: Pixels
    """(H, W, 3), 0 outside the subject."""
    mask: Pixels
    """(H, W), 255 on the subject, else 0."""
    face: Pixels | None
    """(H, W), 255 on the face, else 0; None without a human parse."""


class Capture:
    """An opened capture. Images are read when needed.

    Args:
        root: the folder.

    Raises:
        InputError: the folder, `annots.npy` or `meta.yaml` is missing or damaged, the cameras are inconsistent, or images of
            the first frame are missing.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(root, "no such folder")
        file = self.root / "annots.npy"
        annotations = _Annotations(file, read_annotations(file))
        self.meta: CaptureMeta = read_meta(self.root / "meta.yaml", annotations.num_cameras)
        self._files = annotations.image_files()
        self._mask_folder = next((name for name in MASK_FOLDERS if (self.root / name).is_dir()), None)
        if self._mask_folder is None:
            raise InputError(root, f"has no folder of masks ({', '.join(MASK_FOLDERS)})")
        sizes = [self._located(0, index, image_size, self.image_path(0, index)) for index in range(annotations.num_cameras)]
        self.cameras, self._undistortions = annotations.cameras(sizes, self.meta.pixel_center)

    @property
    def name(self) -> str:
        """Title of the capture."""
        return self.meta.name or self.root.resolve().name

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self._files)

    @property
    def test_cameras(self) -> list[int]:
        """Indices of the held-out cameras, for evaluation."""
        return list(self.meta.test_cameras or ())

    @property
    def train_cameras(self) -> list[int]:
        """Indices of the cameras to train on."""
        if self.meta.train_cameras is not None:
            return list(self.meta.train_cameras)
        held_out = set(self.test_cameras)
        return [i for i in range(len(self.cameras)) if i not in held_out]

    @property
    def license(self) -> str:
        """Text of the license file, empty if there is none."""
        for name in ("LICENSE.txt", "LICENSE", "LICENSE.md"):
            if (self.root / name).is_file():
                return (self.root / name).read_text(encoding="utf-8", errors="replace")[:100_000]
        return ""

    def image_path(self, frame: int, camera: int) -> Path:
        """Return the path of the image of a frame and camera."""
        return self.root / self._files[frame][camera]

    def mask_path(self, frame: int, camera: int) -> Path:
        """Return the path of the mask of a frame and camera: like that of the image, in the folder of masks, as PNG."""
        relative = PurePosixPath(self._files[frame][camera])
        parts = relative.parts[1:] if relative.parts[0] == "images" else relative.parts
        return self.root.joinpath(str(self._mask_folder), *parts).with_suffix(".png")

    def check_files(self, frames: range, cameras: list[int]) -> None:
        """Raise InputError, with file and frame, when an image or a mask of these frames and cameras is missing."""
        for frame in frames:
            for camera in cameras:
                for path in (self.image_path(frame, camera), self.mask_path(frame, camera)):
                    if not path.is_file():
                        raise InputError(path, f"no such file (frame {frame}, camera {camera})")

    def view(self, frame: int, camera: int) -> View:
        """Read one image with its mask, undistorted and on black.

        Raises:
            InputError: a file is missing, damaged or of another size; the message has the file and the frame.
        """
        return self._located(frame, camera, self._read_view, frame, camera)

    def mask(self, frame: int, camera: int) -> Pixels:
        """Read one mask, undistorted: (H, W) uint8, 0 or 255; raises as `view` does."""
        return self._located(frame, camera, self._read_mask, frame, camera)[0]

    def vertices(self, frame: int) -> NDArray[np.float32] | None:
        """Return the (N, 3) vertices of a frame in meters, or None when the capture has no folder of vertices.

        Raises:
            InputError: the frame's file is missing, damaged or not a list of finite points.
        """
        folder = self.root / "vertices"
        if not folder.is_dir():
            return None
        points = self._located(frame, None, read_vertices, folder, Path(self._files[frame][0]).stem)
        return np.array(points, dtype=np.float32)

    def _read_view(self, frame: int, camera: int) -> View:
        color = self._checked(read_color(self.image_path(frame, camera), self._undistortions[camera]), frame, camera)
        mask, face = self._read_mask(frame, camera)
        if self.meta.background != "black":
            color = color * (mask[..., None] > 0)
        return View(color, mask, face)

    def _read_mask(self, frame: int, camera: int) -> tuple[Pixels, Pixels | None]:
        mask, face = read_mask(self.mask_path(frame, camera), self._undistortions[camera])
        return self._checked(mask, frame, camera), face

    def _checked(self, pixels: Pixels, frame: int, camera: int) -> Pixels:
        expected = (self.cameras[camera].height, self.cameras[camera].width)
        if pixels.shape[:2] != expected:
            height, width = pixels.shape[:2]
            raise InputError(
                self._files[frame][camera], f"image or mask is {width}x{height}, but the camera is {expected[1]}x{expected[0]}"
            )
        return pixels

    def _located(self, frame: int, camera: int | None, read: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return read(*arguments)
        except InputError as error:
            place = f"frame {frame}" if camera is None else f"frame {frame}, camera {camera}"
            raise InputError(error.subject, f"{error.fault} ({place})", error.remedy) from error


class _Annotations:
    """The content of `annots.npy`, checked when it is read out."""

    def __init__(self, path: Path, content: Any) -> None:
        self.path = path
        if not isinstance(content, dict) or not isinstance(content.get("cams"), dict) or "ims" not in content:
            raise InputError(path, "must contain a dict with cams and ims")
        self.cams, self.ims = content["cams"], content["ims"]
        missing = [name for name in ("K", "D", "R", "T") if name not in self.cams]
        if missing:
            raise InputError(path, f"cams has no {missing[0]}")
        lengths = {_length(self.cams[name]) for name in ("K", "D", "R", "T")}
        if len(lengths) != 1 or not 1 <= min(lengths) <= MAX_VIEWS:
            raise InputError(path, "cams must have K, D, R and T for every camera")
        self.num_cameras = lengths.pop()

    def image_files(self) -> list[list[str]]:
        """Return the relative path of each frame's image of each camera."""
        if _length(self.ims) < 1:
            raise InputError(self.path, "ims has no frames")
        return [self._frame_files(index, frame) for index, frame in enumerate(self.ims)]

    def _frame_files(self, index: int, frame: Any) -> list[str]:
        names: Any = frame.get("ims") if isinstance(frame, dict) else None
        if _length(names) != self.num_cameras:
            raise InputError(self.path, f"frame {index} must have {self.num_cameras} images")
        files = [str(name).replace("\\", "/") for name in names]
        for name in files:
            path = PurePosixPath(name)
            if not path.parts or path.is_absolute() or ".." in path.parts or re.search(r"[\x00-\x1f:]", name):
                raise InputError(self.path, f"frame {index} has an image outside the capture")
        return files

    def cameras(self, sizes: list[tuple[int, int]], pixel_center: float) -> tuple[list[Camera], list[Undistortion]]:
        """Return the cameras, with pixel centers at +0.5, and their undistortions, with pixel centers at 0."""
        cameras, undistortions = [], []
        for index, (width, height) in enumerate(sizes):
            K, D, R, T = (self._matrix(name, index) for name in ("K", "D", "R", "T"))
            if K.size != 9 or R.size != 9 or T.size != 3 or D.size not in (4, 5, 8, 12, 14):
                raise InputError(self.path, f"camera {index} must have 3x3 K and R, 3 numbers in T, 4 or 5 in D")
            to_corner = np.array([[0, 0, 0.5 - pixel_center], [0, 0, 0.5 - pixel_center], [0, 0, 0]])
            intrinsics = K.reshape(3, 3) + to_corner
            try:
                cameras.append(Camera(width, height, intrinsics, R, T / 1000))  # millimeters to meters
            except InputError as error:
                raise InputError(self.path, f"camera {index}: {error}") from error
            center = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
            undistortions.append(Undistortion(intrinsics - center, D.reshape(-1)))
        return cameras, undistortions

    def _matrix(self, name: str, index: int) -> NDArray[np.float64]:
        try:
            values = np.asarray(self.cams[name][index], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(self.path, f"{name} of camera {index} is not an array of numbers") from error
        if not np.isfinite(values).all():
            raise InputError(self.path, f"{name} of camera {index} must be finite")
        return values


def _length(value: object) -> int:
    if isinstance(value, np.ndarray):
        return len(value) if value.ndim > 0 else 0
    return len(value) if isinstance(value, list | tuple) else 0
