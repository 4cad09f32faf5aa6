"""`python -m training.evaluate`: compare renderings of a run or a bundle with a capture's views."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from common.atomic import check_differs, check_target
from common.command_line import ArgumentParser, parse_count, parse_finite, parse_threads, run
from common.errors import InputError
from common.interrupts import interruptible, leave
from model.bundle.info import read_bundle
from model.segmented_video import SegmentedVideo
from model.video import VolumetricVideo
from renderer.backend import CancelToken
from renderer.segments import SegmentRenderer
from renderer.select import BACKENDS, backend_for, create_renderer
from training.captures.capture import Capture
from training.captures.meta import read_overrides
from training.captures.opening import add_layout_option, add_meta_option, open_capture
from training.evaluation.page import WorstViews, write_page
from training.evaluation.seams import seam_flicker
from training.evaluation.summary import LABELS, summarize
from training.evaluation.views import ScoredView, Selection, score_views
from training.loop.assemble import CHECKPOINTS, assemble_run
from training.loop.checkpoint import read_header
from training.loop.scene import load_scene
from training.perceptual import find_perceptual

MAX_OUTLINE = 1001
"""Largest `--outline`, pixels."""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(
        prog="python -m training.evaluate", description="Compare renderings of a run or a bundle with a capture's views."
    )
    parser.add_argument("source", type=Path, metavar="RUN|BUNDLE", help="folder of a training run, or a .mlpvid file")
    parser.add_argument("--capture", type=Path, required=True, metavar="DIR", help="folder of a capture")
    add_layout_option(parser)
    add_meta_option(parser)
    parser.add_argument("--views", choices=("test", "train", "all"), default="test", help="which cameras (default: test)")
    parser.add_argument("--frames", metavar="A:B[:STRIDE]", help="frames A to B - 1, each or one in STRIDE (default: all)")
    parser.add_argument(
        "--scale", type=parse_finite, help="scale of the images, 1 is full size (default: as in training; 1 for bundles)"
    )
    parser.add_argument(
        "--edge", type=parse_count, default=0, metavar="PIXELS", help="exclude this many pixels along the images' edges"
    )
    outline_help = "exclude this many pixels around the masks' outlines from the PSNR in the box (5 for the paper's NHR)"
    parser.add_argument("--outline", type=_odd, default=0, metavar="PIXELS", help=outline_help)
    checkpoint_help = "which checkpoint of a run: the last one (default), or that with the best held-out view"
    parser.add_argument("--checkpoint", choices=tuple(CHECKPOINTS), help=checkpoint_help)
    weights_help = "folder with torchvision's weights for LPIPS (default: where PyTorch keeps downloads)"
    parser.add_argument("--lpips-weights", type=Path, metavar="DIR", help=weights_help)
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="renderer (default: auto, the fastest)")
    parser.add_argument("--threads", type=parse_threads, help="CPU threads of the renderer")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with images, curves and scores")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status."""
    return run(evaluate, make_parser().parse_args(arguments))


def evaluate(arguments: argparse.Namespace) -> None:
    """Render the views, compare them and print the scores; raises InputError for a bad source, capture or range."""
    start = time.perf_counter()
    if arguments.html is not None:
        check_target(arguments.html)
        check_differs(arguments.html, (arguments.source, arguments.meta))
    capture = open_capture(arguments.capture, arguments.layout, read_overrides(arguments.meta))
    cameras = _cameras(capture, arguments.views)
    video, frames, scale = _open_source(arguments.source, arguments.frames, arguments.checkpoint)
    perceptual = find_perceptual(arguments.lpips_weights)
    size = scale if arguments.scale is None else arguments.scale
    selection = Selection(cameras, frames, size, arguments.edge, arguments.outline)
    cancel, worst = CancelToken(), WorstViews()

    def work() -> tuple[list[ScoredView], str]:
        renderer = SegmentRenderer(create_renderer(backend_for(video, arguments.backend), arguments.threads))
        views = []
        for view, images in score_views(video, capture, selection, renderer, perceptual, cancel):
            views.append(view)
            if arguments.html is not None:
                worst.add(view, images)
        return views, renderer.name

    views, backend = interruptible(work, cancel.cancel)
    summary = summarize(views, perceptual) | {"backend": backend, "seconds": round(time.perf_counter() - start, 3)}
    if isinstance(video, SegmentedVideo):
        summary |= {"seam_flicker": seam_flicker(views, video.segments)}
    print(json.dumps(summary) if arguments.json else _text(summary))
    if arguments.html is not None:
        write_page(arguments.html, arguments.source.name, summary, views, worst)
        print(f"wrote {arguments.html}", file=sys.stderr)


def parse_frames(text: str | None, num_frames: int) -> range:
    """Parse "A:B" as frames A to B - 1, and "A:B:STRIDE" as one in STRIDE of these. A and B may be omitted; "A" is one frame.

    Raises:
        InputError: the text is not a range, or the video does not have these frames.
    """
    if text is None:
        return range(num_frames)
    first, *others = text.split(":")
    try:
        last = (others[0] if others else "") or (num_frames if others else int(first) + 1)
        frames = range(int(first or 0), int(last), *(int(stride) for stride in others[1:]))
    except (ValueError, TypeError) as error:
        raise InputError(f"--frames {text}", "must be A:B or A:B:STRIDE") from error
    if not frames or frames.step < 1 or frames[0] < 0 or frames[-1] >= num_frames:
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


def _cameras(capture: Capture, views: str) -> list[int]:
    if views == "all":
        return list(range(len(capture.cameras)))
    chosen = capture.train_cameras if views == "train" else capture.test_cameras
    if not chosen:
        raise InputError(capture.root, "has no test_cameras in meta.yaml", "add them, or use --views train or all")
    return chosen


def _odd(text: str) -> int:
    """Parse the side of a square around a pixel."""
    value = parse_count(text)
    if value % 2 == 0 or value > MAX_OUTLINE:
        raise argparse.ArgumentTypeError(f"{text!r} must be an odd number, at most {MAX_OUTLINE}")
    return value


def _text(summary: dict[str, Any]) -> str:
    """Return the scores in a few lines."""
    lines = [f"{summary['images']} images, rendered by {summary['backend']} in {summary['seconds']:.1f} s"]
    spread = summary["deviation"]
    for name, label in LABELS.items():
        if summary[name] is not None:
            lines.append(f"{label}: {summary[name]:.4g} (deviation {spread[name]:.3g})")
        elif name in summary["missing"]:
            lines.append(f"{label}: not computed, {summary['missing'][name]}")
    for name, value in summary.get("seam_flicker", {}).items():
        lines.append(f"flicker {name.replace('_', ' ')}: {'not measured' if value is None else f'{value:.4g}'}")
    return "\n".join(lines)


if __name__ == "__main__":
    leave(main())
