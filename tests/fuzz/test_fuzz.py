"""Short runs of the fuzzers, and checks of the fuzzers themselves."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz import run
from tests.fuzz.mutations import mutated
from tests.fuzz.run import execute, fuzz
from tests.fuzz.targets import TARGETS

EXECUTIONS = {
    **dict.fromkeys(("bundle", "coded", "sound", "import", "placed", "background"), 150),
    "annots": 300,
    "workspace": 100,
}
"""Files per test; 500 for readers that are not named here."""


@pytest.mark.parametrize("name", list(TARGETS))
def test_damaged_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    for content in TARGETS[name].seeds(name):
        assert execute(name, tmp_path, content) == ("", True), "the corpus is valid"
    seed = random.SystemRandom().randrange(1 << 32)
    outcome = fuzz(name, tmp_path, seed, EXECUTIONS.get(name, 500))
    assert not outcome.fault, f"seed {seed}: {outcome.fault}"
    assert outcome.executions == EXECUTIONS.get(name, 500)


def test_a_fault_is_found_and_its_content_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> None:
        if b"1e308" in path.read_bytes():
            raise ZeroDivisionError

    monkeypatch.setitem(TARGETS, "camera", run.TARGETS["camera"].__class__(read, "camera.json"))
    outcome = fuzz("camera", tmp_path, 1, 20_000)
    assert "ZeroDivisionError" in outcome.fault and b"1e308" in outcome.content
    assert execute("camera", tmp_path, outcome.content)[0]


def test_mutations_change_what_they_may(tmp_path: Path) -> None:
    content, random_ = bytes(range(256)) * 4, random.Random(5)
    changed = [mutated(random_, content, [content], 100) for _ in range(300)]
    assert len(set(changed)) > 250
    assert all(part.endswith(content[-100:]) or len(part) < len(content) + 2000 for part in changed)
    again = random.Random(5)
    assert changed == [mutated(again, content, [content], 100) for _ in range(300)], "the seed determines all"
