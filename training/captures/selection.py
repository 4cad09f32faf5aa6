"""Choose the frames of a capture: stride and range from meta.yaml, offsets and exchanges of cameras, masks from elsewhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from common.errors import InputError
from training.captures.description import MAX_FRAMES, Description, FrameFiles
from training.captures.meta import CameraMeta, CaptureMeta, camera_index
from training.captures.sources import ImageSource


def select_frames(
    description: Description, meta: CaptureMeta, metas: list[CameraMeta], root: Path
) -> tuple[list[FrameFiles], list[str]]:
    """Return the frames to use, and notes about frames that were left out.

    Raises:
        InputError: no frame is left, or there are too many.
    """
    names, file = [camera.name for camera in description.cameras], root / "meta.yaml"
    if not description.frames:
        raise InputError(root, "has no frames")
    if len(description.frames) > MAX_FRAMES:
        raise InputError(root, f"has more than {MAX_FRAMES:,} frames")
    order = [camera_index(m.images_from, names, file) if m.images_from else i for i, m in enumerate(metas)]
    offsets = [m.frame_offset for m in metas]
    frames = [_with_masks(frame, meta) for frame in description.frames]
    if order != list(range(len(names))) or any(offsets):
        frames = _shifted(frames, order, offsets)
    chosen = frames[meta.frame_start : meta.frame_stop : meta.frame_stride]
    if not chosen:
        raise InputError(file, f"frame_start, frame_stop and offsets leave none of the {len(description.frames)} frames")
    notes = []
    if len(frames) < len(description.frames):
        notes.append(f"{len(description.frames) - len(frames)} frames at the ends are left out because of frame_offset")
    return chosen, notes


def _with_masks(frame: FrameFiles, meta: CaptureMeta) -> FrameFiles:
    if meta.masks == "none":
        return dataclasses.replace(frame, masks=None)
    return dataclasses.replace(frame, masks=frame.images) if meta.masks == "alpha" else frame


def _shifted(frames: list[FrameFiles], order: list[int], offsets: list[int]) -> list[FrameFiles]:
    """Return the frames in which every camera has an image after its offset."""
    first, last = max(0, -min(offsets)), min(len(frames), len(frames) - max(offsets))
    shifted = []
    for index in range(first, last):
        places = [(frames[index + offset], camera) for camera, offset in zip(order, offsets, strict=True)]
        images: tuple[ImageSource, ...] = tuple(frame.images[camera] for frame, camera in places)
        masks = tuple(frame.masks[camera] for frame, camera in places if frame.masks is not None)
        shifted.append(dataclasses.replace(frames[index], images=images, masks=masks or None))
    return shifted
