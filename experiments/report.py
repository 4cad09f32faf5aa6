"""`python -m experiments.report OUT [OUT ...]`: write the page of results. Nothing is trained or measured."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common.command_line import ArgumentParser, run
from common.interrupts import leave
from experiments.page import DOCS_PAGE, update_page
from experiments.plan_file import read_plan
from experiments.section import make_section


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(
        prog="python -m experiments.report", description="Write the page of results. Nothing is trained or measured."
    )
    parser.add_argument("results", nargs="+", type=Path, metavar="OUT", help="folder of results of experiments.run")
    page_help = "page to update: sections with these results are replaced, others stay (default: docs/experiments.md)"
    parser.add_argument("--page", type=Path, default=DOCS_PAGE, metavar="FILE", help=page_help)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status."""
    return run(report, make_parser().parse_args(arguments))


def report(arguments: argparse.Namespace) -> None:
    """Write the sections of some folders of results.

    Raises:
        InputError: a folder has no results or damaged ones, or the page cannot be written.
    """
    images = arguments.page.parent / "images"
    update_page(arguments.page, [make_section(read_plan(out), out, images) for out in arguments.results])
    print(f"wrote {arguments.page}", file=sys.stderr)


if __name__ == "__main__":
    leave(main())
