"""Two visitors use the server for minutes, and its memory is reported: python -m tests.viewer.serve.soak --minutes 15

They drag, scrub, play, change the view, and leave and come back. The exit status is 1 if the memory grew.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import psutil

from tests.command_runs import ROOT
from tests.viewer.serve.browser import FIRST, LAST, Browser
from viewer import DEMO

WARM_UP = 0.25
"""Share of the time in which caches fill, which is not judged."""

GROWTH = 1.05
"""Largest factor between the median memory of the first and the last third after the warm-up."""

REPORT_SECONDS = 10.0
"""Time between two measurements."""


def main() -> int:
    """Run the soak and print a line per measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    command = [sys.executable, "-u", ROOT / "run_viewer.py", DEMO, "--serve", "--port", "0", "--backend", options.backend]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found is not None, "the server did not start"
        try:
            sizes = use(found[0], psutil.Process(server.pid), random.Random(options.seed), options.minutes * 60)
        finally:
            server.terminate()
    return judge(sizes)


def use(address: str, server: psutil.Process, chance: random.Random, seconds: float) -> list[float]:
    """Use the server, and return the memory that belongs to it alone in MB at equal distances of time."""
    with contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(contextlib.closing(Browser(address))) for _ in range(2)]
        for visitor in visitors:
            visitor.wait_for_controls()
        return _measured(visitors, server, chance, seconds)


def _measured(visitors: list[Browser], server: psutil.Process, chance: random.Random, seconds: float) -> list[float]:
    began = measured = time.monotonic()
    sizes: list[float] = []
    actions = 0
    while time.monotonic() - began < seconds:
        number = chance.randrange(2)
        if chance.random() < 0.03:  # leave, and come back as somebody else
            visitors[number].driver.refresh()
            visitors[number].wait_for_controls()
        else:
            chance.choice(ACTIONS)(visitors[number], chance)
        actions += 1
        if time.monotonic() - measured >= REPORT_SECONDS:
            measured = time.monotonic()
            sizes.append(server.memory_full_info().uss / 1e6)
            print(
                f"{measured - began:6.0f} s  {actions:5d} actions  {sizes[-1]:7.1f} MB  {server.num_threads()} threads",
                flush=True,
            )
    return sizes


def judge(sizes: list[float]) -> int:
    """Print whether the memory grew; return 1 if so."""
    judged = sizes[int(len(sizes) * WARM_UP) :]
    third = max(1, len(judged) // 3)
    first, last = statistics.median(judged[:third]), statistics.median(judged[-third:])
    print(f"first third {first:.1f} MB, last third {last:.1f} MB, largest {max(sizes):.1f} MB")
    return int(last > first * GROWTH)


def _drag(visitor: Browser, chance: random.Random) -> None:
    visitor.drag(chance.randint(-140, 140), chance.randint(-80, 80))


def _scrub(visitor: Browser, chance: random.Random) -> None:
    visitor.press_in_timeline(chance.choice((FIRST, LAST)))


def _play(visitor: Browser, chance: random.Random) -> None:
    visitor.click(chance.choice(("Previous", "Next")))
    visitor.click("Play", "Pause")
    time.sleep(chance.uniform(0.5, 3))


def _go_home(visitor: Browser, chance: random.Random) -> None:
    visitor.click("Whole scene")


ACTIONS: tuple[Callable[[Browser, random.Random], None], ...] = (_drag, _drag, _scrub, _play, _go_home)
"""What visitors do, equally often."""

if __name__ == "__main__":
    sys.exit(main())
