"""DNA-Rendering: `NAME.smc` and `NAME_annots.smc`, which are HDF5 files with JPEG images, masks and cameras."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import InputError
from training.captures.description import Conventions, Description, RawCamera
from training.captures.files import CaptureFolder, find_name
from training.captures.frame_sets import CameraFiles, Key, describe
from training.captures.layout import Layout
from training.captures.mask_folders import NOT_FOLDERS
from training.captures.meta import CaptureMeta
from training.captures.parsing import matrix, parsing
from training.captures.sources import ImageSource, InFile, checked_path, open_image

MAX_IMAGE_BYTES = 64 << 20
"""Maximum size of an encoded image."""

_GROUPS = ("Camera_5mp", "Camera_12mp")

_SUFFIX = "_annots.smc"

_CONVENTIONS = Conventions(pose="camera_to_world", fps=15)


@dataclass(frozen=True, slots=True)
class StoredImage(InFile):
    """An encoded image inside an HDF5 file, whose data sets were listed when the capture was opened."""

    key: str
    """Path of the data set in the file."""

    def open(self) -> Any:
        """Open the image with Pillow; raise InputError when it cannot be read."""
        return open_image(io.BytesIO(self.fingerprint()), self.path)

    def fingerprint(self) -> bytes:
        """Return the encoded image; raise InputError when it cannot be read."""
        with _opened(self.root, self.name) as file:
            return bytes(_values(file, self.key, MAX_IMAGE_BYTES).tobytes())


def _files(folder: CaptureFolder) -> tuple[str, str] | None:
    """Return the names of the file with images and the one with cameras and masks, or None."""
    annotations = folder.first_like(("", "annotations"), suffix=_SUFFIX)
    if annotations is None:
        return None
    main = annotations.removeprefix("annotations/").removesuffix(_SUFFIX) + ".smc"
    images = find_name(folder, [main, f"main/{main}"])
    return None if images is None else (images, annotations)


def _read(folder: CaptureFolder, meta: CaptureMeta, names: tuple[str, str]) -> Description:
    images, annotations = names
    with _opened(folder.root, annotations) as file:
        places = _places(folder.root, images)
        cameras = [_camera(file, number) for number in places]
        masks: dict[int, dict[Key, str | ImageSource]] = {number: {} for number in places}
        if meta.masks not in NOT_FOLDERS and "Mask" in file:
            masks = {number: _images(file, folder.root, annotations, f"Mask/{number}/mask") for number in places}
    with _opened(folder.root, images) as file:
        files = [
            CameraFiles(str(number), _images(file, folder.root, images, place), masks[number] or None)
            for number, place in places.items()
        ]
    return describe(folder, annotations, cameras, files, _CONVENTIONS)


LAYOUT = Layout("dna-rendering", "DNA-Rendering", f"NAME.smc and NAME{_SUFFIX}", _files, _read)


@contextlib.contextmanager
def _opened(root: Path, name: str) -> Iterator[Any]:
    """Open an HDF5 file. Whatever h5py raises for a damaged one becomes InputError."""
    path = checked_path(root, name)
    try:
        import h5py  # noqa: PLC0415 - only this layout needs it
    except ImportError as error:
        raise InputError(path, "needs the package h5py", "pip install h5py") from error
    try:
        with parsing(path, "a file of DNA-Rendering"), h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        raise InputError(path, "is not an HDF5 file, or is damaged") from error


def _values(file: Any, key: str, max_bytes: int) -> Any:
    """Return the content of a data set. Links and data outside of the file are refused, and so are large sets."""
    data = _entry(file, key)
    if not hasattr(data, "nbytes") or data.external or data.is_virtual:
        raise ValueError(f"{key} is not stored in the file")
    if data.nbytes > max_bytes or data.compression not in (None, "gzip", "lzf"):
        raise ValueError(f"{key} is larger than {max_bytes >> 20} MiB, or compressed in an unusual way")
    return data[()]


def _entry(file: Any, key: str) -> Any:
    import h5py  # noqa: PLC0415

    entry = file
    for part in key.split("/"):
        if not isinstance(entry.get(part, getlink=True), h5py.HardLink):
            raise KeyError(key)
        entry = entry[part]
    return entry


def _places(root: Path, images: str) -> dict[int, str]:
    """Return the group with the color images of each camera, by its number."""
    with _opened(root, images) as file:
        found = {
            int(number): f"{group}/{number}/color"
            for group in _GROUPS
            if group in file
            for number in _entry(file, group)
            if number.isascii() and number.isdigit() and "color" in _entry(file, f"{group}/{number}")
        }
    return dict(sorted(found.items()))


def _images(file: Any, root: Path, name: str, place: str) -> dict[Key, str | ImageSource]:
    frames = [frame for frame in _entry(file, place) if frame.isascii() and frame.isdigit()]
    return {int(frame): StoredImage(root, name, f"{place}/{frame}") for frame in frames}


def _camera(file: Any, number: int) -> RawCamera:
    K, D, pose = (_values(file, f"Camera_Parameter/{number:02d}/{key}", 4096) for key in ("K", "D", "RT"))
    pose = matrix(pose, 4, 4)
    return RawCamera(str(number), matrix(K, 3, 3), matrix(D, D.size).ravel(), pose[:3, :3], pose[:3, 3])
