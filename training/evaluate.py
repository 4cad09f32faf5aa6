"""`python -m training.evaluate`: compare renderings of a run or a bundle with a capture's views."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from common.command_line import ArgumentParser, parse_finite, parse_threads, run
from common.errors import InputError
from common.interrupts import interruptible, leave
from common.numbers import parse_whole
from common.progress import progress
from model.bundle.info import read_bundle
from model.video import VolumetricVideo
from renderer.backend import CancelToken, Renderer
from renderer.select import BACKENDS, create_renderer
from training.captures.boxes import box_mask, frame_box
from training.captures.capture import Capture
from training.captures.images import resize
from training.captures.opening import add_layout_option, open_capture
from training.loop.assemble import CHECKPOINTS, assemble_run
from training.loop.checkpoint import read_header
from training.loop.scene import load_scene
from training.metrics import ImageScores, Perceptual, compare, find_perceptual


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("source", type=Path, metavar="RUN|BUNDLE", help="run's folder or .mlpvid file")
    parser.add_argument("--capture", type=Path, required=True, metavar="DIR", help="folder of a capture")
    add_layout_option(parser)
    parser.add_argument("--views", choices=("test", "train", "all"), default="test", help="cameras (default test)")
    parser.add_argument("--frames", metavar="A:B", help="frames A to B - 1 (default: all)")
    parser.add_argument("--scale", type=parse_finite, help="part of the image size (default: as in training; 1 for bundles)")
    checkpoint_help = "of a run: the last one (default), or that with the best held-back view"
    parser.add_argument("--checkpoint", choices=tuple(CHECKPOINTS), help=checkpoint_help)
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="renderer (default auto)")
    parser.add_argument("--threads", type=parse_threads, help="CPU threads of the renderer")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: the command line without the program's name; None means that of the process.
    """
    return run(evaluate, make_parser().parse_args(arguments))


def evaluate(arguments: argparse.Namespace) -> None:
    """Render the views, compare them and print the scores; raises InputError for a bad source, capture or range."""
    start = time.perf_counter()
    capture = open_capture(arguments.capture, arguments.layout)
    cameras = _cameras(capture, arguments.views)
    video, frames, scale = _open_source(arguments.source, arguments.frames, arguments.checkpoint)
    cancel = CancelToken()
    scale = arguments.scale if arguments.scale is not None else scale

    def work() -> tuple[list[ImageScores], str]:
        renderer = create_renderer(arguments.backend, arguments.threads)
        return score_views(video, capture, cameras, frames, scale, renderer, find_perceptual(), cancel), renderer.name

    scores, backend = interruptible(work, cancel.cancel)
    summary = summarize(scores)
    summary |= {"images": len(scores), "backend": backend, "seconds": round(time.perf_counter() - start, 3)}
    print(json.dumps(summary) if arguments.json else _text(summary))


def score_views(
    video: VolumetricVideo,
    capture: Capture,
    cameras: list[int],
    frames: range,
    scale: float,
    renderer: Renderer,
    perceptual: Perceptual | None,
    cancel: CancelToken | None = None,
) -> list[ImageScores]:
    """Score each view of each frame.

    Args:
        video: the video to score. Its frame 0 is the capture's frame `first_frame` in its provenance.
        capture: the ground truth.
        cameras: indices of the cameras.
        frames: frames of the video.
        scale: size of the compared images, as a fraction of the capture's.
        renderer: any backend.
        perceptual: LPIPS, or None.
        cancel: ends it early, with `RenderCancelled`.

    Raises:
        InputError: `scale` is out of range, the provenance has no valid frame, or the capture lacks frames or views.
    """
    if not 0 < scale <= 1:
        raise InputError("--scale", "must be above 0 and at most 1")
    offset = _first_frame(video)
    if frames[-1] + offset >= capture.num_frames:
        raise InputError(capture.root, f"has no frame {frames[-1] + offset}")
    scores = []
    for frame in progress(frames, len(frames), "evaluating frames"):
        prepared = renderer.prepare(video, float(frame))
        box = frame_box(capture, frame + offset)
        for index in cameras:
            full = capture.cameras[index]
            camera = full.resized(max(1, round(full.width * scale)), max(1, round(full.height * scale)))
            truth = resize(capture.view(frame + offset, index).color, camera.width, camera.height).astype(np.float32) / 255
            inside = box_mask(camera, box)
            if inside.any():
                scores.append(
                    compare(renderer.render(prepared, camera, cancel=cancel).rgba[..., :3], truth, inside, perceptual)
                )
    if not scores:
        raise InputError(capture.root, "none of the views sees the box")
    return scores


def summarize(scores: list[ImageScores]) -> dict[str, Any]:
    """Return the means over all images, rounded."""
    perceptual = [score.lpips for score in scores if score.lpips is not None]
    return {
        "psnr": round(statistics.fmean(score.psnr for score in scores), 4),
        "ssim": round(statistics.fmean(score.ssim for score in scores), 5),
        "psnr_full": round(statistics.fmean(score.psnr_full for score in scores), 4),
        "lpips": round(statistics.fmean(perceptual), 5) if perceptual else None,
    }


def parse_frames(text: str | None, num_frames: int) -> range:
    """Parse "A:B" as frames A to B - 1. Either end may be omitted; "A" is one frame.

    Raises:
        InputError: the text is not a range, or the video does not have these frames.
    """
    if text is None:
        return range(num_frames)
    first, colon, last = text.partition(":")
    try:
        frames = range(int(first or 0), int(last or num_frames) if colon else int(first) + 1)
    except ValueError as error:
        raise InputError(f"--frames {text}", "must be A:B") from error
    if not frames or frames[0] < 0 or frames[-1] >= num_frames:
        raise InputError(f"--frames {text}", f"must be a range within 0:{num_frames}")
    return frames


def _open_source(source: Path, frames: str | None, checkpoint: str | None) -> tuple[VolumetricVideo, range, float]:
    """Return the video, the frames to score, and the image scale that it was trained with."""
    if source.is_dir():
        chosen = parse_frames(frames, load_scene(source).num_frames)
        name = checkpoint or "last"
        return assemble_run(source, chosen, name), chosen, read_header(source, CHECKPOINTS[name]).config.data.image_scale
    if checkpoint is not None:
        raise InputError("--checkpoint", f"chooses a checkpoint of a run, but {source} is not the folder of a run")
    video = read_bundle(source)
    return video, parse_frames(frames, video.num_frames), 1.0


def _first_frame(video: VolumetricVideo) -> int:
    text = video.metadata.provenance.get("first_frame", "0")
    frame = parse_whole(text)  # int() accepts negative numbers, which would count from the end of the capture
    if frame is None:
        raise InputError("the bundle", f"has first_frame {text[:40]!r} in its provenance, which is not a frame number")
    return frame


def _cameras(capture: Capture, views: str) -> list[int]:
    if views == "all":
        return list(range(len(capture.cameras)))
    chosen = capture.train_cameras if views == "train" else capture.test_cameras
    if not chosen:
        raise InputError(capture.root, "has no test_cameras in meta.yaml", "add them, or use --views train or all")
    return chosen


def _text(summary: dict[str, Any]) -> str:
    lpips = f"  LPIPS {summary['lpips']:.4f}" if summary["lpips"] is not None else ""
    return (
        f"{summary['images']} images: PSNR {summary['psnr']:.2f} dB  SSIM {summary['ssim']:.4f}{lpips} in the box, "
        f"PSNR {summary['psnr_full']:.2f} dB over whole images ({summary['backend']}, {summary['seconds']:.1f} s)"
    )


if __name__ == "__main__":
    leave(main())
