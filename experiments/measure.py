"""Measure a trained row: scores of the held-out cameras, times of rendering, bytes, a picture."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from common.atomic import atomic_write
from common.interrupts import interruptible
from model.bundle.layout import tensor_layout
from model.camera import Camera
from model.occupancy import packed_size
from model.video import VolumetricVideo
from renderer.backend import CancelToken, Renderer
from renderer.select import backend_for, create_renderer
from training.captures.capture import Capture
from training.evaluation.summary import summarize
from training.evaluation.views import ScoredView, Selection, ViewImages, score_views
from training.perceptual import PerceptualScores

_REPEATS = 5
_ENOUGH_MS = 3000.0
_ON_THE_CPU = ("cpu", "reference")


@dataclass(frozen=True)
class FrameTimes:
    """Medians of the times of one renderer for one view, milliseconds: those that passed, or processor time."""

    backend: str
    """Name of the renderer."""
    prepare: float
    """Decoding and baking a new frame."""
    render: float
    """Rendering a view of it."""
    processor: bool = False
    """Whether these are processor times of all threads."""

    @property
    def total(self) -> float:
        """Showing a new frame."""
        return self.prepare + self.render


@dataclass(frozen=True)
class Measured:
    """What was measured of a row."""

    scores: dict[str, Any]
    """As `training.evaluate --json` prints them."""
    best: FrameTimes
    """Times of the fastest renderer of this video on this machine."""
    reference: FrameTimes
    """Times of the reference renderer, which renders every method."""
    file_bytes: int
    """Size of the bundle in half precision."""
    float32_bytes: int
    """Bytes of its tensors in single precision, as the paper counts."""
    width: int
    """Width of the scored images, pixels."""
    height: int
    """Their height."""
    trained: str
    """Steps and minutes of the training."""
    empty: bool = False
    """Whether every scored rendering is black: there is no density, none above the threshold of the occupancy, or no color."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Measured:
        """Read what `to_dict` returned; raise KeyError or TypeError when it is damaged."""
        times = {name: FrameTimes(**values[name]) for name in ("best", "reference")}
        return Measured(**(values | times))


def without_skipping(video: VolumetricVideo) -> VolumetricVideo:
    """Mark every cell of every frame as occupied, so that no empty space is skipped. Changes the video and returns it."""
    full = np.full(packed_size(video.config.occupancy.resolution), 255, np.uint8)
    rest = int(np.prod(video.config.occupancy.resolution)) % 8
    if rest:
        full[-1] = (1 << rest) - 1
    video.occupancy = np.tile(full, (video.num_frames, 1))
    return video


def measure(
    video: VolumetricVideo,
    capture: Capture,
    selection: Selection,
    perceptual: PerceptualScores,
    picture: Path,
    file_bytes: int,
    threads: int | None = None,
    processor_time: bool = False,
) -> Measured:
    """Score and time a video, and write a picture of the first scored camera in the middle scored frame.

    Args:
        video: the video.
        capture: the truth.
        selection: cameras and frames to score, and the size of images.
        perceptual: LPIPS.
        picture: PNG file with the rendering; the truth is written next to it, as "truth.png".
        file_bytes: size of the video's bundle.
        threads: CPU threads of the renderers; None means one per core.
        processor_time: whether to time renderers on the CPU by the processor time of their threads.

    Raises:
        InputError: as `score_views` and the renderers do.
    """
    cancel, views, brightest = CancelToken(), list[ScoredView](), 0.0
    middle = selection.frames[len(selection.frames) // 2]
    full = capture.cameras[selection.cameras[0]]
    camera = full.resized(*(max(1, round(side * selection.scale)) for side in (full.width, full.height)))

    def work() -> tuple[FrameTimes, FrameTimes]:
        nonlocal brightest
        renderer = create_renderer(backend_for(video, "auto"), threads)
        for view, images in score_views(video, capture, selection, renderer, perceptual, cancel):
            views.append(view)
            brightest = max(brightest, float(images.rendered.max()))
            if (view.frame, view.camera) == (middle, selection.cameras[0]):
                _write_pictures(images, picture)
        best = time_frame(renderer, video, float(middle), camera, cancel, processor_time)
        if renderer.name == "reference":
            return best, best
        reference = create_renderer("reference", threads)
        return best, time_frame(reference, video, float(middle), camera, cancel, processor_time)

    best, reference = interruptible(work, cancel.cancel)
    layout = tensor_layout(video.config, video.num_frames, "float32")
    return Measured(
        summarize(views, perceptual),
        best,
        reference,
        file_bytes,
        sum(spec.nbytes for spec in layout.values()),
        camera.width,
        camera.height,
        video.metadata.provenance.get("trained", ""),
        brightest < 1 / 255,
    )


def time_frame(
    renderer: Renderer,
    video: VolumetricVideo,
    frame: float,
    camera: Camera,
    cancel: CancelToken | None = None,
    processor_time: bool = False,
) -> FrameTimes:
    """Time a renderer: medians of up to five repeats after one that is not counted, fewer if they take long.

    Args:
        renderer: the renderer.
        video: the video.
        frame: the frame that is prepared.
        camera: the view that is rendered.
        cancel: ends the rendering.
        processor_time: whether to take the processor time of all threads, which other programs lengthen less. It says nothing
            about a graphics card, so it is only taken of renderers on the CPU.
    """
    by_processor = processor_time and renderer.name in _ON_THE_CPU
    prepare, prepared = _median(
        lambda: renderer.prepare(video, frame), lambda frame: frame.decode_ms + frame.bake_ms, by_processor
    )
    render, _ = _median(
        lambda: renderer.render(prepared, camera, cancel=cancel), lambda image: image.statistics.total_ms, by_processor
    )
    return FrameTimes(renderer.name, round(prepare, 3), round(render, 3), by_processor)


def _median(task: Callable[[], Any], milliseconds: Callable[[Any], float], by_processor: bool) -> tuple[float, Any]:
    first, result = _timed(task, milliseconds, by_processor)
    times = list[float]()
    while len(times) < _REPEATS and sum(times) + first < _ENOUGH_MS:
        times.append(_timed(task, milliseconds, by_processor)[0])
    return statistics.median(times or [first]), result


def _timed(task: Callable[[], Any], milliseconds: Callable[[Any], float], by_processor: bool) -> tuple[float, Any]:
    before = time.process_time()
    result = task()
    return 1000 * (time.process_time() - before) if by_processor else milliseconds(result), result


def _write_pictures(images: ViewImages, path: Path) -> None:
    for pixels, target in ((images.rendered, path), (images.truth, path.with_name("truth.png"))):
        with atomic_write(target) as temporary:
            PillowImage.fromarray((pixels.clip(0, 1) * 255 + 0.5).astype(np.uint8)).save(temporary, format="PNG")
