"""Every command in the docs is one that the real program understands: its options exist, and its values have the right form.

Commands with brackets or alternatives are synopses: their options must exist. All others are parsed as they are, with values
for the words in `PLACEHOLDERS`. Of pip and pytest, the files and folders must exist.
"""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

import run_mlpvid
from tests.test_docs import PACKAGES, PAGES, ROOT
from tests.test_package import PROJECT
from viewer import cli

PAGES_WITH_COMMANDS = [*PAGES, ROOT / "examples" / "README.md", *sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))]
PROGRAMS = r"(?:python|pip|mlpvid|torchrun|run_viewer\.py)"
PLACEHOLDERS = {"TARGET": "settings", "COMMAND": "record", "N": "3", "M": "20", "SECONDS": "2", "NAME": "cpu", "...": ""}
"""Words that stand for a value which is not a name of a file."""


class Reached(Exception):
    """A program has made its parser."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


class WrongUsage(Exception):
    """The parser does not understand a command."""


def commands_in(text: str) -> Iterator[str]:
    """Yield the commands in the code blocks and in the code within sentences, without comments; lines are joined."""
    blocks = re.findall(r"^ *```(?:sh|bash)?\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)
    for block in blocks:
        joined = re.sub(r"(?: *\\)?\n {4,}(?=\[?-)", " ", block)
        for line in joined.splitlines():
            yield from re.split(r" && ", re.split(r"\s{2,}[#(]", line)[0])
    without_blocks = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(rf"`({PROGRAMS}\s[^`]*)`", without_blocks):
        yield from re.split(r" && ", re.sub(r"\s+", " ", code))


def parser_of(module: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """Return the parser that a module makes when it is run."""

    def stop(parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        raise Reached(parser)

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", [module])
        try:
            importlib.import_module(
                module if (ROOT / f"{module.replace('.', '/')}.py").is_file() else f"{module}.__main__"
            ).main()
        except Reached as reached:
            return reached.parser
    raise AssertionError(f"{module} does not read its arguments")


def check_arguments(parser: argparse.ArgumentParser, arguments: str) -> argparse.Namespace | None:
    """Parse arguments, or check that the options of a synopsis exist. Return what was parsed."""

    def refuse(message: str) -> NoReturn:
        raise WrongUsage(f"{arguments}: {message}")

    parser.error = refuse  # type: ignore[method-assign]
    if re.search(r"[|\[\]]", arguments):
        known = {option for action in parser._actions for option in action.option_strings}
        if unknown := set(re.findall(r"(?<!\w)--?[a-z][a-z-]*", arguments)) - known:
            refuse(f"no option {unknown}")
        return None
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(arguments)]
    return None if words == ["--help"] else parser.parse_args([word for word in words if word])


def check_viewer(arguments: str) -> None:
    """Check arguments of run_viewer.py, and that its options go together."""
    parser = cli.make_parser()
    options = check_arguments(parser, arguments)
    if options is not None:
        cli.check_options(parser, options)


def check_pip(arguments: str) -> None:
    """Check that the files and folders of a pip command exist, and the extras of the package."""
    words = shlex.split(arguments)
    assert words[0] in ("install", "list", "uninstall"), arguments
    files = [ROOT / words[k + 1] for k, word in enumerate(words) if word == "-r"]
    folders = [ROOT / word.partition("[")[0] for word in words[1:] if word.startswith(".") or "/" in word]
    missing = [path for path in (*files, *folders) if not path.exists()]
    assert not missing
    for extras in re.findall(r"(?:\.|mlpvid)\[([\w,]+)\]", arguments):
        assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"]), arguments


def check_pytest(arguments: str) -> None:
    """Check that the paths of a pytest command exist."""
    words = shlex.split(arguments)
    assert all((ROOT / word).exists() for word in words if "/" in word), arguments


def check_module(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the arguments of `python -m`: a module and its arguments."""
    module, _, rest = arguments.partition(" ")
    if module == "pytest":
        check_pytest(rest)
    elif module.split(".")[0] in (*PACKAGES, "docs"):
        check_arguments(parser_of(module, monkeypatch), rest)


def check(command: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Check a command; return whether it is one of the programs that are known here."""
    program, _, rest = command.strip().partition(" ")
    rest = rest.strip()
    if program == "torchrun":
        program, rest = "python", rest[rest.index("-m ") :]
    if program == "python":
        program, _, rest = rest.partition(" ")
    if program == "run_viewer.py":
        check_viewer(rest)
    elif program == "-m":
        check_module(rest, monkeypatch)
    elif program == "pip":
        check_pip(rest)
    elif program == "mlpvid":
        check_mlpvid(rest, monkeypatch)
    else:
        return program.endswith(".py") and (ROOT / program).is_file()
    return True


def check_mlpvid(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check a command of the installed package."""
    name, _, rest = arguments.partition(" ")
    if name in ("--help", "--version"):
        return
    assert name in run_mlpvid.COMMANDS, arguments
    known = run_mlpvid.COMMANDS[name]
    if known.module == "viewer.cli":
        check_viewer(" ".join(run_mlpvid.viewer_arguments(known, rest.split())))
    else:
        check_arguments(parser_of(known.module, monkeypatch), rest)


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.name)
def test_commands_are_understood(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    for command in commands_in(text):
        try:
            known = check(command, monkeypatch)
        except WrongUsage as error:  # a sentence may name a command without everything that it needs
            if "arguments are required" not in str(error) or f"`{command}" not in re.sub(r"\s+", " ", text):
                raise
            known = True
        assert known or not re.match(rf"{PROGRAMS}\s", command), command


@pytest.mark.parametrize(
    "command",
    [
        "python run_viewer.py BUNDLE --rendr image.png",
        "python run_viewer.py BUNDLE --info --camera camera.json",
        "python run_viewer.py BUNDLE --record orbit.mp4 --size 1024",
        "python -m training.train --capture DIR --config small --out RUN --minuets 3",
        "python -m training.export RUN OUT.mlpvid [--precision float32|int8] [--checkpiont best]",
        "python -m benchmarks.scene_slabs",
        "torchrun --nproc-per-node N -m training.train --capture",
        "mlpvid evaluate RUN --captures DIR",
        "mlpvid renders BUNDLE image.png",
        "pip install -r requirements-absent.txt",
        "pip install '.[absent]'",
        "python -m pytest tests/absent",
    ],
)
def test_wrong_commands_are_refused(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((WrongUsage, AssertionError)):
        check(command, monkeypatch)


def test_commands_are_found() -> None:
    text = "Run `python a.py  --x\n1`, then\n\n```\npip install b && mlpvid c   # d\npython -m e \\\n    -f\n```\n"
    assert list(commands_in(text)) == ["pip install b", "mlpvid c", "python -m e -f", "python a.py --x 1"]
    counted = [len(list(commands_in(page.read_text(encoding="utf-8")))) for page in PAGES_WITH_COMMANDS]
    assert sum(counted) > 80
