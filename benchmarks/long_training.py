"""Make a long capture, train it in segments, and measure what that takes, the seams, playing and seeking (docs/long_videos.md).

python -m benchmarks.long_training OUT [--frames 1000]

OUT gets the capture, the runs with `long.mlpvid`, and a recording of a still camera. Each step is a command of its own, so that
its processor time and its highest memory can be measured. What is in OUT already is not made again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.process import ProcessUse, run_process
from common.atomic import write_text
from common.command_line import ArgumentParser, parse_count, parse_natural, run
from model.bundle.info import read_bundle

CONFIG = """base: tiny
model:
  hash: {finest_resolution: 64}
  decoder: {backbone_channels: [48, 32, 24, 16], color_channels: [32]}
  feature_plane_resolution: 16
  density_map_resolution: 16
  occupancy: {resolution: [24, 24, 36], subgrid: 2}
data: {hull_resolution: 32, doubt_masks: false}
rays: {rays_per_frame: 256, step: 0.04}
optimizer: {table_rate: 0.02, decoder_rate: 0.004}
validation: {every: 0.0}
"""
"""The settings of every segment, for images of 64 x 64 pixels. The masks are exact, so they need no check."""

PERIOD = 100
"""Frames of one repetition of the movement."""

RECORDED = 300
"""Frames of the recording."""

Run = Callable[[Sequence[str], str], ProcessUse]
"""Runs a command, given its arguments and its name."""


@dataclass(frozen=True)
class LongTraining:
    """What was measured."""

    steps: dict[str, dict[str, float]]
    """Processor seconds and highest memory of each command, by its name."""
    scores: dict[str, Any]
    """Mean PSNR and flicker of the held-out cameras, and the flicker at the seams (`training.evaluate`)."""
    playback: dict[str, float]
    """What `benchmarks.long_video` measures."""


def measure(options: argparse.Namespace, run_command: Run) -> LongTraining:
    """Run all commands.

    Args:
        options: of the benchmark.
        run_command: runs a command.

    Raises:
        InputError: a command fails.
    """
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    steps: dict[str, dict[str, float]] = {}

    def step(name: str, *arguments: str) -> str:
        use = run_command(arguments, name)
        steps[name] = {"processor_seconds": round(use.processor_seconds, 1), "peak_bytes": use.peak_bytes}
        return use.output

    capture, bundle = out / "capture", out / "runs" / "long.mlpvid"
    if not capture.is_dir():
        step("capture", "-m", "training.make_capture", str(capture), *_capture_options(options))
    if not bundle.is_file():
        step("training", "-m", "training.train_segments", "--capture", str(capture), *_training_options(options, out))
    step("recording", "run_viewer.py", str(bundle), "--record", str(out / "seams.mp4"), *_recording_options(bundle, out))
    scored = ("--capture", str(capture), "--threads", str(options.threads), "--json")
    scores = json.loads(step("evaluation", "-m", "training.evaluate", str(bundle), *scored))
    played = step("playing", "-m", "benchmarks.long_video", str(bundle), "--seconds", str(options.seconds), "--json")
    kept = {name: scores[name] for name in ("psnr", "ssim", "flicker", "seam_flicker")}
    return LongTraining(steps, kept, json.loads(played))


def _capture_options(options: argparse.Namespace) -> list[str]:
    speed = max(1, options.frames // PERIOD)
    values = {"frames": options.frames, "cameras": options.cameras, "size": f"{options.side}x{options.side}", "speed": speed}
    return [f"--{name}={value}" for name, value in values.items()]


def _training_options(options: argparse.Namespace, out: Path) -> list[str]:
    write_text(out / "config.yaml", CONFIG)
    values = {"segment-frames": options.segment_frames, "overlap": options.overlap, "steps": options.steps}
    values |= {"threads": options.threads}
    named = [f"--{name}={value}" for name, value in values.items()]
    return [*named, f"--config={out / 'config.yaml'}", f"--out={out / 'runs'}", "--resume", "--no-check"]


def _recording_options(bundle: Path, out: Path) -> list[str]:
    """Return the options that record some seconds from the middle, as a still camera of the capture sees them."""
    video = read_bundle(bundle)
    camera = video.metadata.cameras[0].resized(512, 512).to_dict() | {"name": "still"}
    write_text(out / "still.json", json.dumps({"cameras": [camera]}))
    first = max(0, (video.num_frames - RECORDED) // 2)
    return ["--rig", str(out / "still.json"), "--frames", f"{first}:{min(video.num_frames, first + RECORDED)}"]


def describe(result: LongTraining) -> str:
    """Return the measurements as text."""
    lines = [
        f"{name}: {use['processor_seconds']:,.0f} s of processor time, at most {use['peak_bytes'] / 1e6:,.0f} MB"
        for name, use in result.steps.items()
    ]
    values = {**result.scores, **result.playback}
    lines += [f"{name}: {value:,.4g}" if isinstance(value, float) else f"{name}: {value}" for name, value in values.items()]
    return "\n".join(lines)


def _command(options: argparse.Namespace) -> None:
    result = measure(options, lambda arguments, name: run_process(arguments, name, show=True))
    print(json.dumps(asdict(result), indent=2) if options.json else describe(result))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(prog="benchmarks.long_training", description="Train a long capture in segments, and measure it.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the capture, the runs and the recording")
    parser.add_argument("--frames", type=parse_count, default=1000, help="frames of the capture (default: %(default)s)")
    parser.add_argument("--cameras", type=parse_count, default=8, help="its cameras (default: %(default)s)")
    parser.add_argument(
        "--side", type=parse_count, default=64, metavar="PIXELS", help="size of its images (default: %(default)s)"
    )
    frames_help = "frames of a segment, at most (default: %(default)s)"
    parser.add_argument("--segment-frames", type=parse_count, default=54, metavar="N", help=frames_help)
    overlap_help = "frames that neighbors share (default: %(default)s)"
    parser.add_argument("--overlap", type=parse_natural, default=6, metavar="N", help=overlap_help)
    parser.add_argument("--steps", type=parse_count, default=600, help="steps of a whole run (default: %(default)s)")
    parser.add_argument("--threads", type=parse_count, default=2, help="worker threads (default: %(default)s)")
    parser.add_argument("--seconds", type=parse_count, default=30, help="time to play (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.long_training` and return its exit status."""
    return run(_command, make_parser().parse_args(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
