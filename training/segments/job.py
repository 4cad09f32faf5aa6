"""The training run of one segment, in a folder of its own."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from common.atomic import write_text
from common.documents import dump_yaml
from common.errors import InputError
from common.folders import make_folder
from model.segments import Segment
from training import train
from training.captures.meta import read_overrides
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.loop.checkpoint import FILE_NAME
from training.loop.scene import selected_frames
from training.segments.plan import plan_segments


@dataclass(frozen=True)
class SegmentRun:
    """The training run of one segment."""

    index: int
    """Number of the segment."""
    folder: Path
    """Its run."""
    config: TrainingConfig
    """Its settings."""
    num_frames: int
    """Frames of the segment."""

    @property
    def bundle(self) -> Path:
        """The bundle that the finished run writes."""
        return self.folder / train.BUNDLE_NAME

    @property
    def finished(self) -> bool:
        """Whether it has been trained to its end."""
        return self.bundle.is_file()

    @property
    def begun(self) -> bool:
        """Whether it has a checkpoint."""
        return (self.folder / FILE_NAME).is_file()


def plan_runs(arguments: argparse.Namespace) -> list[SegmentRun]:
    """Return the runs of all segments of a capture.

    Args:
        arguments: the options of `training.train_segments`.

    Raises:
        InputError: something is wrong with the capture, the config or the options.
    """
    config = load_config(arguments.config)
    if config.rate.weight > 0:
        raise InputError("rate.weight", "does not apply to segments, whose decoder is shared", "export with --target-loss")
    capture = open_capture(arguments.capture, arguments.layout, read_overrides(arguments.meta))
    frames = selected_frames(capture, config.data)
    rows = plan_segments(len(frames), arguments.segment_frames, arguments.overlap)
    return [_run_of(arguments, config, frames.start, index, row) for index, row in enumerate(rows)]


def train_segment(arguments: argparse.Namespace, runs: list[SegmentRun], index: int) -> int:
    """Train one segment and return the exit status of `training.train`: 0, or 130 when interrupted.

    Args:
        arguments: the options of `training.train_segments`.
        runs: of all segments.
        index: the segment to train.

    Raises:
        InputError: segment 0 is not finished.
    """
    chosen = runs[index]
    print(f"segment {index} of {len(runs)}: {chosen.num_frames} frames", file=sys.stderr)
    settings = arguments.out / f"{chosen.folder.name}.yaml"
    make_folder(arguments.out, parents=True)
    write_text(settings, dump_yaml(chosen.config.to_dict()))
    values = {name: getattr(arguments, name) for name in ("capture", "seed", "layout", "meta", "threads")}
    values |= {"config": settings.resolve(), "out": chosen.folder}
    # One argument each: a folder's name may begin with a dash.
    options = [f"--{name}={value}" for name, value in values.items() if value is not None]
    options += ["--no-check"] if index > 0 or not arguments.check else []
    if arguments.resume and chosen.begun:
        options += ["--resume"]
    elif index > 0:
        options += _start_from(runs, index, arguments.overlap)
    return train.main(options)


def _run_of(arguments: argparse.Namespace, config: TrainingConfig, first: int, index: int, segment: Segment) -> SegmentRun:
    values, share = config.to_dict(), arguments.later if index > 0 else 1.0
    values["data"] |= {"first_frame": first + segment.first_frame, "num_frames": segment.num_frames}
    values["steps"] = max(1, round(share * (arguments.steps or config.steps)))
    values["minutes"] = 0.0 if arguments.steps else share * config.minutes
    if index > 0:  # what helps a shape to form would undo what is there already
        values |= {"frozen_decoder": True, "start": {}, "density_leak": 0.0, "half_resolution": 0.0}
    folder = arguments.out / f"segment-{index:04d}"
    return SegmentRun(index, folder, TrainingConfig.from_dict(values), segment.num_frames)


def _start_from(runs: list[SegmentRun], index: int, overlap: int) -> list[str]:
    """Return the options that make a segment begin with the one before it, or with segment 0 if that is not finished."""
    before, shared = runs[index - 1], overlap
    if not before.finished:  # other machines may be training it
        before, shared = runs[0], 0
    if not before.finished:
        raise InputError(before.folder, "is not finished, and all segments need its decoder", "train segment 0 first")
    return [f"--start-from={before.folder}", f"--shared-frames={shared}"]
