"""`python -m training.export`: write the checkpoint of a run, or another bundle, as a `.mlpvid` bundle."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from common.command_line import ArgumentParser, parse_finite, parse_natural, run
from common.errors import InputError
from common.interrupts import leave
from common.progress import progress_display
from model.bundle.coded_write import write_coded
from model.bundle.info import bundle_info, read_bundle, write_bundle
from model.bundle.layout import PARTS, PRECISIONS
from model.bundle.segment_write import join_bundles
from model.video import VolumetricVideo
from renderer.select import create_renderer
from training.loop.assemble import CHECKPOINTS, assemble_run
from training.reduction.search import Reduced, StepSearch, needed_psnr
from training.reduction.views import Views

DEFAULT_QUALITY = 30.0
"""PSNR to the truth, dB, of a video of which it is not known, for --target-loss."""

TRIES = 4
"""Number of times that a file is written until its size is the wanted one."""

_UNITS = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1024, "mib": 1 << 20, "gib": 1 << 30}


def parse_size(text: str) -> int:
    """Read a number of bytes, for example "3MB"."""
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([kmg]?i?b)\s*", text, re.IGNORECASE)
    if not found or found[2].lower() not in _UNITS or float(found[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write for example 3MB or 800kB")
    return round(float(found[1]) * _UNITS[found[2].lower()])


def parse_loss(text: str) -> float:
    """Read a loss in decibels, for example "0.2dB"."""
    value = parse_finite(re.sub(r"\s*dB\s*$", "", text, flags=re.IGNORECASE))
    if not 0.001 <= value <= 20:
        raise argparse.ArgumentTypeError(f"{text!r} must be 0.001 to 20 dB")
    return value


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(prog="python -m training.export", description=__doc__)
    run_help = "folder of a training run, finished or not; or a bundle, to make it smaller"
    parser.add_argument("run", type=Path, metavar="RUN|BUNDLE", help=run_help)
    parser.add_argument("out", type=Path, metavar="OUT.mlpvid", help="the bundle to write")
    checkpoint_help = "of a run: the last one (default), or that with the best held-back view"
    parser.add_argument("--checkpoint", choices=tuple(CHECKPOINTS), default="last", help=checkpoint_help)
    join_help = "put these bundles, whose decoder is the same, after BUNDLE: each becomes a segment of OUT.mlpvid"
    parser.add_argument("--join", type=Path, nargs="+", metavar="BUNDLE", help=join_help)
    overlap_help = "--join: number of frames that each bundle shares with the next one, where they are blended (default 0)"
    parser.add_argument("--overlap", type=parse_natural, metavar="FRAMES", help=overlap_help)
    storage = parser.add_mutually_exclusive_group()
    precision_help = "of decoder and hash tables (default float32)"
    storage.add_argument("--precision", choices=PRECISIONS, help=precision_help)
    size_help = "round decoder and hash tables to steps, the finest ones that give a file of at most this size"
    storage.add_argument("--target-size", type=parse_size, metavar="SIZE", help=size_help)
    loss_help = "round them to steps, the coarsest ones that lose at most this much PSNR, for example 0.2dB"
    storage.add_argument("--target-loss", type=parse_loss, metavar="LOSS", help=loss_help)
    quality_help = f"--target-loss: PSNR to the truth before, from training.evaluate (default {DEFAULT_QUALITY:g})"
    parser.add_argument("--quality", type=parse_finite, metavar="DB", help=quality_help)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: the command line without the program's name; None means that of the process.
    """
    return run(export, make_parser().parse_args(arguments))


def export(arguments: argparse.Namespace) -> None:
    """Write the bundle; raises InputError as `assemble_run`, `read_bundle` and the writers of bundles do."""
    if arguments.quality is not None and arguments.target_loss is None:
        raise InputError("--quality", "applies only with --target-loss")
    if arguments.quality is not None and not 5 <= arguments.quality <= 80:
        raise InputError("--quality", "must be 5 to 80 dB")
    if arguments.overlap is not None and not arguments.join:
        raise InputError("--overlap", "applies only with --join")
    if arguments.join:
        _join(arguments)
        return
    is_bundle = arguments.run.is_file()
    video = read_bundle(arguments.run) if is_bundle else assemble_run(arguments.run, checkpoint=arguments.checkpoint)
    if arguments.target_size is None and arguments.target_loss is None:
        write_bundle(video, arguments.out, arguments.precision or "float32")
    else:
        before = bundle_info(arguments.run)["bytes"] if is_bundle else None
        reduced = _reduce(video, arguments)
        print(_report(before, bundle_info(arguments.out)["bytes"], reduced), file=sys.stderr)
    size = arguments.out.stat().st_size / 1e6
    source = "the bundle" if is_bundle else f"the {arguments.checkpoint} checkpoint"
    print(f"wrote {arguments.out} ({size:.1f} MB) from {source}", file=sys.stderr)


def _join(arguments: argparse.Namespace) -> None:
    """Write several bundles as one. Their tensors are copied as they are stored."""
    if arguments.precision is not None or arguments.target_size is not None or arguments.target_loss is not None:
        raise InputError("--join", "copies bundles as they are", "export each of them with the wanted size first")
    paths = [arguments.run, *arguments.join]
    join_bundles(paths, arguments.out, arguments.overlap or 0)
    size = arguments.out.stat().st_size / 1e6
    print(f"wrote {arguments.out} ({size:.1f} MB) from {len(paths)} bundles", file=sys.stderr)


def _reduce(video: VolumetricVideo, arguments: argparse.Namespace) -> Reduced:
    if video.config.method is not None:
        raise InputError(arguments.run, "is a video of another method", "use --precision")
    with progress_display("measuring how much each part matters") as show:
        search = StepSearch(video, Views(video, create_renderer("auto")), show)
    if arguments.target_loss is not None:
        wanted = needed_psnr(arguments.target_loss, DEFAULT_QUALITY if arguments.quality is None else arguments.quality)
        reduced = search.reduced(search.for_psnr(wanted))
        write_coded(reduced.video, arguments.out, reduced.steps)
        return reduced
    return write_with_size(search, arguments.target_size, arguments.out)


def write_with_size(search: StepSearch, size: int, path: Path) -> Reduced:
    """Write a file of at most `size` bytes, with the finest steps.

    Raises:
        InputError: even the coarsest steps need more.
    """
    limit = size
    for _ in range(TRIES):
        reduced = search.reduced(search.for_size(limit))
        write_coded(reduced.video, path, reduced.steps)
        surplus = path.stat().st_size - size
        if surplus <= 0:
            return reduced
        limit -= surplus + size // 500  # the prediction knows neither the header nor what the entropy coder adds
    raise InputError("--target-size", "was not reached", "name another size")


def _report(before: dict[str, int] | None, after: dict[str, int], reduced: Reduced) -> str:
    lines = []
    for part in ("header", *PARTS):
        old = f"{before[part]:>12,} -> " if before else ""
        lines.append(f"{part:12} {old}{after[part]:>12,} bytes")
    return "\n".join([*lines, f"PSNR to the original: {reduced.psnr:.2f} dB"])


if __name__ == "__main__":
    leave(main())
