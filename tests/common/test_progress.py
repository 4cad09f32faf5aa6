"""Progress of loops: lines in a log, a bar on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from common.progress import progress


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("total", "lines"), [(0, 0), (1, 1), (3, 3), (10, 10), (1000, 10)])
def test_a_log_gets_at_most_ten_lines(total: int, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(total), total, "reading")) == list(range(total))
    printed = capsys.readouterr()
    assert printed.out == "" and "\r" not in printed.err
    assert len(printed.err.splitlines()) == lines
    assert not total or printed.err.endswith(f"reading: {total}/{total}\n")


def test_a_line_is_printed_after_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in progress("ab", 2, "reading"):
        print("work", file=sys.stderr)
    assert capsys.readouterr().err.splitlines() == ["work", "reading: 1/2", "work", "reading: 2/2"]


def test_a_terminal_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(progress("abc", 3, "reading")) == ["a", "b", "c"]
    assert "3/3" in terminal.getvalue() and terminal.getvalue().count("\n") == 1
