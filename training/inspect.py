"""`python -m training.inspect`: check a capture before training, explain what is wrong, and propose corrections.

    python -m training.inspect CAPTURE [--json] [--html FILE] [--fix] [--layout NAME]

The exit status is 0 if the capture is fine, 3 if it is suspicious, and 2 if it is unusable.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from common.atomic import check_differs, check_target
from common.command_line import ArgumentParser, run
from common.errors import InputError
from common.interrupts import leave
from training.captures.opening import add_layout_option, open_capture
from training.inspection.check import check
from training.inspection.fix import write_remedies
from training.inspection.page import write_page
from training.inspection.report import as_json, as_text


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status."""
    parser = ArgumentParser(prog="python -m training.inspect", description="Check a capture before training.")
    parser.add_argument("capture", type=Path, metavar="CAPTURE", help="folder of the capture")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    html_help = "write a page with pictures, and next to it a contact sheet as PNG"
    parser.add_argument("--html", type=Path, metavar="FILE", help=html_help)
    parser.add_argument("--fix", action="store_true", help="write the remedies into meta.yaml, keeping what is in it")
    add_layout_option(parser)
    return run(_command, parser.parse_args(arguments))


def _check_page(page: Path, capture: Path) -> None:
    check_target(page)
    check_differs(page, (capture / "meta.yaml",))
    if page.suffix.lower() == ".png":
        raise InputError(page, "is the name of the contact sheet, which is written next to the page", "use the suffix .html")


def _command(arguments: argparse.Namespace) -> int:
    if arguments.html is not None:
        _check_page(arguments.html, arguments.capture)
    capture = open_capture(arguments.capture, arguments.layout)
    report = check(capture)
    if arguments.json:
        print(json.dumps(as_json(report, capture.name), indent=2))
    else:
        print(as_text(report, capture.name))
    if arguments.html is not None:
        sheet = write_page(report, capture.name, arguments.html)
        print(f"wrote {arguments.html} and {sheet}", file=sys.stderr)
    if arguments.fix and report.entries:
        file = arguments.capture / "meta.yaml"
        write_remedies(file, report.entries)
        print(f"wrote the remedies into {file}; run the check again", file=sys.stderr)
    return report.status


if __name__ == "__main__":
    leave(main())
