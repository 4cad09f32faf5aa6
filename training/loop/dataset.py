"""The training views of a capture, frame by frame, cached in memory as bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from common.progress import progress
from model.box import box_corners
from model.camera import Camera
from training.captures.capture import Capture
from training.captures.doubts import doubted_pixels
from training.captures.hull import mask_distance
from training.captures.images import Pixels, resize
from training.config import TrainingConfig
from training.loop.mapped_file import MappedFile
from training.loop.scene import trusted_cameras


@dataclass(frozen=True)
class PixelSet:
    """A set of pixels of a frame's views, sorted by view."""

    index: torch.Tensor
    """(N,) int32: (view * H + row) * W + column."""
    starts: torch.Tensor
    """(views + 1,) int64: position in `index` of each view's first pixel."""

    @staticmethod
    def from_masks(masks: NDArray[np.bool_]) -> PixelSet:
        """Collect the pixels that are set in masks (views, H, W)."""
        counts = masks.reshape(len(masks), -1).sum(1)
        starts = np.concatenate([[0], np.cumsum(counts)])
        return PixelSet(torch.from_numpy(np.flatnonzero(masks).astype(np.int32)), torch.from_numpy(starts))


@dataclass(frozen=True)
class FrameViews:
    """All training views of one frame at one image size."""

    pixels: torch.Tensor
    """(views, H, W, 4) uint8: color and coverage by the mask."""
    foreground: PixelSet
    """Pixels on the subject."""
    face: PixelSet | None
    """Pixels on the face; None without a human parse."""
    dilated: PixelSet | None
    """Pixels on the dilated mask; None unless rays are drawn from it."""
    rectangles: torch.Tensor
    """(views, 4) int64 x0, y0, x1, y1: bounds of the projected box, x1 and y1 exclusive."""
    doubted: torch.Tensor | None = None
    """(views, H, W) bool: background that no rays go through, because other masks contradict it; None if there is none."""

    @property
    def num_bytes(self) -> int:
        """Bytes of the pixels and the sets."""
        sets = [pixels for pixels in (self.foreground, self.face, self.dilated) if pixels is not None]
        return self.pixels.nbytes + sum(pixels.index.nbytes for pixels in sets)

    def kept(self, keep: Callable[[torch.Tensor], torch.Tensor]) -> FrameViews:
        """Return the views with pixels and sets that `keep` has put elsewhere."""
        sets = (self.foreground, self.face, self.dilated)
        moved = [None if s is None else PixelSet(keep(s.index), s.starts) for s in sets]
        assert moved[0] is not None
        return FrameViews(keep(self.pixels), moved[0], moved[1], moved[2], self.rectangles, self.doubted)


class Dataset:
    """The training views, read when first used.

    All views have the same size: that of the first camera times `data.image_scale`, or half of that where `half` is true.

    Args:
        capture: the capture.
        config: data and ray settings.
        frames: frames of the capture; frame 0 here is `frames[0]` there.
        boxes: (T, 2, 3) meters.
        doubted_frames: frames, counted from `frames[0]`, with masks that others contradict.

    Raises:
        InputError: an image or a mask is missing.
    """

    def __init__(
        self,
        capture: Capture,
        config: TrainingConfig,
        frames: range,
        boxes: NDArray[np.float32],
        doubted_frames: Collection[int] = (),
    ) -> None:
        self._doubted_frames = doubted_frames
        self.capture, self.config, self.frames, self.boxes = capture, config, frames, boxes
        self.views = capture.train_cameras
        capture.check_files(frames, self.views)
        first = capture.cameras[self.views[0]]
        scale = config.data.image_scale
        self._size = max(1, round(first.width * scale)), max(1, round(first.height * scale))
        self._cache: dict[tuple[int, bool], FrameViews] = {}
        self._file: MappedFile | None = None

    def keep_in_file(self, folder: Path) -> None:
        """Keep what is read from now on in a file in a folder instead of in memory; raises as `MappedFile` does."""
        sizes = [math.prod(self.size(half)) for half in ((False, True) if self.config.half_resolution else (False,))]
        # Four bytes of a pixel, and its index in each of three sets; the encoder's three views of 512 x 512 pixels.
        of_frame = sum(16 * len(self.views) * size + (1 << 10) for size in sizes) + 3 * 3 * 512 * 512
        self._file = MappedFile(folder, of_frame * len(self.frames))

    def keep(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor that is in the file if there is one, or else the tensor itself."""
        return tensor if self._file is None else self._file.put(tensor)

    def size(self, half: bool) -> tuple[int, int]:
        """Return width and height of the views."""
        width, height = self._size
        return ((width + 1) // 2, (height + 1) // 2) if half else (width, height)

    def cameras(self, half: bool) -> list[Camera]:
        """Return the cameras of the views at that size."""
        return [self.capture.cameras[i].resized(*self.size(half)) for i in self.views]

    def frame(self, frame: int, half: bool) -> FrameViews:
        """Return the views of a frame; reading them for the first time raises InputError as `Capture.view` does."""
        key = (frame, half)
        if key not in self._cache:
            self._cache[key] = self.read(frame, half).kept(self.keep)
        return self._cache[key]

    def forget_half(self) -> None:
        """Free the memory of the views of half the size."""
        self._cache = {key: views for key, views in self._cache.items() if not key[1]}

    def prefetch(self, half: bool, executor: Executor) -> None:
        """Read all frames in parallel; show progress on stderr."""
        frames = range(len(self.frames))
        for _ in progress(executor.map(lambda frame: self.frame(frame, half), frames), len(frames), "reading images"):
            pass

    def read(self, frame: int, half: bool) -> FrameViews:
        """Read the views of a frame without keeping them; raises as `Capture.view` does."""
        width, height = self.size(half)
        views = [self.capture.view(self.frames[frame], camera) for camera in self.views]
        colors = np.stack([resize(view.color, width, height) for view in views])
        masks = np.stack([resize(view.mask, width, height) for view in views])
        faces = [resize(v.face, width, height) if v.face is not None else np.zeros_like(masks[0]) for v in views]
        radius = self.config.rays.dilation * width / self.capture.cameras[self.views[0]].width
        near_mask = self.config.rays.region == "mask"
        doubted = self._doubted(frame, width, height)
        dilated = np.stack([mask_distance(m) <= radius for m in masks]) if near_mask else None
        if dilated is not None and doubted is not None:
            dilated &= ~doubted
        return FrameViews(
            pixels=torch.from_numpy(np.concatenate([colors, masks[..., None]], axis=-1)),
            foreground=PixelSet.from_masks(masks > 127),
            face=PixelSet.from_masks(np.stack(faces) > 127) if any(f.any() for f in faces) else None,
            dilated=None if dilated is None else PixelSet.from_masks(dilated),
            rectangles=torch.tensor([projected_bounds(camera, self.boxes[frame]) for camera in self.cameras(half)]),
            doubted=None if doubted is None else torch.from_numpy(doubted),
        )

    def _doubted(self, frame: int, width: int, height: int) -> NDArray[np.bool_] | None:
        if frame not in self._doubted_frames:
            return None
        masks = [self.capture.mask(self.frames[frame], camera) for camera in self.views]  # without soft edges
        used = [index for index, camera in enumerate(self.views) if camera in trusted_cameras(self.capture)]
        cameras = [self.capture.cameras[self.views[index]] for index in used]
        found = doubted_pixels(cameras, [masks[index] for index in used], self.boxes[frame].astype(np.float64))
        doubted = np.zeros((len(masks), height, width), dtype=bool)
        for index, pixels in zip(used, found or (), strict=False):
            doubted[index] = resize(pixels.astype(np.uint8) * 255, width, height) > 0
        return doubted


def projected_bounds(camera: Camera, box: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Return the bounds x0, y0, x1, y1 (x1 and y1 exclusive) of a box's projection within the image. They are the whole image
    when the box reaches behind the camera or misses the image."""
    corners = box_corners(box)
    pixels, depth = camera.project(corners)
    whole = (0, 0, camera.width, camera.height)
    if (depth <= 1e-6).any():
        return whole
    size = np.array([camera.width, camera.height])
    x0, y0 = np.clip(np.floor(pixels.min(0)), 0, size).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(pixels.max(0)), 0, size).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else whole


def letterbox(pixels: Pixels, size: int) -> Pixels:
    """Fit an image (H, W, 3) into a black square, centered, keeping its aspect ratio."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    result = np.zeros((size, size, 3), dtype=np.uint8)
    x, y = (size - fitted[0]) // 2, (size - fitted[1]) // 2
    result[y : y + fitted[1], x : x + fitted[0]] = cv2.resize(pixels, fitted, interpolation=interpolation)
    return result
