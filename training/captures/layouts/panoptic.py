"""CMU Panoptic Studio: `calibration_<sequence>.json` and the images of its HD or VGA cameras."""

from __future__ import annotations

from typing import Any

from common.errors import InputError
from training.captures.description import Conventions, Description, RawCamera
from training.captures.files import CaptureFolder
from training.captures.frame_sets import CameraFiles, describe, images_in, masks_like, video_remedy
from training.captures.layout import Layout
from training.captures.mask_folders import mask_folder
from training.captures.meta import CaptureMeta
from training.captures.parsing import matrix, parsing, read_json_file, size_of

_CONVENTIONS = Conventions(units_per_meter=100, vertex_units_per_meter=100, up_axis="-y", fps=29.97)

_IMAGE_FOLDERS = {"hdImgs": "hd", "vgaImgs": "vga", "kinectImgs": "kinect-color"}
"""Folders of images, and the type of the cameras in each."""


def _file(folder: CaptureFolder) -> str | None:
    names = [name for name in folder.names() if name.startswith("calibration_") and name.endswith(".json")]
    return names[0] if len(names) == 1 else None


def _read(folder: CaptureFolder, meta: CaptureMeta, file: str) -> Description:
    images = next((name for name in _IMAGE_FOLDERS if folder.has_folder(name)), None)
    if images is None:
        shown = ", ".join(_IMAGE_FOLDERS)
        raise InputError(folder.root, f"has no folder of images ({shown})", video_remedy(folder) or "run hdImgsExtractor.sh")
    kind, present = _IMAGE_FOLDERS[images], set(folder.folders(images))
    with parsing(folder.root / file, "a calibration of Panoptic Studio"):
        entries = [entry for entry in read_json_file(folder, file)["cameras"] if entry["type"] == kind]
        cameras = [_camera(entry) for entry in entries if str(entry["name"]) in present]
    if not cameras:
        raise InputError(folder.root / file, f"has none of the cameras in {images}")
    masks = mask_folder(folder, meta, ("masks", "mask"))
    files = [
        CameraFiles(camera.name, images_in(folder, f"{images}/{camera.name}"), masks_like(folder, masks, f"x/{camera.name}"))
        for camera in cameras
    ]
    return describe(folder, file, cameras, files, _CONVENTIONS)


LAYOUT = Layout("panoptic", "Panoptic Studio", "one calibration_<sequence>.json", _file, _read)


def _camera(entry: dict[str, Any]) -> RawCamera:
    size = size_of(*entry["resolution"])
    K, D = matrix(entry["K"], 3, 3), matrix(entry["distCoef"], 5)
    return RawCamera(str(entry["name"]), K, D, matrix(entry["R"], 3, 3), matrix(entry["t"], 3), size)
