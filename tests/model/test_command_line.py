"""How commands end: one line on stderr and the contract's exit status."""

from __future__ import annotations

import argparse

import pytest

from model.command_line import ArgumentParser, run
from model.errors import InputError


def fail(arguments: argparse.Namespace) -> int:
    raise InputError("a.mlpvid", "is\n empty", "make it anew")


def test_bad_input_is_one_line_and_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fail, argparse.Namespace(debug=False)) == 2
    assert capsys.readouterr().err == "error: a.mlpvid: is empty; make it anew\n"


def test_debug_adds_the_traceback_and_changes_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fail, argparse.Namespace(debug=True)) == 2
    error = capsys.readouterr().err
    assert error.startswith("Traceback") and error.endswith("\nerror: a.mlpvid: is empty; make it anew\n")


def test_bad_usage_is_one_line_and_two(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser(prog="tool")
    parser.add_argument("--count", type=int)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--count", "x"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: argument --count: invalid int value") and error.count("\n") == 1


def test_interrupts_and_bugs(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    def bug(_: argparse.Namespace) -> int:
        raise ZeroDivisionError

    assert run(interrupt, argparse.Namespace(debug=False)) == 130
    with pytest.raises(ZeroDivisionError):
        run(bug, argparse.Namespace(debug=False))
    assert run(lambda _: None, argparse.Namespace(debug=False)) == 0
