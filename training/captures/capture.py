"""An opened capture, whatever its layout: cameras, images, masks and vertices of each frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from model.box import box_corners
from training.captures.calibration import Similarity, calibrate, calibrated_size, conventions_of
from training.captures.camera_files import decode_videos
from training.captures.description import Description, MaskRule
from training.captures.files import CaptureFolder, find_name
from training.captures.images import Optics, Pixels, Undistortion, oriented_size, read_color, read_coverage, read_mask
from training.captures.meta import CameraMeta, CaptureMeta, camera_metas, up_vector
from training.captures.selection import select_frames
from training.captures.sources import ImageSource

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class View:
    """One image of a capture, prepared for training."""

    color: Pixels
    """(H, W, 3), 0 outside the subject."""
    mask: Pixels
    """(H, W), how much of each pixel the subject covers: 255 on the subject, 0 elsewhere; between them only if the capture's
    masks are soft."""
    face: Pixels | None
    """(H, W), 255 on the face, else 0; None without a human parse."""


class Capture:
    """An opened capture. Images are read when needed. `open_capture` opens one.

    Args:
        root: the folder.
        layout: name of its layout.
        description: what the layout found.
        meta: the content of meta.yaml.

    Raises:
        InputError: the cameras are inconsistent, or images of the first frame are missing.
    """

    def __init__(self, root: Path, layout: str, description: Description, meta: CaptureMeta) -> None:
        self.root, self.layout, self.meta, self.description = root, layout, meta, description
        file = root / "meta.yaml"
        self.camera_names = [camera.name for camera in description.cameras]
        """Names of the cameras."""
        self.camera_metas = metas = camera_metas(meta, self.camera_names, file)
        """Settings of each camera in meta.yaml."""
        self.conventions = conventions_of(description.conventions, meta)
        matrix = None if meta.transform is None else np.array(meta.transform)
        self.transform = None if matrix is None else Similarity.of_matrix(matrix, file)
        self._frames, notes = select_frames(description, meta, metas, root)
        self.notes = [*description.notes, *notes]
        """What the user should know, one sentence each."""
        self.mask_rules = [_mask_rule(description, meta, of_camera) for of_camera in metas]
        """Which pixels of each camera's masks are the subject."""
        self.cameras, self._optics = [], list[Optics]()
        for index, (raw, camera_meta) in enumerate(zip(description.cameras, metas, strict=True)):
            unknown = Optics(Undistortion(np.eye(3), np.zeros(5)), calibrated_size(raw, camera_meta))
            size = self._located(0, index, oriented_size, self.image_source(0, index), unknown)
            try:
                camera, optics = calibrate(raw, size, self.conventions, camera_meta, self.transform)
            except InputError as error:
                fault = f"camera {index} ({raw.name}): {error.subject} {error.fault}"
                raise InputError(root / description.calibration_file, fault, error.remedy) from error
            self.cameras.append(camera)
            self._optics.append(optics)

    @property
    def name(self) -> str:
        """Title of the capture."""
        return self.meta.name or self.root.resolve().name

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.conventions.fps / self.meta.frame_stride

    @property
    def up(self) -> tuple[float, float, float]:
        """Unit vector that points up."""
        return up_vector(self.conventions.up_axis)

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @property
    def has_masks(self) -> bool:
        """Whether there are masks. Without, everything in the images counts as the subject."""
        return self._frames[0].masks is not None

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
        """Text of the license file, empty if there is none; raises InputError when it is a link out of the capture."""
        folder = CaptureFolder(self.root)
        name = find_name(folder, ("LICENSE.txt", "LICENSE", "LICENSE.md"))
        return "" if name is None else folder.text(name)[:100_000]

    def frame_name(self, frame: int) -> str:
        """Return the name or number of a frame in the capture's files."""
        return self._frames[frame].name

    def image_source(self, frame: int, camera: int) -> ImageSource:
        """Return the image of a frame and camera."""
        return self._frames[frame].images[camera]

    def mask_source(self, frame: int, camera: int) -> ImageSource | None:
        """Return the mask of a frame and camera, None if the capture has no masks."""
        masks = self._frames[frame].masks
        return None if masks is None else masks[camera]

    def check_files(self, frames: range, cameras: list[int]) -> None:
        """Decode the videos of these frames and cameras; raise InputError, with file and frame, when an image or a mask is
        missing."""
        for frame in frames:
            for camera in cameras:
                for source in (self.image_source(frame, camera), self.mask_source(frame, camera)):
                    if source is not None and not source.exists():
                        raise InputError(source.path, f"no such file (frame {frame}, camera {camera})")
        decode_videos(self.image_source(frame, camera) for frame in frames for camera in cameras)

    def view(self, frame: int, camera: int) -> View:
        """Read one image with its mask, undistorted and on black.

        Raises:
            InputError: a file is missing, damaged or of another size; the message has the file and the frame.
        """
        return self._located(frame, camera, self._read_view, frame, camera)

    def color(self, frame: int, camera: int) -> Pixels:
        """Read one image without its mask, undistorted: (H, W, 3) uint8; raises as `view` does."""
        return self._located(frame, camera, self._read_color, frame, camera)

    def stored_color(self, frame: int, camera: int) -> Pixels:
        """Read one image as it is stored, not flipped and not undistorted: (H, W, 3) uint8; raises as `view` does."""
        optics = Optics(Undistortion(np.eye(3), np.zeros(5)), self._optics[camera].calibrated_size)
        return self._located(frame, camera, read_color, self.image_source(frame, camera), optics)

    def mask(self, frame: int, camera: int) -> Pixels:
        """Read one mask, undistorted: (H, W) uint8, 0 or 255; raises as `view` does."""
        return self._located(frame, camera, self._read_mask, frame, camera)[0]

    def vertices(self, frame: int) -> NDArray[np.float32] | None:
        """Return the (N, 3) vertices of a frame in meters, or None when the capture has none.

        Raises:
            InputError: the frame's file is missing, damaged or not a list of finite points.
        """
        read = self._frames[frame].vertices
        return None if read is None else self._upright(self._located(frame, None, read))

    def box(self, frame: int) -> NDArray[np.float64] | None:
        """Return the box of a frame that the capture's files give, (2, 3) meters, or None."""
        box = self._frames[frame].box
        if box is None:
            return None
        upright = self._upright(box_corners(box))
        return np.stack([upright.min(0), upright.max(0)]).astype(np.float64)

    def _upright(self, points: NDArray[Any]) -> NDArray[Any]:
        units = self.conventions.vertex_units_per_meter
        if units == 1 and self.transform is None:
            return np.array(points, dtype=np.float32)
        meters = np.asarray(points, dtype=np.float64) / units
        return (meters if self.transform is None else self.transform.points(meters)).astype(np.float32)

    def _read_view(self, frame: int, camera: int) -> View:
        color = self._read_color(frame, camera)
        mask, face = self._read_mask(frame, camera)
        source = self.mask_source(frame, camera)
        if self.meta.mask_soft and source is not None:
            mask = self._checked(read_coverage(source, self.mask_rules[camera], self._optics[camera]), source, camera)
        if self.meta.background != "black":
            color = ((color.astype(np.uint16) * mask[..., None] + 127) // 255).astype(np.uint8)
        return View(color, mask, face)

    def _read_color(self, frame: int, camera: int) -> Pixels:
        source = self.image_source(frame, camera)
        return self._checked(read_color(source, self._optics[camera]), source, camera)

    def _read_mask(self, frame: int, camera: int) -> tuple[Pixels, Pixels | None]:
        source, optics = self.mask_source(frame, camera), self._optics[camera]
        if source is None:
            everything = np.full((self.cameras[camera].height, self.cameras[camera].width), 255, dtype=np.uint8)
            return optics.undistortion.undistort(everything, 0), None
        mask, face = read_mask(source, self.mask_rules[camera], optics)
        return self._checked(mask, source, camera), face

    def _checked(self, pixels: Pixels, source: ImageSource, camera: int) -> Pixels:
        expected = (self.cameras[camera].height, self.cameras[camera].width)
        if pixels.shape[:2] != expected:
            height, width = pixels.shape[:2]
            fault = f"image or mask is {width}x{height}, but the camera is {expected[1]}x{expected[0]}"
            raise InputError(source.path, fault)
        return pixels

    def _located(self, frame: int, camera: int | None, read: Callable[..., T], *arguments: Any) -> T:
        try:
            return read(*arguments)
        except InputError as error:
            place = f"frame {frame}" if camera is None else f"frame {frame}, camera {camera}"
            raise InputError(error.subject, f"{error.fault} ({place})", error.remedy) from error


def _mask_rule(description: Description, meta: CaptureMeta, of_camera: CameraMeta) -> MaskRule:
    own = of_camera.mask_channel, of_camera.mask_threshold, of_camera.mask_inverted
    given: dict[str, Any] = {
        "channel": own[0] or meta.mask_channel or ("alpha" if meta.masks == "alpha" else None),
        "threshold": meta.mask_threshold if own[1] is None else own[1],
        "inverted": (meta.mask_inverted or None) if own[2] is None else own[2],
        "face_labels": meta.face_labels,
    }
    return dataclasses.replace(description.mask_rule, **{key: value for key, value in given.items() if value is not None})
