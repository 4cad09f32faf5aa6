"""Short runs of the fuzzers, and checks of the fuzzers themselves."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz import run
from tests.fuzz.checksums import with_ogg_checksums, with_png_checksums, with_sha256
from tests.fuzz.documents import ODD, changed, mutated_json, mutated_safetensors
from tests.fuzz.memory import PeakMemory
from tests.fuzz.mutations import mutated, overwritten
from tests.fuzz.run import execute, fuzz
from tests.fuzz.targets import CORPUS, TARGETS

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


def test_damaged_files_do_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that accepts everything leads to files that are damaged again and again."""
    sizes: list[int] = []
    kind = run.TARGETS["camera"].__class__
    target = kind(lambda path: sizes.append(path.stat().st_size), "camera.json", damaged=mutated_json)
    monkeypatch.setitem(TARGETS, "camera", target)
    fuzz("camera", tmp_path, 5, 3000)
    longest = max(map(len, TARGETS["camera"].seeds("camera")))
    assert sorted(sizes[-500:])[250] < 3 * longest


def test_released_checkpoints_are_valid_archives(tmp_path: Path) -> None:
    TARGETS["import"].write(tmp_path / "final.pth", b"content")
    with zipfile.ZipFile(tmp_path / "final.pth") as archive:
        assert archive.testzip() is None
        assert archive.read("a/data.pkl") == b"content" and len(archive.namelist()) > 20


def test_a_warning_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy prints it on the terminal, where users cannot know what it means."""
    monkeypatch.setitem(TARGETS, "camera", run.TARGETS["camera"].__class__(lambda _: np.float64(1e308) * 10, "camera.json"))
    assert "RuntimeWarning: overflow" in execute("camera", tmp_path, b"")[0]


def test_mutations_change_what_they_may(tmp_path: Path) -> None:
    content, random_ = bytes(range(256)) * 4, random.Random(5)
    changed = [mutated(random_, content, [content], 100) for _ in range(300)]
    assert len(set(changed)) > 250
    assert all(part.endswith(content[-100:]) or len(part) < len(content) + 2000 for part in changed)
    again = random.Random(5)
    assert changed == [mutated(again, content, [content], 100) for _ in range(300)], "the seed determines all"


def test_a_reader_that_takes_much_memory_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> None:
        if b"1e308" in path.read_bytes():
            np.ones(300 << 20, np.uint8)

    monkeypatch.setitem(TARGETS, "camera", run.TARGETS["camera"].__class__(read, "camera.json"))
    outcome = fuzz("camera", tmp_path, 1, 20_000)
    assert "MB of memory for a file of" in outcome.fault and b"1e308" in outcome.content


def test_memory_that_something_else_takes_or_gives_back_is_no_fault_and_hides_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [np.ones(500 << 20, np.uint8)]

    def read(path: Path) -> None:
        if others:  # in the first execution, something else gives back what it held
            others.clear()
        elif b"1e308" in path.read_bytes():
            np.ones(300 << 20, np.uint8)
        elif b"once" in path.read_bytes():
            path.write_bytes(b"twice")
            np.ones(300 << 20, np.uint8)

    monkeypatch.setitem(TARGETS, "camera", run.TARGETS["camera"].__class__(read, "camera.json"))
    memory = PeakMemory()
    assert execute("camera", tmp_path, b"first", memory) == ("", True)
    assert execute("camera", tmp_path, b"once", memory) == ("", True)
    assert "MB of memory for a file of" in execute("camera", tmp_path, b"1e308", memory)[0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a setting of the GNU C library")
def test_memory_is_noticed_where_freed_memory_stays_with_the_process(tmp_path: Path) -> None:
    """In a child process whose C library keeps what is freed, before the measurement and during it.

    This process takes more than its child, which must not hide what the child takes.
    """
    held = np.ones(1 << 30, np.uint8)
    command = (sys.executable, "-m", "tests.fuzz.keeping_process", tmp_path)
    found = subprocess.run(command, cwd=CORPUS.parents[2], capture_output=True, text=True, check=False)
    assert found.returncode == 0 and len(held), found.stderr
    kept, small, hungry, again = found.stdout.splitlines()
    assert int(kept) > 300_000_000, "the process does keep freed memory"
    assert small == "no fault"
    assert "MB of memory for a file of" in hungry and "MB of memory for a file of" in again


@pytest.mark.parametrize(
    ("name", "repaired", "place"),
    [
        ("bundle/version1.mlpvid", with_sha256, -1),
        ("screenshot/camera.png", with_png_checksums, 20),
        ("sound/clicks.opus", with_ogg_checksums, -1),
    ],
)
def test_checksums_are_made_right(name: str, repaired: Callable[[bytes], bytes], place: int) -> None:
    content = (CORPUS / name).read_bytes()
    assert repaired(content) == content, "the checksum of a valid file stays"
    damaged = bytearray(content)
    damaged[place] ^= 1
    once = repaired(bytes(damaged))
    assert len(once) == len(content) and sum(map(int.__ne__, once, damaged)) > 1
    assert repaired(once) == once


@pytest.mark.parametrize("repaired", [with_sha256, with_png_checksums, with_ogg_checksums])
def test_files_that_end_anywhere_are_no_trouble(repaired: Callable[[bytes], bytes]) -> None:
    for path in (CORPUS / "bundle/version1.mlpvid", CORPUS / "screenshot/camera.png", CORPUS / "sound/clicks.opus"):
        content = path.read_bytes()
        assert all(len(repaired(content[:end])) == end for end in (*range(100), len(content) - 1))


def test_documents_stay_documents_most_of_the_time() -> None:
    random_ = random.Random(5)
    content = (CORPUS / "workspace/scene.json").read_bytes()
    parsed = 0
    for _ in range(300):
        try:
            json.loads(mutated_json(random_, content, [content], 1 << 20))
            parsed += 1
        except ValueError:
            pass
    assert 200 < parsed < 290


def test_odd_values_stay_as_they_are() -> None:
    """What is put into one of them must not be in the next document. A text may only begin like a document."""
    random_, before = random.Random(4), repr(ODD)
    for text in ("x", "{not a document"):
        for _ in range(3000):
            changed(random_, {"a": text, "b": 1})
    assert repr(ODD) == before


def test_headers_keep_their_length_most_of_the_time() -> None:
    random_ = random.Random(5)
    content = (CORPUS / "checkpoint/small.safetensors").read_bytes()
    right = 0
    for _ in range(300):
        damaged = mutated_safetensors(random_, content, [content], 1 << 20)
        right += damaged[8 + int.from_bytes(damaged[:8], "little") - 1 :][:1] in (b"}", b" ")
    assert right > 200


def test_overwritten_copies_have_the_same_length() -> None:
    random_ = random.Random(5)
    for length in (0, 1, 2, 100):
        assert {len(overwritten(random_, bytes(length))) for _ in range(100)} == {length}


def test_the_command_fuzzes_several_readers_in_turn() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "camera", "cache", "--executions", "50", "--seed", "3"]
    run_ = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line.split(",")[0] for line in run_.stdout.splitlines() if "finished" in line] == [
        "camera: finished",
        "cache: finished",
    ]
    assert run_.stdout.count("50 executions") == 2 and run_.stdout.count("seed 3") == 4
