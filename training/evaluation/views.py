"""Render the views of a capture from a video, and score them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.numbers import parse_whole
from common.progress import progress
from model.video import VolumetricVideo
from renderer.backend import CancelToken, Renderer
from training.captures.boxes import box_mask, frame_box
from training.captures.capture import Capture
from training.captures.images import resize
from training.metrics import ImageScores, compare, flicker, mask_outline
from training.perceptual import Image, PerceptualScores


@dataclass(frozen=True)
class Selection:
    """Which images are compared."""

    cameras: list[int]
    """Numbers of the cameras."""
    frames: range
    """Frames of the video."""
    scale: float = 1.0
    """Size of the images, as a fraction of the capture's."""
    edge: int = 0
    """Pixels along the images' edges that no score counts."""
    outline: int = 0
    """Side of the square, pixels, for the outline of the masks that the PSNR in the box does not count, see
    `training.metrics.mask_outline`; 0 means that all pixels count."""


@dataclass(frozen=True)
class ScoredView:
    """One image with its scores."""

    frame: int
    """Frame of the video."""
    camera: int
    """Number of the camera."""
    scores: ImageScores
    """The scores."""
    flicker: float | None
    """Difference from the truth in what changes since the frame before; None for the first one."""
    milliseconds: float
    """Time that rendering took, without decoding the frame."""


@dataclass(frozen=True)
class ViewImages:
    """The two images of a view, (H, W, 3) in [0, 1]."""

    rendered: Image
    """What the renderer shows, over black."""
    truth: Image
    """What the camera saw."""
    inside: NDArray[np.bool_]
    """(H, W): pixels whose rays intersect the frame's box."""


def score_views(
    video: VolumetricVideo,
    capture: Capture,
    selection: Selection,
    renderer: Renderer,
    perceptual: PerceptualScores | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[tuple[ScoredView, ViewImages]]:
    """Score each view of each frame, in the order of frames.

    Args:
        video: the video to score. Its frame 0 is the capture's frame `first_frame` in its provenance, and the next ones are
            every `frame_stride`-th frame.
        capture: the ground truth.
        selection: cameras, frames, size.
        renderer: any backend that renders the video.
        perceptual: LPIPS, or None.
        cancel: ends it early, with `RenderCancelled`.

    Raises:
        InputError: the scale is out of range, the provenance has no valid frame, the capture lacks frames, no view sees the
            box, or edges and outlines leave nothing of a view.
    """
    if not 0 < selection.scale <= 1:
        raise InputError("--scale", "must be above 0 and at most 1")
    sides = [side for index in selection.cameras for side in (capture.cameras[index].width, capture.cameras[index].height)]
    if round(min(sides, default=1) * selection.scale) < 1:
        raise InputError("--scale", "leaves no pixel of an image", "use a larger one")
    frame_of = _frames_of(video)
    if frame_of(selection.frames[-1]) >= capture.num_frames:
        raise InputError(capture.root, f"has no frame {frame_of(selection.frames[-1])}")
    before: dict[int, ViewImages] = {}
    for frame in progress(selection.frames, len(selection.frames), "evaluating frames"):
        prepared = renderer.prepare(video, float(frame))
        box = frame_box(capture, frame_of(frame))
        for index in selection.cameras:
            full = capture.cameras[index]
            camera = full.resized(*(max(1, round(side * selection.scale)) for side in (full.width, full.height)))
            inside = box_mask(camera, box)
            if not inside.any():
                continue
            view = capture.view(frame_of(frame), index)
            truth = resize(view.color, camera.width, camera.height).astype(np.float32) / 255
            image = renderer.render(prepared, camera, cancel=cancel)
            mask = resize(view.mask, camera.width, camera.height)
            outline = mask_outline(mask, selection.outline) if selection.outline else None
            images = ViewImages(np.ascontiguousarray(image.rgba[..., :3]), truth, inside)
            try:
                scores = compare(images.rendered, truth, inside, perceptual, selection.edge, outline)
            except ValueError as error:
                fault = f"leaves nothing of camera {index} in frame {frame}"
                raise InputError("--edge or --outline", fault, "use fewer pixels") from error
            yield ScoredView(frame, index, scores, _flicker(before.get(index), images), image.statistics.total_ms), images
            before[index] = images
    if not before:
        raise InputError(capture.root, "none of the views sees the box")


def _flicker(before: ViewImages | None, now: ViewImages) -> float | None:
    if before is None:
        return None
    return flicker((before.rendered, now.rendered), (before.truth, now.truth), before.inside | now.inside)


def _frames_of(video: VolumetricVideo) -> Callable[[int], int]:
    """Return a function from a frame of a video to that of its capture."""
    first, stride = _provenance_number(video, "first_frame", 0), _provenance_number(video, "frame_stride", 1)
    return lambda frame: first + stride * frame


def _provenance_number(video: VolumetricVideo, name: str, default: int) -> int:
    text = video.metadata.provenance.get(name, str(default))
    number = parse_whole(text)  # int() accepts negative numbers, which would count from the end of the capture
    if number is None:
        raise InputError("the bundle", f"has {name} {text[:40]!r} in its provenance, which is not a frame number")
    return number
