"""Commands end in order whichever call fails: some calls of each kind; `python -m tests.injection COMMAND` tries all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.injection.commands import COMMANDS
from tests.injection.faults import KINDS, failing
from tests.injection.run import check_fault, count_calls

FAULTS = 3
"""Calls per kind that fail, one per run: the first, the last, and a random one."""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["render", "record", "export", "import"])
def test_a_failing_call_leaves_nothing_half_written(command: str, tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    COMMANDS[command].prepare(tmp_path / "inputs")
    tried = 0
    for kind, total in count_calls(command, tmp_path).items():
        chosen = {0, total - 1, random.randrange(total)} if total else set()
        for nth in sorted(chosen)[:FAULTS]:
            fault = check_fault(command, kind, nth, tmp_path)
            assert not fault, f"{kind}, call {nth} of {total}: {fault}"
            tried += 1
    assert tried >= 8


@pytest.mark.slow
def test_a_training_whose_call_fails_can_be_continued(tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    COMMANDS["train"].prepare(tmp_path / "inputs")
    totals = count_calls("train", tmp_path)
    assert all(totals.values()), totals
    for kind in random.sample(list(KINDS), 2):
        nth = random.randrange(totals[kind])
        fault = check_fault("train", kind, nth, tmp_path)
        assert not fault, f"{kind}, call {nth} of {totals[kind]}: {fault}"


def test_the_chosen_call_fails_and_no_other(tmp_path: Path) -> None:
    with failing("rename", 1, str(tmp_path)) as calls:
        for name in "abc":
            (tmp_path / name).touch()
        (tmp_path / "a").replace(tmp_path / "d")
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "b").replace(tmp_path / "e")
        (tmp_path / "c").replace(tmp_path / "f")
    assert (calls.count, calls.failed) == (3, True)
    assert {path.name for path in tmp_path.iterdir()} == {"b", "d", "f"}
