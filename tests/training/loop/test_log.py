"""The log of a run: complete lines, also after a kill, and training continues without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.loop.log import RunLog


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_line_has_the_step_and_finite_values(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl", append=False)
    log.write(3, psnr=20.5, loss=float("nan"))
    log.write(7, psnr=21.0)
    assert lines(tmp_path / "log.jsonl") == [{"step": 3, "psnr": 20.5}, {"step": 7, "psnr": 21.0}]


def test_a_new_run_starts_a_new_log_and_a_resumed_one_continues_it(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    RunLog(path, append=False).write(1, psnr=1.0)
    RunLog(path, append=True).write(2, psnr=2.0)
    assert [line["step"] for line in lines(path)] == [1, 2]
    RunLog(path, append=False)
    assert path.read_bytes() == b""


def test_a_half_written_line_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1, "ps')
    RunLog(path, append=True).write(2, psnr=2.0)
    assert path.read_bytes() == b'{"step": 1, "ps\n{"step": 2, "psnr": 2.0}\n'


def test_lines_get_rarer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("training.loop.log.time.monotonic", lambda: now[0])
    log, written = RunLog(tmp_path / "log.jsonl", append=False), []
    for second in range(0, 100_000):
        now[0] = float(second)
        if log.due:
            log.write(second)
            written.append(second)
    assert written[:3] == [1, 2, 3] and 99 < written[-1] - written[-2] < 102
    assert len(written) < 6000


def test_a_log_that_cannot_be_written_is_reported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.jsonl").mkdir()
    log = RunLog(tmp_path / "log.jsonl", append=False)
    log.write(1, psnr=1.0)
    assert capsys.readouterr().err.count("cannot be written") == 1
