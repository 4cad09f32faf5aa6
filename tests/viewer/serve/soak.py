"""Visitors use the server for minutes, and its memory is reported: python -m tests.viewer.serve.soak --minutes 15

They drag, scrub, play and change the view. About every 20 seconds, all of them leave: some close the page, the browsers of
others are killed. Then the memory is measured, and two new visitors come. The exit status is 1 if the memory grew.
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
from tests.waiting import wait_until
from viewer import DEMO

WARM_UP = 0.25
"""Share of the time in which caches fill, which is not judged."""

GROWTH = 1.05
"""Largest factor between the median memory of the first and the last third after the warm-up."""

VISIT_SECONDS = 20.0
"""Seconds that visitors stay. When they have left, the memory is measured."""


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
    """Use the server, and return the memory that belongs to it alone in MB after each visit."""
    began = time.monotonic()
    sizes: list[float] = []
    actions = 0
    while time.monotonic() - began < seconds:
        actions += _visit(address, chance)
        wait_until(lambda: not _connections(server))
        memory = server.memory_full_info()
        sizes.append(memory.uss / 1e6)
        resident, handles = memory.rss / 1e6, f"{server.num_threads()} threads  {server.num_fds()} files"
        done = f"{time.monotonic() - began:6.0f} s  {actions:5d} actions"
        print(f"{done}  {resident:7.1f} MB resident  {sizes[-1]:7.1f} MB its own  {handles}", flush=True)
    return sizes


def _visit(address: str, chance: random.Random) -> int:
    """Let two visitors come, act and leave, and return what they did together, in actions."""
    actions = 0
    with contextlib.ExitStack() as stack:
        visitors = []
        for _ in range(2):
            visitors.append(Browser(address))
            stack.callback(visitors[-1].kill if chance.random() < 0.5 else visitors[-1].close)
            visitors[-1].wait_for_controls()
        began = time.monotonic()
        while time.monotonic() - began < VISIT_SECONDS:
            visitor = chance.choice(visitors)
            if chance.random() < 0.03:  # leave, and come back as somebody else
                visitor.driver.refresh()
                visitor.wait_for_controls()
            else:
                chance.choice(ACTIONS)(visitor, chance)
            actions += 1
    return actions


def _connections(server: psutil.Process) -> int:
    return sum(connection.status == psutil.CONN_ESTABLISHED for connection in server.net_connections("tcp"))


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
