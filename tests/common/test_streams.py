"""Standard output and standard error that are closed, full, or lack letters."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from common.streams import guarded_streams
from tests.command_runs import ROOT

posix = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")

PROGRAM = """
import sys
from common.command_line import ArgumentParser, run
from common.errors import InputError

def command(arguments):
    print("working", file=sys.stderr)
    with open(sys.argv[1], "w") as file:
        file.write("result" + str(file.fileno() > 2))
    print("done")

def fail(arguments):
    raise InputError("a", "is wrong")

sys.exit(run(fail if sys.argv[2:] else command, ArgumentParser().parse_args([])))
"""


@posix
@pytest.mark.parametrize(
    ("redirection", "status", "error"),
    [
        ("2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        (">/dev/full", 74, "error: standard output: cannot be written (No space left on device)\n"),
        (">&-", 74, "error: standard output: cannot be written (it is closed)\n"),
        ("<&- >&- 2>&-", 74, ""),
    ],
)
def test_results_do_not_depend_on_streams(redirection: str, status: int, error: str, tmp_path: object) -> None:
    command = f'exec "$0" -c "$1" "$2" {redirection}'
    ended = subprocess.run(
        ["sh", "-c", command, sys.executable, PROGRAM, f"{tmp_path}/result"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr.replace("working\n", "")) == (status, error)
    with open(f"{tmp_path}/result") as file:
        assert file.read() == "resultTrue", "no file gets the number of a closed stream"


@posix
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_errors_that_cannot_be_shown_keep_their_status_and_stay_out_of_the_output(redirection: str) -> None:
    command = f'exec "$0" -c "$1" file fail {redirection}'
    ended = subprocess.run(
        ["sh", "-c", command, sys.executable, PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")


@posix
@pytest.mark.parametrize(
    "program", ["run_viewer.py --help", "run_viewer.py --version", "run_mlpvid.py --help", "run_mlpvid.py --version"]
)
@pytest.mark.parametrize(
    ("redirection", "status", "error"),
    [
        (">/dev/full", 74, "error: standard output: cannot be written (No space left on device)\n"),
        (">&-", 74, "error: standard output: cannot be written (it is closed)\n"),
        ("| sleep 0", 0, ""),
        ("2>&-", 0, ""),
    ],
)
def test_help_that_cannot_be_written_is_an_error(program: str, redirection: str, status: int, error: str) -> None:
    command = f'"$0" {program} {redirection}'
    ended = subprocess.run(["sh", "-c", command, sys.executable], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (status, error)
    assert ended.stdout.lower().startswith(("usage: ", "mlpvid ") if redirection == "2>&-" else "")


def test_letters_that_an_encoding_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with guarded_streams():
        print("b\udcecd \u00e4")
    assert raw.getvalue() == b"b\\udcecd \\xe4\n"
