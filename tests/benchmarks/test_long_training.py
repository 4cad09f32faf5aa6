"""The benchmark of training a long capture in segments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import long_training
from benchmarks.process import ProcessUse, run_process
from common.errors import InputError


@pytest.mark.slow
def test_a_capture_of_a_dozen_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "long"
    options = ["--frames=12", "--cameras=4", "--side=24", "--segment-frames=7", "--overlap=2", "--steps=6", "--seconds=1"]
    done: dict[str, ProcessUse] = {}

    def run_once(arguments: Sequence[str], name: str, show: bool) -> ProcessUse:
        done[name] = done.get(name) or run_process(arguments, name, show)
        return done[name]

    monkeypatch.setattr(long_training, "run_process", run_once)

    assert long_training.main([str(out), *options, "--threads=1", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result["steps"]) == ["capture", "training", "recording", "evaluation", "playing"]
    for use in result["steps"].values():
        assert use["processor_seconds"] > 0.1 and 3e7 < use["peak_bytes"] < 4e9
    assert result["playback"]["frames"] == 12 and result["playback"]["segments"] == 2
    assert 0 < result["playback"]["median_seek_ms"] <= result["playback"]["longest_seek_ms"]
    assert result["scores"]["seam_flicker"]["at_seams"] > 0
    assert (out / "seams-still.mp4").stat().st_size > 1000
    assert long_training.main([str(out), *options, "--threads=1"]) == 0, "capture and runs are there already"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("recording: ") and any(line.startswith("longest_seek_ms: ") for line in lines)


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(InputError, match="the sum: failed: ZeroDivisionError"):
        run_process(["-c", "1 / 0"], "the sum")
    use = run_process(["-c", "print(sum(range(10**6)))"], "the sum")
    assert use.output == "499999500000\n" and use.peak_bytes > 5e6
    assert use.processor_seconds > 0 and use.seconds > 0


def test_memory_and_time_grow_with_the_work() -> None:
    def use(code: str) -> tuple[float, float]:
        # In between is a small process: a process is never said to have less memory than the one that started it.
        measure = f"use = run_process(['-c', {code!r}], 'work'); print(use.processor_seconds, use.peak_bytes)"
        outer = run_process(["-c", f"from benchmarks.process import run_process; {measure}"], "work")
        seconds, peak_bytes = map(float, outer.output.split())
        return seconds, peak_bytes

    idle, busy = use("pass"), use("x = bytearray(5 * 10**8)\nfor i in range(10**7): pass")
    assert busy[0] > idle[0] + 0.05 and busy[1] > max(5e8, idle[1])


def test_options_of_the_capture() -> None:
    def options(*arguments: str) -> Sequence[str]:
        parsed = long_training.make_parser().parse_args(["out", *arguments])
        return long_training._capture_options(parsed)

    assert "--speed=10" in options() and "--speed=1" in options("--frames=12")
