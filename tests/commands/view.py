"""The viewer's command on the small bundle of the tests."""

from __future__ import annotations

from pathlib import Path

from tests.command_runs import CommandRun, run_main
from viewer.cli import main

FRAMES = 4
"""Frames of the bundle."""


def view(*arguments: object, folder: Path) -> CommandRun:
    """Run the viewer's command in a folder, without a display, in this process."""
    return run_main(main, *arguments, folder=folder)
