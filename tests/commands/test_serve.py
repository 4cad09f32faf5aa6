"""The option --serve: where it listens, what it prints, and what it refuses."""

from __future__ import annotations

import argparse
import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from run_mlpvid import COMMANDS, viewer_arguments
from tests.command_runs import ROOT, assert_fails, run_main
from viewer.cli import main
from viewer.commands.serve import addresses, first_look
from viewer.settings import DisplaySettings


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--serve", "--port", "x"), "'x' is not a port"),
        (("--serve", "--port", "70000"), "'70000' is not a port"),
        (("--serve", "--token", "short"), "--token: must have at least 16 characters"),
        (("--serve", "--frame", "3"), "--frame does not apply"),
        (("--serve", "--size", "64x64"), "--size does not apply"),
        (("--serve", "--window"), "--window does not apply"),
        (("--port", "80"), "--port does not apply"),
        (("--info", "--host", "::1"), "--host does not apply"),
        (("--info", "--token", "random"), "--token does not apply"),
        (("--serve", "--host", "192.0.2.1"), "192.0.2.1, port 8080: cannot be used by the server"),
        (("--serve", "--port", "0", "--panorama", "gone.png"), "gone.png: no such file"),
        (("--serve", "--port", "0", "--background", "gone.jpg", "--shadow"), "gone.jpg: no such file"),
        (("missing.mlpvid", "--serve", "--port", "0"), "missing.mlpvid: no such file"),
    ],
)
def test_what_cannot_be_served(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    assert_fails(run_main(main, *arguments, folder=tmp_path), words)


def test_a_background_of_the_settings_that_has_gone_is_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    options = argparse.Namespace(background=None, panorama=None, shadow=True)
    stored = DisplaySettings(background="panorama", background_file="/gone/hall.jpg")
    view, image = first_look(options, stored)
    assert (view.background, view.show_shadow, image) == ("color", True, None)
    assert capsys.readouterr().out.startswith("note: /gone/hall.jpg: no such file")
    options = argparse.Namespace(background=(1.0, 0.0, 0.0), panorama=None, shadow=False)
    view, image = first_look(options, stored)
    assert (view.background, view.background_color, view.show_shadow, image) == ("color", (1.0, 0.0, 0.0), False, None)


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_fails(
            run_main(main, "--serve", "--port", port), f"127.0.0.1, port {port}", "cannot be used by the server", "--port"
        )


def test_without_viser_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "viser" else found(name))
    assert_fails(run_main(main, "--serve"), "--serve: needs the package viser", "pip install -r requirements-serve.txt")


def test_the_subcommand() -> None:
    assert viewer_arguments(COMMANDS["serve"], ["a.mlpvid", "--port", "0"]) == ["--serve", "a.mlpvid", "--port", "0"]


def test_the_ssh_line_is_printed_on_a_loopback_address() -> None:
    lines = addresses("127.0.0.1", 8080, None)
    assert lines[0] == "Serving at http://localhost:8080/"
    assert lines[2].strip().startswith("ssh -L 8080:localhost:8080 ") and lines[2].endswith(f"@{socket.gethostname()}")
    assert addresses("::1", 90, "t")[0] == "Serving at http://[::1]:90/?token=t"
    assert "ssh -L 90:[::1]:90 " in addresses("::1", 90, "t")[2]


def test_other_addresses_are_printed_with_the_token() -> None:
    text = "\n".join(addresses("0.0.0.0", 8080, "secret"))
    assert "ssh" not in text and f"http://{socket.gethostname()}:8080/?token=secret" in text
    assert addresses("10.1.2.3", 8080, "secret")[0] == "Serving at http://10.1.2.3:8080/?token=secret"


WITHOUT_PYTORCH = """
import sys
sys.modules["torch"] = None
import viewer.serve.server, viewer.commands.serve, viewer.serve.guarded_viser
"""


@pytest.mark.slow
def test_it_loads_without_pytorch_and_the_viewer_without_viser() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_PYTORCH], cwd=ROOT, check=True)
    program = "import sys; import viewer.commands.start, viewer.cli; assert 'viser' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
