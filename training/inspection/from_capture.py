"""Make the footage of an opened capture."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from training.captures.calibration import calibrated_size
from training.captures.camera_files import VideoImage
from training.captures.capture import Capture
from training.captures.description import MaskRule
from training.captures.images import Optics, Pixels, Undistortion, read_color, read_mask
from training.captures.sources import FileImage, ImageSource
from training.inspection.footage import Calibration, Footage
from training.inspection.reading import CameraReading

T = TypeVar("T")


def footage_of(capture: Capture) -> Footage:
    """Return what the check needs from a capture. Images and masks are read as stored, but turned as Exif says."""
    cameras = range(len(capture.cameras))
    calibrations = tuple(_calibration(capture, index) for index in cameras)
    as_stored = [Optics(Undistortion(np.eye(3), np.zeros(5)), calibration.calibrated) for calibration in calibrations]

    def mask(frame: int, camera: int, rule: MaskRule) -> Pixels | None:
        source = capture.mask_source(frame, camera)
        try:
            return None if source is None else read_mask(source, rule, as_stored[camera])[0]
        except InputError:
            return None  # missing files are counted elsewhere, and a file without the channel has no mask

    def image(frame: int, camera: int) -> Pixels | None:
        try:
            return read_color(capture.image_source(frame, camera), as_stored[camera])
        except InputError:
            return None

    def vertices(frame: int) -> NDArray[np.float32] | None:
        try:
            return capture.vertices(frame)
        except InputError:
            return None

    def missing(frame: int, camera: int) -> list[str]:
        sources = (capture.image_source(frame, camera), capture.mask_source(frame, camera))
        return [str(source.path) for source in sources if source is not None and not source.exists()]

    def repeats(frame: int, camera: int) -> bool:
        return _same_file(capture.image_source(frame - 1, camera), capture.image_source(frame, camera))

    readings = tuple(_reading(capture, index) for index in cameras)
    up = np.array(capture.up)
    return Footage(calibrations, readings, capture.num_frames, up, mask, image, vertices, capture.has_masks, missing, repeats)


def _calibration(capture: Capture, index: int) -> Calibration:
    raw, meta, camera = capture.description.cameras[index], capture.camera_metas[index], capture.cameras[index]
    D = np.asarray(raw.D if meta.D is None else meta.D, dtype=np.float64).reshape(-1)
    fisheye = raw.fisheye if meta.lens == "calibrated" else meta.lens == "fisheye"
    return Calibration(
        raw.name,
        camera.width,
        camera.height,
        camera.K,
        D[:4] if fisheye else D,
        raw.R.reshape(3, 3).astype(np.float64),
        raw.T.reshape(3).astype(np.float64),
        fisheye,
        capture.transform,
        calibrated_size(raw, meta),
        meta.frame_offset,
        capture.meta.frame_stride,
        meta.frame_fraction,
        capture.fps if isinstance(capture.image_source(0, index), VideoImage) else None,
        meta.images_from,
    )


def _same_file(first: ImageSource, second: ImageSource) -> bool:
    """Return whether two image files have the same content; False for frames of videos, which have no files."""
    if not isinstance(first, FileImage) or not isinstance(second, FileImage):
        return False
    try:
        return first.path.stat().st_size == second.path.stat().st_size and first.fingerprint() == second.fingerprint()
    except (OSError, InputError):
        return False


def _reading(capture: Capture, index: int) -> CameraReading:
    meta, conventions, camera = capture.camera_metas[index], capture.conventions, capture.cameras[index]
    has_pose = meta.R is not None or meta.T is not None
    return CameraReading(
        index,
        conventions.pose,
        conventions.axes,
        1 / conventions.units_per_meter,
        flip=meta.flip,
        distortion=() if meta.lens == "none" else None,
        mask=capture.mask_rules[index],
        moved=(*camera.R.ravel().tolist(), *camera.T.tolist()) if has_pose else None,
    )
