"""Compare PTX and emulation on GPU architectures: `python -m tests.renderer.cuda.ptx 86`, or `--all`."""

from __future__ import annotations

import argparse
import itertools
import sys
import time as clock

from tests.renderer.cuda.ptx.comparison import ARCHITECTURES, compare
from tests.renderer.cuda.ptx.faults import UnknownPtxError
from tests.renderer.cuda.small_videos import VARIANTS

HEADINGS = (
    f"{'sm':>4} {'variant':<14} {'color pass':<10} {'sums':<9} {'seed':>4}  color    depth    counts samples Minstr. seconds"
)


def compare_architecture(architecture: str, seeds: list[int | None]) -> bool:
    """Compare all variants with both color passes; print a line for each, and return whether all are equal."""
    good, start, instructions = True, clock.perf_counter(), 0
    for name, seed, tensor_cores, fused in itertools.product(VARIANTS, seeds, (True, False), (False, True)):
        kind, sums = "matrix" if tensor_cores else "plain", "fused" if fused else "separate"
        line = f"{architecture:>4} {name:<14} {kind:<10} {sums:<9} {'-' if seed is None else seed:>4}  "
        try:
            found = compare(architecture, VARIANTS[name], tensor_cores, seed, fused)
        except (AssertionError, UnknownPtxError) as fault:
            print(f"{line}FAILED: {fault}", flush=True)
            good = False
            continue
        instructions += found.instructions
        numbers = f"{found.color:.1e}  {found.depth:.1e}  {found.counts:.4f} {found.samples:>7}"
        verdict = "" if found.equal else "  DIFFERENT"
        print(f"{line}{numbers} {found.instructions / 1e6:7.1f} {found.seconds:7.1f}{verdict}", flush=True)
        good = good and found.equal
    seconds = clock.perf_counter() - start
    print(f"sm_{architecture}: {'equal' if good else 'NOT EQUAL'}, {instructions:,} instructions, {seconds:.0f} s", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.renderer.cuda.ptx", description=__doc__)
    parser.add_argument("architectures", nargs="*", default=["86"], help="such as 86; the default")
    parser.add_argument("--all", action="store_true", help=f"compare {', '.join(ARCHITECTURES)}")
    parser.add_argument("--seed", type=int, action="append", help="schedule warps at random; may be given several times")
    options = parser.parse_args()
    print(HEADINGS)
    chosen = ARCHITECTURES if options.all else options.architectures
    return 0 if all([compare_architecture(each, options.seed or [None]) for each in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main())
