"""`python -m training.export`: write the checkpoint of a run, or another bundle, as a `.mlpvid` bundle."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path

from common.atomic import check_target
from common.command_line import ArgumentParser, parse_finite, parse_natural, run
from common.errors import InputError
from common.interrupts import leave
from common.progress import progress_display
from model.bundle.coded_write import Steps, write_coded
from model.bundle.copy import copy_changed
from model.bundle.info import bundle_info, read_bundle, write_bundle
from model.bundle.layout import PARTS, PRECISIONS
from model.bundle.segment_write import join_bundles
from model.bundle.sound_entry import checked_offset
from model.config import ModelConfig
from model.segmented_video import SegmentedVideo
from model.sound.encode import as_opus
from model.sound.stored import FORMATS, VideoSound, sound_file
from model.video import VideoMetadata, VolumetricVideo
from renderer.select import create_renderer
from training.loop.assemble import CHECKPOINTS, assemble_run
from training.loop.checkpoint import load_rate_steps
from training.reduction.parts import Parts
from training.reduction.search import Reduced, StepSearch, needed_psnr
from training.reduction.write import write_rounded, write_with_size

DEFAULT_QUALITY = 30.0
"""PSNR to the truth that --target-loss assumes without --quality, dB."""

MAX_SIZE = 1 << 50
"""Largest --target-size, bytes."""

_UNITS = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1024, "mib": 1 << 20, "gib": 1 << 30}


def parse_size(text: str) -> int:
    """Read a number of bytes, for example "3MB"."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([kmg]?i?b)\s*", text, re.IGNORECASE)
    size = float(found[1]) * _UNITS.get(found[2].lower(), 0) if found else 0.0
    if not 1 <= size <= MAX_SIZE:  # also without a known unit
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write for example 3MB or 800kB")
    return round(size)


def parse_loss(text: str) -> float:
    """Read a loss in decibels, for example "0.2dB"."""
    value = parse_finite(re.sub(r"\s*dB\s*$", "", text, flags=re.IGNORECASE))
    if not 0.001 <= value <= 20:
        raise argparse.ArgumentTypeError(f"{text!r} must be 0.001 to 20 dB")
    return value


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(
        prog="python -m training.export", description="Write the checkpoint of a run, or another bundle, as a .mlpvid bundle."
    )
    run_help = "folder of a training run, finished or not; or a bundle, to make it smaller"
    parser.add_argument("run", type=Path, metavar="RUN|BUNDLE", help=run_help)
    parser.add_argument("out", type=Path, metavar="OUT.mlpvid", help="the bundle to write")
    checkpoint_help = "which checkpoint of a run: the last one (default), or that with the best held-out view"
    parser.add_argument("--checkpoint", choices=tuple(CHECKPOINTS), help=checkpoint_help)
    join_help = "put these bundles, which need the same config, after BUNDLE: each becomes a segment of OUT.mlpvid"
    parser.add_argument("--join", type=Path, nargs="+", metavar="BUNDLE", help=join_help)
    overlap_help = "--join: number of frames that each bundle shares with the next one, where they are blended (default: 0)"
    parser.add_argument("--overlap", type=parse_natural, metavar="FRAMES", help=overlap_help)
    storage = parser.add_mutually_exclusive_group()
    precision_help = "number format of decoder and hash tables (default: float32; for a run with a rate term, its steps)"
    storage.add_argument("--precision", choices=PRECISIONS, help=precision_help)
    size_help = "round decoder and hash tables to steps: the finest ones that give a file of at most this size"
    storage.add_argument("--target-size", type=parse_size, metavar="SIZE", help=size_help)
    loss_help = "round decoder and hash tables to steps: the coarsest ones that lose at most this much PSNR, for example 0.2dB"
    storage.add_argument("--target-loss", type=parse_loss, metavar="LOSS", help=loss_help)
    quality_help = (
        f"--target-loss: PSNR to the truth that the video has now, from training.evaluate (default: {DEFAULT_QUALITY:g})"
    )
    parser.add_argument("--quality", type=parse_finite, metavar="DB", help=quality_help)
    heads_help = "show each color by the nearest head instead of four blended ones: faster, for videos with bilinear heads"
    parser.add_argument("--nearest-heads", action="store_true", help=heads_help)
    sound = parser.add_mutually_exclusive_group()
    sound_help = f"put the sound of this file ({', '.join(FORMATS)}) into OUT.mlpvid; a BUNDLE is otherwise copied as it is"
    sound.add_argument("--sound", type=Path, metavar="FILE", help=sound_help)
    sound.add_argument("--no-sound", action="store_true", help="leave out the sound of BUNDLE")
    offset_help = "--sound: time of the video at which the sound begins (default: 0); below 0, its beginning is not played"
    parser.add_argument("--sound-offset", type=parse_finite, metavar="SECONDS", help=offset_help)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status."""
    return run(export, make_parser().parse_args(arguments))


def export(arguments: argparse.Namespace) -> None:
    """Write the bundle; raises InputError as `assemble_run`, `read_bundle` and the writers of bundles do."""
    _check_options(arguments)
    if arguments.join:
        _join(arguments)
        return
    is_bundle, checkpoint = arguments.run.is_file(), arguments.checkpoint or "last"
    if is_bundle and _changes_header(arguments) and not _is_reduced(arguments):
        copy_changed(arguments.run, arguments.out, lambda config, metadata: _changed(config, metadata, arguments))
    else:
        video = read_bundle(arguments.run) if is_bundle else assemble_run(arguments.run, checkpoint=checkpoint)
        steps = None if is_bundle else load_rate_steps(arguments.run, CHECKPOINTS[checkpoint])
        video = _change(video, arguments)
        _write(video, arguments, is_bundle, steps if arguments.precision is None else None)
    size = arguments.out.stat().st_size / 1e6
    source = "the bundle" if is_bundle else f"the {checkpoint} checkpoint"
    print(f"wrote {arguments.out} ({size:.1f} MB) from {source}", file=sys.stderr)


def _write(video: VolumetricVideo, arguments: argparse.Namespace, is_bundle: bool, steps: Steps | None) -> None:
    if arguments.target_size is not None or arguments.target_loss is not None:
        before = bundle_info(arguments.run)["bytes"] if is_bundle else None
        reduced = _reduce(video, arguments)
        print(_report(before, bundle_info(arguments.out)["bytes"], reduced), file=sys.stderr)
    elif isinstance(video, SegmentedVideo):
        fault = "cannot have one precision, because only format version 2 has segments"
        raise InputError(arguments.run, fault, "use --target-size or --target-loss")
    elif steps is not None:
        write_rounded(Parts(video), steps, arguments.out)
    elif video.metadata.sound is None:
        write_bundle(video, arguments.out, arguments.precision or "float32")
    elif arguments.precision is not None:
        remedy = "use --target-size, --target-loss or none of them, or --no-sound"
        raise InputError("--precision", "writes format version 1, which cannot store the sound", remedy)
    else:
        write_coded(video, arguments.out, {})


def _is_reduced(arguments: argparse.Namespace) -> bool:
    """Return whether the numbers of the bundle are to be stored in another way."""
    return any(option is not None for option in (arguments.precision, arguments.target_size, arguments.target_loss))


def _changes_header(arguments: argparse.Namespace) -> bool:
    """Return whether something is to be changed that no tensor depends on."""
    return arguments.sound is not None or arguments.no_sound or arguments.nearest_heads


def _change(video: VolumetricVideo, arguments: argparse.Namespace) -> VolumetricVideo:
    """Return the video with the config and the metadata that the options ask for."""
    config, metadata = _changed(video.config, video.metadata, arguments)
    if isinstance(video, SegmentedVideo) and config != video.config:
        video = video.changed(lambda segment: replace(segment, config=config))
    video.config, video.metadata = config, metadata
    return video


def _changed(config: ModelConfig, metadata: VideoMetadata, arguments: argparse.Namespace) -> tuple[ModelConfig, VideoMetadata]:
    if arguments.nearest_heads and config.method is not None:
        raise InputError(arguments.run, "is a video of another method, which has no heads", "leave out --nearest-heads")
    if arguments.nearest_heads:
        config = replace(config, assignment="nearest")
    if arguments.sound is not None or arguments.no_sound:
        metadata = replace(metadata, sound=_chosen_sound(arguments))
    return config, metadata


def _chosen_sound(arguments: argparse.Namespace) -> VideoSound | None:
    if arguments.sound is None:
        return None
    return as_opus(sound_file(arguments.sound, checked_offset(arguments.sound_offset or 0.0)))


def _check_options(arguments: argparse.Namespace) -> None:
    """Raise InputError if an option lacks the one that it belongs to, or contradicts another one."""
    if arguments.quality is not None and arguments.target_loss is None:
        raise InputError("--quality", "applies only with --target-loss")
    if arguments.quality is not None and not 5 <= arguments.quality <= 80:
        raise InputError("--quality", "must be 5 to 80 dB")
    if arguments.checkpoint is not None and arguments.run.is_file():
        raise InputError("--checkpoint", f"chooses a checkpoint of a run, but {arguments.run} is not the folder of a run")
    if arguments.overlap is not None and not arguments.join:
        raise InputError("--overlap", "applies only with --join")
    if arguments.sound_offset is not None and arguments.sound is None:
        raise InputError("--sound-offset", "applies only with --sound")
    if arguments.join and (arguments.sound is not None or arguments.no_sound):
        raise InputError("--join", "does not change the sound", "join first, then change the sound of the result")
    if arguments.join and arguments.nearest_heads:
        raise InputError("--join", "does not change the heads", "join first, then change the heads of the result")
    check_target(arguments.out)


def _join(arguments: argparse.Namespace) -> None:
    """Write several bundles as one. Their tensors are copied as they are stored."""
    if _is_reduced(arguments):
        raise InputError("--join", "copies bundles as they are", "export each of them with the wanted size first")
    paths = [arguments.run, *arguments.join]
    join_bundles(paths, arguments.out, arguments.overlap or 0)
    size = arguments.out.stat().st_size / 1e6
    print(f"wrote {arguments.out} ({size:.1f} MB) from {len(paths)} bundles", file=sys.stderr)


def _reduce(video: VolumetricVideo, arguments: argparse.Namespace) -> Reduced:
    if video.config.method is not None:
        raise InputError(arguments.run, "is a video of another method", "use --precision")
    with progress_display("measuring how much each part matters") as show:
        search = StepSearch(video, create_renderer("auto"), show)
    if arguments.target_loss is not None:
        wanted = needed_psnr(arguments.target_loss, DEFAULT_QUALITY if arguments.quality is None else arguments.quality)
        reduced = search.reduced(search.for_psnr(wanted))
        write_rounded(search.parts, reduced.steps, arguments.out)
        return reduced
    return write_with_size(search, arguments.target_size, arguments.out)


def _report(before: dict[str, int] | None, after: dict[str, int], reduced: Reduced) -> str:
    lines = []
    for part in ("header", *PARTS, *after.keys() & {"sound"}):
        old = f"{before.get(part, 0):>12,} -> " if before else ""
        lines.append(f"{part:12} {old}{after[part]:>12,} bytes")
    return "\n".join([*lines, f"PSNR to the original: {reduced.psnr:.2f} dB"])


if __name__ == "__main__":
    leave(main())
