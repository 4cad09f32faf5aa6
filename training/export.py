"""`python -m training.export`: the checkpoint of a run to a `.mlpvid` bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common.command_line import ArgumentParser, run
from model.bundle.info import write_bundle
from training.loop.assemble import assemble_run


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a training, finished or not")
    parser.add_argument("out", type=Path, metavar="OUT.mlpvid", help="the bundle to write")
    parser.add_argument("--precision", choices=("float32", "float16", "int8"), default="float32", help="of decoder and tables")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Args:
        arguments: the command line without the program's name; None takes the process's own.
    """
    return run(export, make_parser().parse_args(arguments))


def export(arguments: argparse.Namespace) -> None:
    """Extract occupancy and write the bundle; raises InputError as `assemble_run` and `write_bundle` do."""
    write_bundle(assemble_run(arguments.run), arguments.out, arguments.precision)
    print(f"wrote {arguments.out} ({arguments.out.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
