"""Measure the peak memory of rendering a bundle, beyond the size of the bundle.

python -m benchmarks.memory BUNDLE [--frames N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.process import run_process
from common.command_line import ArgumentParser, parse_count, run
from common.errors import InputError


@dataclass(frozen=True)
class PeakMemory:
    """Peak memory of a process that opens a bundle and renders some of its frames."""

    peak_bytes: int
    """Highest resident memory, including the interpreter and its libraries."""
    empty_bytes: int
    """The same for a process that only loads the libraries."""
    bundle_bytes: int
    """Size of the bundle file."""

    @property
    def over_bundle(self) -> int:
        """Peak beyond the size of the bundle, bytes."""
        return self.peak_bytes - self.bundle_bytes


def measure_memory(bundle: Path, frames: int) -> PeakMemory:
    """Run the viewer's benchmark in a separate process; InputError when it fails or the system does not report memory."""
    viewer = ["run_viewer.py", str(bundle), "--benchmark", "--frames", str(frames), "--json"]
    empty = ["-c", "import torch, renderer.cpu.renderer, model.bundle.info"]
    peak, without = (run_process(arguments, "the viewer").peak_bytes for arguments in (viewer, empty))
    return PeakMemory(peak, without, bundle.stat().st_size)


def _command(arguments: argparse.Namespace) -> None:
    if not arguments.bundle.is_file():
        raise InputError(arguments.bundle, "does not exist")
    memory = measure_memory(arguments.bundle.resolve(), arguments.frames)
    if arguments.json:
        print(json.dumps(asdict(memory)))
        return
    for label, size in (("peak", memory.peak_bytes), ("libraries only", memory.empty_bytes), ("bundle", memory.bundle_bytes)):
        print(f"{label:<16} {size / 1e6:8.0f} MB")
    print(f"{'beyond bundle':<16} {memory.over_bundle / 1e6:8.0f} MB")


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.memory`; returns the exit status."""
    parser = ArgumentParser(prog="benchmarks.memory", description="Measure the peak memory of rendering a bundle.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the .mlpvid file")
    parser.add_argument("--frames", type=parse_count, default=8, help="frames to render (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
