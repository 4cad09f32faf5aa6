"""The training run of one segment, in a folder of its own, and that of the keyframes before them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from common.atomic import write_text
from common.errors import InputError
from common.folders import make_folder
from common.numbers import counted
from common.yaml_documents import dump_yaml
from model.segments import Segment
from training import train
from training.captures.meta import read_overrides
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.loop.checkpoint import FILE_NAME
from training.loop.scene import selected_frames
from training.segments.plan import KEYFRAME_STEPS, LATER_STEPS, MOST_OWN_DECODERS, plan_segments

KEYFRAMES = "keyframes"
"""Folder of the run that trains the decoder, on frames of the whole capture."""


@dataclass(frozen=True)
class SegmentRun:
    """The training run of one segment, or of the keyframes."""

    index: int | None
    """Number of the segment; None for the run of the keyframes."""
    folder: Path
    """Its run."""
    config: TrainingConfig
    """Its settings."""
    num_frames: int
    """Its frames."""

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
    if config.rate.weight > 0 and not arguments.own_decoders:
        raise InputError("rate.weight", "does not apply to segments with a shared decoder", "export with --target-loss")
    capture = open_capture(arguments.capture, arguments.layout, read_overrides(arguments.meta))
    frames = selected_frames(capture, config.data)
    rows = plan_segments(len(frames), arguments.segment_frames, arguments.overlap)
    if arguments.own_decoders and len(rows) > MOST_OWN_DECODERS:
        fault = f"gives {len(rows):,} segments, but a bundle has room for {MOST_OWN_DECODERS} with a decoder each"
        raise InputError(f"--segment-frames {arguments.segment_frames}", fault, "use longer segments")
    total = sum(row.num_frames for row in rows)
    runs = []
    for index, row in enumerate(rows):
        share = row.num_frames / total if arguments.own_decoders else _given(arguments.later, LATER_STEPS)
        runs.append(_run_of(arguments, config, frames, index, row, share))
    return runs


def plan_keyframes(arguments: argparse.Namespace, runs: list[SegmentRun]) -> SegmentRun:
    """Return the run that trains the decoder: on as many frames as a segment has, evenly spread over all segments.

    Args:
        arguments: the options of `training.train_segments`.
        runs: of all segments.
    """
    config = load_config(arguments.config)
    before, after = runs[0].config.data, runs[-1].config.data
    first, last = before.first_frame, after.first_frame + (after.num_frames or 0)
    frames = range(first, last, before.frame_stride)
    frames = frames[:: -(-len(frames) // runs[0].num_frames)]
    values = config.to_dict()
    values["data"] |= {"first_frame": first, "num_frames": last - first, "frame_stride": frames.step}
    values["validation"]["frame"] = None  # it means a frame of a segment
    values |= _length(arguments, config, _given(arguments.keyframes, KEYFRAME_STEPS))
    return SegmentRun(None, arguments.out / KEYFRAMES, TrainingConfig.from_dict(values), len(frames))


def train_segment(arguments: argparse.Namespace, runs: list[SegmentRun], index: int) -> int:
    """Train one segment and return the exit status of `training.train`: 0, or 130 when interrupted.

    Before segment 0, the keyframes are trained, unless each segment has a decoder of its own.

    Args:
        arguments: the options of `training.train_segments`.
        runs: of all segments.
        index: the segment to train.

    Raises:
        InputError: the decoder is not finished.
    """
    text = f"segment {index} of {len(runs)}: {counted(runs[index].num_frames, 'frame')}"
    if arguments.own_decoders:
        print(text, file=sys.stderr)
        return _train(arguments, runs[index], None)
    keyframes = plan_keyframes(arguments, runs)
    if index == 0 and not (arguments.resume and keyframes.finished):
        print(f"keyframes: {counted(keyframes.num_frames, 'frame')}", file=sys.stderr)
        status = _train(arguments, keyframes, None)
        if status != 0:
            return status
    print(text, file=sys.stderr)
    before = _before(runs, index, keyframes)
    if not before.finished:
        raise InputError(before.folder, "is not finished, and all segments need its decoder", "train segment 0 first")
    return _train(arguments, runs[index], before)


def _before(runs: list[SegmentRun], index: int, keyframes: SegmentRun) -> SegmentRun:
    """Return the run that a segment begins with, which has the shared decoder."""
    if index > 0 and runs[index - 1].finished:  # other machines may still be training it
        return runs[index - 1]
    # Earlier versions trained the decoder together with segment 0, without keyframes.
    return runs[0] if not keyframes.finished and runs[0].finished else keyframes


def _train(arguments: argparse.Namespace, chosen: SegmentRun, before: SegmentRun | None) -> int:
    """Train a run, which begins with another one, and return the exit status of `training.train`."""
    settings = arguments.out / f"{chosen.folder.name}.yaml"
    make_folder(arguments.out, parents=True)
    write_text(settings, dump_yaml(chosen.config.to_dict()))
    values = {name: getattr(arguments, name) for name in ("capture", "seed", "layout", "meta", "threads")}
    values |= {"config": settings.resolve(), "out": chosen.folder}
    # One argument each: a folder's name may begin with a dash.
    options = [f"--{name}={value}" for name, value in values.items() if value is not None]
    options += ["--no-check"] if chosen.index is not None or not arguments.check else []
    if arguments.resume and chosen.begun:
        options += ["--resume"]
    elif before is not None:
        options += [f"--start-from={before.folder}"]
    return train.main(options)


def _run_of(
    arguments: argparse.Namespace, config: TrainingConfig, frames: range, index: int, segment: Segment, share: float
) -> SegmentRun:
    values = config.to_dict()
    last = frames[segment.last_frame]
    values["data"] |= {"first_frame": frames[segment.first_frame], "num_frames": last + 1 - frames[segment.first_frame]}
    values |= _length(arguments, config, share)
    if not arguments.own_decoders:  # what helps a shape to form would undo what is there already
        values |= {"frozen_decoder": True, "start": {}, "density_leak": 0.0, "half_resolution": 0.0}
    folder = arguments.out / f"segment-{index:04d}"
    return SegmentRun(index, folder, TrainingConfig.from_dict(values), segment.num_frames)


def _length(arguments: argparse.Namespace, config: TrainingConfig, share: float) -> dict[str, float]:
    """Return the steps and minutes of a run that is this share of a whole one."""
    steps = max(1, round(share * (arguments.steps or config.steps)))
    return {"steps": steps, "minutes": 0.0 if arguments.steps else share * config.minutes}


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
