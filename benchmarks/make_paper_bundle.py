"""Train a bundle of the paper's full size on a capture, for the benchmarks.

    python -m benchmarks.make_paper_bundle CAPTURE [--out OUT.mlpvid] [--passes N] [--frames N] [--threads N]

When interrupted (Ctrl-C, SIGTERM), it saves its state next to OUT and continues from there the next time.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import time as clock
from pathlib import Path

import numpy as np
from safetensors import safe_open

from benchmarks.bundles import DEFAULT_PATH
from benchmarks.paper_training import PaperTraining, PaperTrainingConfig
from common.command_line import ArgumentParser, parse_count, parse_threads, run
from common.errors import InputError
from common.interrupts import collected_signals
from common.scores import psnr
from model.bundle.info import write_bundle
from model.video import VolumetricVideo
from renderer.select import create_renderer
from renderer.threads import available_cores, torch_threads
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.loop.dataset import projected_bounds

DEFAULT_PASSES = 420
"""Default number of decoder passes."""

_EVALUATIONS = 4  # during the run, so that a failing run is noticed


def held_out_psnr(video: VolumetricVideo, capture: Capture, frames: list[int], threads: int | None = None) -> float:
    """Return the mean PSNR over the held-out views at full size, inside the projected box as in the paper, dB."""
    renderer = create_renderer("auto", threads)
    values = []
    for frame in frames:
        prepared = renderer.prepare(video, float(frame))
        for index in capture.test_cameras:
            camera = capture.cameras[index]
            x0, y0, x1, y1 = projected_bounds(camera, prepared.box)
            truth = capture.view(frame, index).color[y0:y1, x0:x1] / 255.0
            seen = renderer.render(prepared, camera).rgba[y0:y1, x0:x1, :3]
            values.append(psnr(float(np.square(seen - truth).mean())))
    return sum(values) / len(values)


def train(training: PaperTraining, passes: int, state: Path, threads: int) -> bool:
    """Train up to a number of passes and print the progress.

    Args:
        training: new or resumed.
        passes: decoder passes, counted from the start.
        state: file for the state of an interrupted run.
        threads: CPU threads for evaluation.

    Returns:
        False when a signal interrupted it; `state` then has everything needed to continue.
    """
    errors: list[float] = []
    with collected_signals() as interrupted:
        while training.passes < passes and not interrupted:
            errors.append(training.advance(training.passes / passes))
            if training.passes % 10 == 0:
                level, spent = psnr(sum(errors[-10:]) / len(errors[-10:])), clock.process_time()
                print(f"pass {training.passes} of {passes}: {level:.2f} dB on its rays, {spent:.0f} CPU s", flush=True)
            if training.passes % (passes // _EVALUATIONS or 1) == 0 and training.passes < passes and not interrupted:
                level = held_out_psnr(training.video(), training.capture, [0], threads)
                print(f"held-out views, first frame: {level:.2f} dB", flush=True)
    if training.passes < passes:
        training.save(state)
    return training.passes >= passes


def _keep_freed_memory() -> None:
    """Make the C library keep the large blocks that every step frees. Returning them costs half of a step's time.

    This holds for the rest of the process, so only the program does it, and not `main`, which tests call in theirs.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        for parameter, value in ((-3, 1 << 30), (-1, (1 << 31) - 1)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            library.mallopt(parameter, value)


def _command(arguments: argparse.Namespace) -> int:
    threads = arguments.threads or available_cores()
    with torch_threads(threads):
        return _make(arguments, threads)


def _make(arguments: argparse.Namespace, threads: int) -> int:
    out: Path = arguments.out
    if out == DEFAULT_PATH:
        out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists():
        raise InputError(out, "already exists", "delete it to train again")
    capture, config = open_capture(arguments.capture), PaperTrainingConfig(frames=arguments.frames)
    state = out.with_suffix(".state.safetensors")
    training = PaperTraining(capture, config, threads)
    if state.exists():
        with safe_open(state, "pt") as file:
            training.load(state, int(json.loads(file.metadata()["passes"])))
    if not train(training, arguments.passes, state, threads):
        print(f"interrupted after {training.passes} passes; saved to {state}", file=sys.stderr)
        return 130
    video = training.video()
    level = held_out_psnr(video, capture, list(range(config.frames)), threads)
    video.metadata.provenance |= {
        "training": f"benchmarks.make_paper_bundle, {arguments.passes} passes, frames 0 to {config.frames - 1}",
        "held_out_psnr": f"{level:.2f} dB inside the projected box at full size",
    }
    write_bundle(video, out, "float32")
    state.unlink(missing_ok=True)
    print(f"{out}: {level:.2f} dB on the held-out views")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.make_paper_bundle`; returns the exit status."""
    parser = ArgumentParser(prog="benchmarks.make_paper_bundle", description="Train a bundle of the paper's full size.")
    parser.add_argument("capture", type=Path, metavar="CAPTURE", help="the capture to train on")
    parser.add_argument("--out", type=Path, default=DEFAULT_PATH, help="path of the bundle (default: %(default)s)")
    parser.add_argument("--passes", type=parse_count, default=DEFAULT_PASSES, help="decoder passes (default: %(default)s)")
    parser.add_argument(
        "--frames", type=parse_count, default=PaperTrainingConfig().frames, help="number of frames (default: %(default)s)"
    )
    parser.add_argument("--threads", type=parse_threads, default=None, help="CPU threads (default: all cores)")
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    _keep_freed_memory()
    sys.exit(main())
