"""`python -m training.export`: write the checkpoint of a run as a `.mlpvid` bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common.command_line import ArgumentParser, run
from common.interrupts import leave
from model.bundle.info import write_bundle
from model.bundle.layout import PRECISIONS
from training.loop.assemble import CHECKPOINTS, assemble_run


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a training run, finished or not")
    parser.add_argument("out", type=Path, metavar="OUT.mlpvid", help="the bundle to write")
    checkpoint_help = "the last one (default), or that with the best held-back view"
    parser.add_argument("--checkpoint", choices=tuple(CHECKPOINTS), default="last", help=checkpoint_help)
    precision_help = "of decoder and hash tables (default float32)"
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help=precision_help)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: the command line without the program's name; None means that of the process.
    """
    return run(export, make_parser().parse_args(arguments))


def export(arguments: argparse.Namespace) -> None:
    """Extract occupancy and write the bundle; raises InputError as `assemble_run` and `write_bundle` do."""
    write_bundle(assemble_run(arguments.run, checkpoint=arguments.checkpoint), arguments.out, arguments.precision)
    size = arguments.out.stat().st_size / 1e6
    print(f"wrote {arguments.out} ({size:.1f} MB) from the {arguments.checkpoint} checkpoint", file=sys.stderr)


if __name__ == "__main__":
    leave(main())
