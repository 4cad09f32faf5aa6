"""Commands end with one line on stderr and the exit status of the contract."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from common.atomic import write_text
from common.command_line import ArgumentParser, parse_count, parse_seed, parse_threads, run
from common.errors import InputError

ROOT = Path(__file__).parents[2]


def fail(arguments: argparse.Namespace) -> int:
    raise InputError("a.mlpvid", "is\n empty", "make it again")


def test_bad_input_prints_one_line_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fail, argparse.Namespace(debug=False)) == 2
    assert capsys.readouterr().err == "error: a.mlpvid: is empty; make it again\n"


def test_names_do_not_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def fail_with_name(_: argparse.Namespace) -> int:
        raise InputError("a\x1b[31m\u202egpj\x9b\u200c\u00e4.png", "no such file")

    assert run(fail_with_name, argparse.Namespace(debug=False)) == 2
    assert capsys.readouterr().err == "error: a\\x1b[31m\\u202egpj\\x9b\u200c\u00e4.png: no such file\n"


def test_debug_adds_the_traceback_and_changes_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fail, argparse.Namespace(debug=True)) == 2
    error = capsys.readouterr().err
    assert error.startswith("Traceback") and error.endswith("\nerror: a.mlpvid: is empty; make it again\n")


def test_bad_usage_prints_one_line_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser(prog="tool")
    parser.add_argument("--count", type=int)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--count", "x"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: argument --count: invalid int value") and error.count("\n") == 1


@pytest.mark.parametrize("option", ["--count", "--coun"])
def test_two_dashes_are_not_a_value(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser(prog="tool")
    parser.add_argument("--count", type=int)
    parser.add_argument("name", nargs="?")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([f"{option}=--"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: argument {option}: '--' is not a value (see tool --help)\n"
    assert parser.parse_args(["--", "--count=--"]).name == "--count=--"


def test_interrupts_and_bugs(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    def bug(_: argparse.Namespace) -> int:
        raise ZeroDivisionError

    assert run(interrupt, argparse.Namespace(debug=False)) == 130
    with pytest.raises(ZeroDivisionError):
        run(bug, argparse.Namespace(debug=False))
    assert run(lambda _: None, argparse.Namespace(debug=False)) == 0


def test_an_interrupt_prints_its_own_message(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt("a.mp4: interrupted; 3 finished frames are kept in a.partial.mp4")

    assert run(interrupt, argparse.Namespace(debug=False)) == 130
    assert capsys.readouterr().err == "a.mp4: interrupted; 3 finished frames are kept in a.partial.mp4\n"
    run(lambda _: (_ for _ in ()).throw(KeyboardInterrupt), argparse.Namespace(debug=False))
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (MemoryError("Unable to allocate 8 GiB"), "error: there is not enough memory for this (Unable to allocate 8 GiB)"),
        (MemoryError(), "error: there is not enough memory for this (out of memory)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), "error: there is not enough memory"),
        (RuntimeError("can't start new thread"), "error: the system has no more threads for this; use --threads"),
        (PermissionError(13, "Permission denied", "folder/a"), "error: folder/a: Permission denied"),
        (OSError(36, "File name too long", "x" * 5000), "error: " + "x" * 100),
    ],
)
def test_what_the_system_refuses_is_one_short_line(fault: Exception, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    def command(_: argparse.Namespace) -> int:
        raise fault

    assert run(command, argparse.Namespace(debug=False)) == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1 and len(error) <= 300


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that a program is in")
def test_a_current_folder_that_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(_: argparse.Namespace) -> None:
        write_text("relative.txt", "")

    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(write, argparse.Namespace(debug=False)) == 2
    assert capsys.readouterr().err == "error: the current folder does not exist any more; change to another one\n"


def test_long_messages_lose_their_middle(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ArgumentParser(prog="tool").parse_args(["x" * 5000])
    error = capsys.readouterr().err
    assert error.startswith("error: unrecognized arguments: xxx") and error.endswith("x (see tool --help)\n")
    assert " ... " in error and len(error) <= 300


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "", "1025", "9" * 5000, "\N{SUPERSCRIPT TWO}"])
def test_absurd_numbers_of_threads_are_bad_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser(prog="tool")
    parser.add_argument("--threads", type=parse_threads)
    assert parser.parse_args(["--threads", "1024"]).threads == 1024
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([f"--threads={text}"])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("error: argument --threads: ") and error.count("\n") == 1
    assert "1 to 1024" in error and len(error) < 500


def test_counts_are_at_least_one() -> None:
    assert parse_count("7") == 7
    for text in ("0", "-3", "7.5", "9" * 5000):
        with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
            parse_count(text)


_TALKER = """
import sys
from common.command_line import ArgumentParser, run
from common.errors import InputError

def talk(arguments):
    if arguments.fail:
        raise InputError("a", "is wrong")
    for _ in range(arguments.lines):
        print("x" * 99)

parser = ArgumentParser(prog="tool")
parser.add_argument("--lines", type=int, default=1)
parser.add_argument("--fail", action="store_true")
sys.exit(run(talk, parser.parse_args()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize(
    ("options", "status", "streams"),
    [
        (("--lines", "1"), 1, ("stdout",)),
        (("--lines", "9999"), 1, ("stdout",)),
        (("--fail",), 1, ("stdout", "stderr")),
        (("--help",), 0, ("stdout",)),
    ],
)
@pytest.mark.parametrize("unbuffered", [(), ("-u",)])
def test_a_closed_output_ends_the_command_quietly(
    options: tuple[str, ...], status: int, streams: tuple[str, ...], unbuffered: tuple[str, ...]
) -> None:
    process = subprocess.Popen(
        [sys.executable, *unbuffered, "-c", _TALKER, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if "stderr" in streams else subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    errors = process.stderr.read() if process.stderr is not None else ""
    assert (process.wait(60), errors) == (status, "")


@pytest.mark.parametrize(
    ("options", "logged"),
    [([], ["careful"]), (["-v"], ["step", "careful"]), (["--verbose", "--verbose"], ["detail", "step", "careful"])],
)
def test_verbose_logs_more(options: list[str], logged: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def command(_: argparse.Namespace) -> None:
        log = logging.getLogger("tool.part")
        log.debug("detail")
        log.info("step")
        log.warning("careful")

    for _ in range(2):  # a second command in one process does not log twice
        assert run(command, ArgumentParser().parse_args(options)) == 0
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(" tool.part: ")[1] for line in lines] == logged
    assert lines[-1] == "WARNING tool.part: careful"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--range", "-5,-1"], "; write --range=-5,-1 if that is its value"),
        (["--range", "--other"], ""),
        (["--range"], ""),
        (["--other", "-5,1", "--range"], ""),
    ],
)
def test_values_that_begin_with_a_dash(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser(prog="tool")
    parser.add_argument("--range")
    parser.add_argument("--other", nargs="?")
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    assert capsys.readouterr().err == f"error: argument --range: expected one argument{hint} (see tool --help)\n"
    assert parser.parse_args(["--range=-5,-1"]).range == "-5,-1"


def test_seeds() -> None:
    assert [parse_seed(text) for text in ("0", "007", str(2**63 - 1))] == [0, 7, 2**63 - 1]
    for text in ("-1", "x", "1_0", "1.5", "", "\u0661", str(2**63), "9" * 5000):
        with pytest.raises(argparse.ArgumentTypeError, match="must be a whole number, 0 to"):
            parse_seed(text)
