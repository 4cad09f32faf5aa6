"""Write a folder of numbered images, one per frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.folders import check_folder_link, check_name, make_folder
from viewer.export.image_files import load_openexr, save_exr, save_png


class ImageSink:
    """Writes 000000.png (or .exr), 000001.png, ... into a folder; each file is complete when it appears.

    Args:
        path: the folder. If it is missing, it is created (its parent must exist); if it exists, it must be empty.
        image_format: "png" or "exr".

    Raises:
        InputError: the folder is not empty or cannot be created, or the format is unknown.
    """

    def __init__(self, path: Path, image_format: str = "png") -> None:
        self.path = path
        """The folder."""
        self.frames = 0
        """Number of frames written so far."""
        check_folder(path, image_format)
        self._format = image_format
        self._made = not path.exists()
        make_folder(path)

    def write(self, pixels: NDArray[Any], depth: NDArray[np.float32] | None = None) -> None:
        """Add a frame.

        Args:
            pixels: PNG: (H, W, 3), or (H, W, 4) with straight alpha, 8 bit; or (H, W) gray, 8 or 16 bit. EXR: (H, W, 4)
                float32, premultiplied.
            depth: (H, W) meters, for EXR.

        Raises:
            InputError: the file cannot be written. The message says which frames are saved.
        """
        path = self.path / f"{self.frames:06d}.{self._format}"
        try:
            if self._format == "exr":
                floats = pixels.astype(np.float32)
                save_exr(path, floats, np.zeros(floats.shape[:2], np.float32) if depth is None else depth)
            else:
                save_png(path, pixels)
        except InputError as error:
            raise InputError(self.path, error.fault, self.abort()) from error
        self.frames += 1

    def finish(self) -> None:
        """Do nothing: every file is complete already."""

    def abort(self) -> str:
        """Stop early and return one sentence about what was saved. An empty folder is removed."""
        if self.frames == 0:
            if self._made and self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()
            return "no frame was finished"
        return f"{self.frames} finished frames are kept in {self.path}"


def check_folder(path: Path, image_format: str) -> None:
    """Raise InputError unless an `ImageSink` can be created there, before anything is rendered."""
    if image_format not in ("png", "exr"):
        raise InputError(f"image format {image_format}", "is unknown", "choose png or exr")
    if image_format == "exr":
        load_openexr(path)
    check_name(path)
    check_folder_link(path)
    if path.exists() and not path.is_dir():
        raise InputError(path, "is a file, not a folder")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(path, "is not empty", "name a new folder, so that old and new images do not mix")
    if not path.parent.is_dir():
        raise InputError(path, "is in a folder that does not exist")
