"""`python -m training.train_segments`: train a long capture segment by segment, and write one bundle (docs/long_videos.md)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common.command_line import ArgumentParser, parse_count, parse_finite, parse_natural, parse_threads, run
from common.errors import InputError
from common.folders import make_folder
from common.interrupts import leave
from model.bundle.segment_write import join_bundles
from training.captures.opening import add_layout_option, add_meta_option, check_other_folder
from training.segments.cluster import LOCAL, train_on_cluster
from training.segments.job import SegmentRun, plan_runs, train_segment
from training.segments.plan import KEYFRAME_STEPS, LATER_STEPS, parse_range

LONG_BUNDLE = "long.mlpvid"
"""Name of the bundle of all segments in the folder of the runs."""

MAX_KEYFRAME_STEPS = 100
"""Longest run of the keyframes, as a multiple of a whole run's."""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(
        prog="python -m training.train_segments",
        description="Train a long capture segment by segment, and write one bundle (docs/long_videos.md).",
    )
    parser.add_argument("--capture", type=Path, required=True, metavar="DIR", help="folder of the capture")
    add_layout_option(parser)
    add_meta_option(parser)
    parser.add_argument("--config", required=True, metavar="NAME|FILE.yaml", help="a preset or a file, for every segment")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for the runs and the bundle")
    frames_help = "most frames of a segment (default: 30)"
    parser.add_argument("--segment-frames", type=parse_count, default=30, metavar="N", help=frames_help)
    overlap_help = "frames that neighbors share, where they are blended (default: 6)"
    parser.add_argument("--overlap", type=parse_natural, default=6, metavar="N", help=overlap_help)
    segments_help = "train only segments A to B - 1, for instance on another machine; segment 0 must be finished"
    parser.add_argument("--segments", metavar="A:B", help=segments_help)
    steps_help = "steps of a whole run, instead of the config's steps or minutes"
    parser.add_argument("--steps", type=parse_count, metavar="N", help=steps_help)
    own_help = "each segment trains a decoder of its own, from the beginning, and takes its share of a whole run's length"
    parser.add_argument("--own-decoders", action="store_true", help=own_help)
    keyframes_help = f"length of the run that trains the decoder, as a multiple of a whole run's (default: {KEYFRAME_STEPS:g})"
    parser.add_argument("--keyframes", type=parse_finite, metavar="SHARE", help=keyframes_help)
    later_help = f"length of each segment's run, as a multiple of a whole run's (default: {LATER_STEPS:.2g})"
    parser.add_argument("--later", type=parse_finite, metavar="SHARE", help=later_help)
    parser.add_argument("--seed", type=parse_natural, default=0, help="determines all random numbers (default: 0)")
    parser.add_argument("--no-check", dest="check", action="store_false", help="skip the check of the capture")
    parser.add_argument("--resume", action="store_true", help="continue in FOLDER; finished segments stay as they are")
    threads_help = "worker threads (default: one per core; one with --ray)"
    parser.add_argument("--threads", type=parse_threads, help=threads_help)
    ray_help = "train segments at the same time, on the Ray cluster at ADDRESS, or with Ray on this machine"
    parser.add_argument("--ray", nargs="?", const=LOCAL, metavar="ADDRESS", help=ray_help)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status."""
    return run(train_segments, make_parser().parse_args(arguments))


def train_segments(arguments: argparse.Namespace) -> int:
    """Train the segments; when all are finished, write the bundle. Return 0, or 130 when interrupted.

    Raises:
        InputError: something is wrong with the capture, the config, the options or a run's folder.
    """
    _check_lengths(arguments)
    check_other_folder(arguments.out, arguments.capture)
    runs = plan_runs(arguments)
    status = _train_missing(arguments, runs, list(parse_range(arguments.segments, len(runs))))
    if status == 0 and all(segment.finished for segment in runs):
        join_bundles([segment.bundle for segment in runs], arguments.out / LONG_BUNDLE, arguments.overlap)
        print(f"wrote {arguments.out / LONG_BUNDLE} of {len(runs)} segments", file=sys.stderr)
    return status


def _train_missing(arguments: argparse.Namespace, runs: list[SegmentRun], chosen: list[int]) -> int:
    """Train the chosen segments that are not finished."""
    finished = [index for index in chosen if arguments.resume and runs[index].finished]
    for index in finished:
        print(f"segment {index} is finished", file=sys.stderr)
    missing = [index for index in chosen if index not in finished]
    if arguments.ray is not None and missing:
        _check_for_cluster(arguments, runs, missing)
        return train_on_cluster(arguments, runs, missing)
    for index in missing:
        status = train_segment(arguments, runs, index)
        if status != 0:
            return status
    return 0


def _check_lengths(arguments: argparse.Namespace) -> None:
    for name, most in (("later", 1), ("keyframes", MAX_KEYFRAME_STEPS)):
        value = getattr(arguments, name)
        if value is None:
            continue
        if arguments.own_decoders:
            raise InputError(f"--{name}", "does not apply with --own-decoders: no segment begins with another run", "omit it")
        if not 0 < value <= most:
            raise InputError(f"--{name}", f"must be above 0 and at most {most}")


def _check_for_cluster(arguments: argparse.Namespace, runs: list[SegmentRun], missing: list[int]) -> None:
    """Refuse here what each task would refuse."""
    if 0 not in missing and not runs[0].finished and not arguments.own_decoders:
        raise InputError(runs[0].folder, "is not finished, and all segments need its decoder", "train segment 0 first")
    for index in missing:
        if runs[index].begun and not arguments.resume:
            remedy = "continue it with --resume, or choose another folder"
            raise InputError(runs[index].folder, "already has a training run", remedy)
    make_folder(arguments.out, parents=True)


if __name__ == "__main__":
    leave(main())
