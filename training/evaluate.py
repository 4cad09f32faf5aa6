"""`python -m training.evaluate`: scores of a run or a bundle against a capture's views."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from common.command_line import ArgumentParser, is_whole_number, parse_threads, run
from common.errors import InputError
from common.progress import progress
from model.bundle.info import read_bundle
from model.video import VolumetricVideo
from renderer.backend import Renderer
from renderer.select import BACKENDS, create_renderer
from training.captures.boxes import frame_box
from training.captures.capture import Capture
from training.captures.images import resize
from training.loop.assemble import assemble_run
from training.loop.checkpoint import read_header
from training.loop.scene import load_scene
from training.metrics import ImageScores, Perceptual, box_mask, compare, find_perceptual


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("source", type=Path, metavar="RUN|BUNDLE", help="folder of a training, or a .mlpvid file")
    parser.add_argument("--capture", type=Path, required=True, metavar="DIR", help="folder in EasyMocap's layout")
    parser.add_argument("--views", choices=("test", "train", "all"), default="test", help="which cameras")
    parser.add_argument("--frames", metavar="A:B", help="frames A to B - 1 (default: all)")
    parser.add_argument("--scale", type=float, help="size of the images (default: that of the training, 1 for bundles)")
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="which renderer")
    parser.add_argument("--threads", type=parse_threads, help="CPU threads of the renderer")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Args:
        arguments: the command line without the program's name; None takes the process's own.
    """
    return run(evaluate, make_parser().parse_args(arguments))


def evaluate(arguments: argparse.Namespace) -> None:
    """Render the views, compare, print; raises InputError for a bad source, capture or range."""
    start = time.perf_counter()
    capture = Capture(arguments.capture)
    cameras = _cameras(capture, arguments.views)
    video, frames, scale = _open_source(arguments.source, arguments.frames)
    renderer = create_renderer(arguments.backend, arguments.threads)
    scores = score_views(
        video, capture, cameras, frames, arguments.scale if arguments.scale is not None else scale, renderer, find_perceptual()
    )
    summary = summarize(scores)
    summary |= {"images": len(scores), "backend": renderer.name, "seconds": round(time.perf_counter() - start, 3)}
    print(json.dumps(summary) if arguments.json else _text(summary))


def score_views(
    video: VolumetricVideo,
    capture: Capture,
    cameras: list[int],
    frames: range,
    scale: float,
    renderer: Renderer,
    perceptual: Perceptual | None,
) -> list[ImageScores]:
    """Score each view of each frame.

    Args:
        video: what is scored; its frame 0 is the capture's frame `first_frame` of its provenance.
        capture: the truth.
        cameras: indices.
        frames: frames of the video.
        scale: size of the images compared, as a fraction of the capture's.
        renderer: any backend.
        perceptual: LPIPS, or None.

    Raises:
        InputError: `scale` is out of range, the provenance names no frame, the capture has no such frames or views.
    """
    if not 0 < scale <= 1:
        raise InputError("--scale", "must be above 0, at most 1")
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
                scores.append(compare(renderer.render(prepared, camera).rgba[..., :3], truth, inside, perceptual))
    if not scores:
        raise InputError(capture.root, "none of the views sees the box")
    return scores


def summarize(scores: list[ImageScores]) -> dict[str, Any]:
    """Means over images, rounded."""
    perceptual = [score.lpips for score in scores if score.lpips is not None]
    return {
        "psnr": round(statistics.fmean(score.psnr for score in scores), 4),
        "ssim": round(statistics.fmean(score.ssim for score in scores), 5),
        "psnr_full": round(statistics.fmean(score.psnr_full for score in scores), 4),
        "lpips": round(statistics.fmean(perceptual), 5) if perceptual else None,
    }


def parse_frames(text: str | None, num_frames: int) -> range:
    """ "A:B" to frames A to B - 1; either end may be left out.

    Raises:
        InputError: no such range, or frames that the video does not have.
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


def _open_source(source: Path, frames: str | None) -> tuple[VolumetricVideo, range, float]:
    """The video, the frames to score, and the size of images it was trained on."""
    if source.is_dir():
        chosen = parse_frames(frames, load_scene(source).num_frames)
        return assemble_run(source, chosen), chosen, read_header(source).config.data.image_scale
    video = read_bundle(source)
    return video, parse_frames(frames, video.num_frames), 1.0


def _first_frame(video: VolumetricVideo) -> int:
    text = video.metadata.provenance.get("first_frame", "0")
    if not is_whole_number(text):  # int() would take a negative one, and the capture would count from its end
        raise InputError("the bundle", f"names first_frame {text[:40]!r} in its provenance, which is no frame of a capture")
    return int(text)


def _cameras(capture: Capture, views: str) -> list[int]:
    if views == "all":
        return list(range(len(capture.cameras)))
    chosen = capture.train_cameras if views == "train" else capture.test_cameras
    if not chosen:
        raise InputError(capture.root, "names no test_cameras in meta.yaml", "add them, or use --views train or all")
    return chosen


def _text(summary: dict[str, Any]) -> str:
    lpips = f"  LPIPS {summary['lpips']:.4f}" if summary["lpips"] is not None else ""
    return (
        f"{summary['images']} images: PSNR {summary['psnr']:.2f} dB  SSIM {summary['ssim']:.4f}{lpips} in the box, "
        f"PSNR {summary['psnr_full']:.2f} dB over whole images ({summary['backend']}, {summary['seconds']:.1f} s)"
    )


if __name__ == "__main__":
    sys.exit(main())
