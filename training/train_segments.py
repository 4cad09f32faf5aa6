"""`python -m training.train_segments`: train a long capture segment by segment, and write one bundle (docs/long_videos.md)."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from common.atomic import write_text
from common.command_line import ArgumentParser, parse_count, parse_finite, parse_natural, parse_threads, run
from common.documents import dump_yaml
from common.errors import InputError
from common.interrupts import leave
from common.numbers import parse_whole
from model.bundle.segment_write import join_bundles
from model.segments import Segment, check_segments
from training import train
from training.captures.meta import read_overrides
from training.captures.opening import add_layout_option, add_meta_option, open_capture
from training.config import TrainingConfig, load_config
from training.loop.checkpoint import FILE_NAME
from training.loop.scene import selected_frames

LONG_BUNDLE = "long.mlpvid"
"""Name of the bundle of all segments in the folder of the runs."""

LATER_STEPS = 1 / 3
"""Length of each run after the first one, over that of the first: it begins with the parameters of the one before."""


@dataclass(frozen=True)
class SegmentRun:
    """The training run of one segment."""

    index: int
    """Number of the segment."""
    folder: Path
    """Its run."""
    config: TrainingConfig
    """Its settings."""

    @property
    def bundle(self) -> Path:
        """The bundle that the finished run writes."""
        return self.folder / train.BUNDLE_NAME

    @property
    def finished(self) -> bool:
        """Whether it has been trained to its end."""
        return self.bundle.is_file()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(prog="python -m training.train_segments", description=__doc__)
    parser.add_argument("--capture", type=Path, required=True, metavar="DIR", help="folder of the capture")
    add_layout_option(parser)
    add_meta_option(parser)
    parser.add_argument("--config", required=True, metavar="NAME|FILE.yaml", help="a preset or a file, for every segment")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for the runs and the bundle")
    frames_help = "frames of a segment, at most (default 30)"
    parser.add_argument("--segment-frames", type=parse_count, default=30, metavar="N", help=frames_help)
    overlap_help = "frames that neighbors share, where they are blended (default 2)"
    parser.add_argument("--overlap", type=parse_natural, default=2, metavar="N", help=overlap_help)
    segments_help = "train only segments A to B - 1, for instance on another machine; segment 0 must be finished"
    parser.add_argument("--segments", metavar="A:B", help=segments_help)
    steps_help = "steps of the first segment, instead of the config's steps or minutes"
    parser.add_argument("--steps", type=parse_count, metavar="N", help=steps_help)
    share_help = f"steps or minutes of the later segments over those of the first one (default {LATER_STEPS:.2g})"
    parser.add_argument("--later", type=parse_finite, default=LATER_STEPS, metavar="SHARE", help=share_help)
    parser.add_argument("--seed", type=parse_natural, default=0, help="determines all random numbers (default 0)")
    parser.add_argument("--no-check", dest="check", action="store_false", help="skip the check of the capture")
    parser.add_argument("--resume", action="store_true", help="continue in FOLDER; finished segments stay as they are")
    parser.add_argument("--threads", type=parse_threads, help="worker threads (default: one per core)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: the command line without the program's name; None means that of the process.
    """
    return run(train_segments, make_parser().parse_args(arguments))


def train_segments(arguments: argparse.Namespace) -> int:
    """Train the segments one after another; when all are finished, write the bundle. Return 0, or 130 when interrupted.

    Raises:
        InputError: something is wrong with the capture, the config, the options or a run's folder.
    """
    if not 0 < arguments.later <= 1:
        raise InputError("--later", "must be above 0 and at most 1")
    config = load_config(arguments.config)
    if config.rate.weight > 0:
        raise InputError("rate.weight", "does not apply to segments, whose decoder is shared", "export with --target-loss")
    capture = open_capture(arguments.capture, arguments.layout, read_overrides(arguments.meta))
    frames = selected_frames(capture, config.data)
    rows = plan_segments(len(frames), arguments.segment_frames, arguments.overlap)
    runs = [_run_of(arguments, config, frames.start, index, row) for index, row in enumerate(rows)]
    for index in parse_range(arguments.segments, len(runs)):
        if runs[index].finished and arguments.resume:
            print(f"segment {index} is finished", file=sys.stderr)
            continue
        print(f"segment {index} of {len(runs)}: {len(rows[index].frames)} frames", file=sys.stderr)
        status = _train(arguments, runs, index)
        if status != 0:
            return status
    if all(segment.finished for segment in runs):
        join_bundles([segment.bundle for segment in runs], arguments.out / LONG_BUNDLE, arguments.overlap)
        print(f"wrote {arguments.out / LONG_BUNDLE} of {len(runs)} segments", file=sys.stderr)
    return 0


def plan_segments(num_frames: int, longest: int, overlap: int) -> list[Segment]:
    """Divide frames into as few segments as possible, of nearly equal length.

    Args:
        num_frames: of the capture.
        longest: largest number of frames of a segment.
        overlap: frames that neighbors share.

    Raises:
        InputError: segments of this length are too short for the overlap, or there is only one.
    """
    if longest <= overlap:
        raise InputError("--overlap", f"must be below --segment-frames, which is {longest}")
    count = -(-max(1, num_frames - overlap) // (longest - overlap))
    if count < 2:
        raise InputError("the capture", f"has {num_frames} frames, which fit into one segment", "use training.train")
    base, extra = divmod(num_frames + (count - 1) * overlap, count)
    segments, start = [], 0
    for index in range(count):
        length = base + (index < extra)
        segments.append(Segment(start, length, index))
        start += length - overlap
    try:
        check_segments(segments, num_frames)
    except InputError as error:
        raise InputError("--overlap", f"is too large for segments of {base} frames", "use longer segments") from error
    return segments


def parse_range(text: str | None, count: int) -> range:
    """Parse "A:B" as segments A to B - 1; None is all. Raise InputError if there are no such segments."""
    if text is None:
        return range(count)
    first, colon, last = text.partition(":")
    start, end = parse_whole(first or "0"), parse_whole(last or str(count))
    if not colon or start is None or end is None:
        raise InputError(f"--segments {text}", "must be A:B")
    chosen = range(start, end)
    if not chosen or chosen[-1] >= count:
        raise InputError(f"--segments {text}", f"must be a range within 0:{count}")
    return chosen


def _run_of(arguments: argparse.Namespace, config: TrainingConfig, first: int, index: int, segment: Segment) -> SegmentRun:
    values, share = config.to_dict(), arguments.later if index > 0 else 1.0
    values["data"] |= {"first_frame": first + segment.first_frame, "num_frames": segment.num_frames}
    values["steps"] = max(1, round(share * (arguments.steps or config.steps)))
    values["minutes"] = 0.0 if arguments.steps else share * config.minutes
    if index > 0:  # what helps a shape to form would undo what is there already
        values |= {"frozen_decoder": True, "start": {}, "density_leak": 0.0, "half_resolution": 0.0}
    return SegmentRun(index, arguments.out / f"segment-{index:04d}", TrainingConfig.from_dict(values))


def _train(arguments: argparse.Namespace, runs: list[SegmentRun], index: int) -> int:
    """Train one segment and return the exit status of `training.train`."""
    chosen = runs[index]
    settings = arguments.out / f"{chosen.folder.name}.yaml"
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(settings, dump_yaml(chosen.config.to_dict()))
    values = {name: getattr(arguments, name) for name in ("capture", "seed", "layout", "meta", "threads")}
    values |= {"config": settings.resolve(), "out": chosen.folder}
    # One argument each: a folder's name may begin with a dash.
    options = [f"--{name}={value}" for name, value in values.items() if value is not None]
    options += ["--no-check"] if index > 0 or not arguments.check else []
    if arguments.resume and (chosen.folder / FILE_NAME).is_file():
        options += ["--resume"]
    elif index > 0:
        before, shared = runs[index - 1], arguments.overlap
        if not before.finished:  # other machines may be training it
            before, shared = runs[0], 0
        if not before.finished:
            raise InputError(before.folder, "is not finished, and all segments need its decoder", "train segment 0 first")
        options += [f"--start-from={before.folder}", f"--shared-frames={shared}"]
    return train.main(options)


if __name__ == "__main__":
    leave(main())
