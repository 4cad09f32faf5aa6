"""Two visitors in real browsers, and the server in a process of its own, where PyTorch cannot be loaded."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command_runs import ROOT
from tests.viewer.serve.browser import FIRST, LAST, Browser, content, difference
from tests.waiting import wait_until
from viewer import DEMO

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

SETTINGS = """
playback: {autoplay: false}
rendering: {backend: cpu, render_scale: 0.5, dynamic_resolution: false}  # all images have the same size
"""


WITHOUT_PYTORCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background of a shell would ignore it
sys.modules["torch"] = None
from viewer.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address, with its token, that the command prints."""
    settings = tmp_path / "settings.yaml"
    settings.write_text(SETTINGS, encoding="utf-8")
    options = ("--serve", "--port", "0", "--token", "random", "--config", settings)
    command = [sys.executable, "-u", "-c", WITHOUT_PYTORCH, DEMO, *options]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(list(map(str, command)), cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://localhost:\d+/\?token=\S+", server.stdout.readline())
            assert found is not None
            yield found[0]
            server.send_signal(signal.SIGINT)
            output, _ = server.communicate(timeout=120)
            assert output.splitlines()[-1] == "stopped" and server.returncode == 0
        finally:
            server.kill()  # does nothing if it has stopped


@pytest.fixture
def visit(address: str) -> Iterator[Callable[[], Browser]]:
    """Opens the page in another browser."""
    browsers: list[Browser] = []

    def visit() -> Browser:
        browsers.append(Browser(address))
        browsers[-1].wait_for_controls()
        wait_until(lambda: content(browsers[-1].image()) > 0.03)
        browsers[-1].dismiss_notifications()  # one of them may have been the content
        wait_until(lambda: content(browsers[-1].image()) > 0.03)
        return browsers[-1]

    yield visit
    for browser in browsers:
        browser.close()


def test_visitors_see_turn_and_scrub_without_disturbing_each_other(visit: Callable[[], Browser]) -> None:
    first = visit()
    whole = first.still_image()
    assert 0.03 < content(whole) < 0.5  # the figure over the background
    assert "token" not in first.driver.current_url

    first.drag(120, 0)
    wait_until(lambda: difference(first.image(), whole) > 0.01)
    turned = first.still_image()
    assert content(turned) > 0.03

    second = visit()
    assert difference(second.still_image(), whole) < 0.002  # a view of their own
    assert second.frame() == 0
    second.press_in_timeline(LAST)
    wait_until(lambda: second.frame() == 59 and difference(second.image(), whole) > 0.01)
    last = second.still_image()

    assert first.frame() == 0 and difference(first.still_image(), turned) < 0.002
    second.press_in_timeline(FIRST)
    wait_until(lambda: difference(second.image(), whole) < 0.002)
    assert difference(last, whole) > 0.01

    second.choose("Capture camera", "Camera 3")
    wait_until(lambda: difference(second.image(), whole) > 0.01)
    second.still_image()
    assert second.chosen("Capture camera") == "Camera 3"  # the browser has taken over exactly this view
    second.drag(60, 0)
    wait_until(lambda: second.chosen("Capture camera") == "Free")

    second.click("Play")
    wait_until(lambda: second.frame() > 3)
    assert first.frame() == 0 and difference(first.image(), turned) < 0.002
