"""The plan of a table: how a budget is divided, and how results are compared with the paper."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from common.errors import InputError
from experiments.measure import FrameTimes, Measured
from experiments.plan import Plan, Subject, describe, make_plan, parse_budget, spread_frames
from experiments.plan_file import keep_plan, read_plan
from experiments.results import RowResult, compare_with_paper
from experiments.section import _notes
from experiments.table import PaperFigures, Row, Table, read_table, table_names

SUBJECTS = [Subject("a", Path("a"), range(3)), Subject("b", Path("b"), range(3))]


@pytest.mark.parametrize(("text", "hours"), [("2h", 2), ("90m", 1.5), ("1.5", 1.5), (" 0.5 h ", 0.5), ("45 m", 0.75)])
def test_budgets(text: str, hours: float) -> None:
    assert parse_budget(text) == pytest.approx(hours)


@pytest.mark.parametrize("text", ["", "h", "2x", "-1h", "0", "nan", "1e9h", "2 h 3"])
def test_wrong_budgets_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a time; write for example 2h or 90m"):
        parse_budget(text)


@pytest.mark.parametrize("name", table_names())
def test_runs_share_the_budget_equally(name: str) -> None:
    hours = float(np.random.default_rng().uniform(1, 50))
    plan = make_plan(name, read_table(name), "small", SUBJECTS, hours, None)
    assert plan.minutes is not None and plan.steps is None
    assert plan.minutes * plan.runs == pytest.approx(0.8 * 60 * hours, abs=0.001 * plan.runs)
    assert plan.runs == 2 * len({job.run for job in plan.jobs})
    assert [job.row for job in plan.jobs[: len(plan.jobs) // 2]] == list(read_table(name).rows)


def test_rows_with_equal_settings_are_trained_once() -> None:
    plan = make_plan("ablations", read_table("ablations"), "small", SUBJECTS[:1], None, 7)
    runs = {job.row.name: job.run for job in plan.jobs}
    assert runs["nearest_heads"] == runs["embedding"] == runs["complete"] == "complete"
    assert runs["bilinear_heads"] == "bilinear_heads" and plan.runs == len(plan.jobs) - 2
    assert plan.minutes is None and plan.steps == 7
    assert "a/embedding: the model of complete" in describe(plan) and "11 runs of 7 steps" in describe(plan)


def test_a_plan_needs_a_length() -> None:
    with pytest.raises(InputError, match="--budget: is missing"):
        make_plan("table1", read_table("table1"), "small", SUBJECTS, None, None)


def test_results_of_another_plan_are_not_continued(tmp_path: Path) -> None:
    def plan(steps: int) -> Plan:
        return make_plan("table1", read_table("table1"), "small", SUBJECTS, None, steps)

    keep_plan(plan(5), tmp_path / "out")
    keep_plan(plan(5), tmp_path / "out")
    with pytest.raises(InputError, match="plan with other steps; repeat that command"):
        keep_plan(plan(6), tmp_path / "out")


@pytest.mark.parametrize("recipe", [None, "zju_mocap"])
def test_a_plan_is_read_as_it_was_written(tmp_path: Path, recipe: str | None) -> None:
    rng = np.random.default_rng()
    frames = range(int(rng.integers(0, 50)), int(rng.integers(60, 300)), int(rng.integers(1, 20)))
    subjects = [Subject("a", tmp_path / "a", frames), Subject("b", tmp_path / "b", range(4, 5))]
    hours, steps = (float(rng.uniform(0.1, 9)), None) if rng.integers(2) else (None, int(rng.integers(1, 1000)))
    options = (int(rng.integers(1 << 60)), recipe, hours is not None and bool(rng.integers(2)))
    written = make_plan("table4", read_table("table4"), "paper", subjects, hours, steps, *options)
    keep_plan(written, tmp_path / "out")
    read = read_plan(tmp_path / "out")
    assert read.to_dict() == written.to_dict() and read.runs == written.runs and read.length == written.length
    assert [subject.frames for subject in read.subjects.values()] == [frames, range(4, 5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table: table9", "table table9: is unknown"),
        ("minutes: null", "must have either minutes or steps"),
        ("rows: [complete]", "has other rows than table1 has now"),
        ("captures: {}", r"plan\.yaml\.captures"),
        ("captures: {../x: {folder: x, meta: {}, scored: [0]}}", r"plan\.yaml\.captures"),
    ],
)
def test_damaged_plans_are_named(tmp_path: Path, text: str, message: str) -> None:
    keep_plan(make_plan("table1", read_table("table1"), "small", SUBJECTS, 1.0, None), tmp_path)
    values = yaml.safe_load((tmp_path / "plan.yaml").read_text()) | yaml.safe_load(text)
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=message):
        read_plan(tmp_path)


def test_spread_frames_are_even_and_centered() -> None:
    assert list(spread_frames(60)) == [9, 29, 49]
    assert list(spread_frames(8)) == [1, 3, 5]
    assert list(spread_frames(2)) == [0, 1] and list(spread_frames(1)) == [0]
    count = int(np.random.default_rng().integers(3, 5000))
    frames = spread_frames(count)
    assert len(frames) == 3 and frames[0] >= 0 and abs(frames[0] - (count - 1 - frames[-1])) <= 1


def result(name: str, psnr: float, milliseconds: float, size: int, paper: PaperFigures) -> RowResult:
    times = FrameTimes("cpu", milliseconds / 2, milliseconds / 2)
    measured = Measured({"psnr": psnr, "lpips": None}, times, times, size, size, 8, 8, "3 steps in 0 minutes, seed 0")
    return RowResult(Row(name, name, paper=paper), {"a": measured})


def test_orders_are_compared_with_those_of_the_paper() -> None:
    base = result("complete", 30.0, 100.0, 1000, PaperFigures(lpips=0.058, milliseconds=24, megabytes=242))
    row = result("row", 29.5, 80.0, 1040, PaperFigures(lpips=0.069, milliseconds=22, megabytes=489))
    found = {one.what: (one.paper, one.here, one.agrees) for one in compare_with_paper(row, base)}
    # LPIPS is higher and PSNR 0.5 dB lower: both worse. 22 / 24 = 0.917: lower. 489 / 242 = 2.02: higher; 1.04: equal.
    expected = {"quality": ("worse", "worse", True), "time": ("lower", "lower", True), "bytes": ("higher", "equal", False)}
    assert found == expected
    differences = {one.what: (one.paper_difference, one.here_difference) for one in compare_with_paper(row, base)}
    assert differences == {
        "quality": ("+0.011 LPIPS", "-0.50 dB"),
        "time": ("0.92 x", "0.80 x"),
        "bytes": ("2.02 x", "1.04 x"),
    }


def test_a_row_that_renders_nothing_is_named() -> None:
    row = result("complete", 14.0, 100.0, 1000, PaperFigures())
    black = RowResult(row.row, {"a": dataclasses.replace(row.measured["a"], empty=True)})
    assert Measured.from_dict(json.loads(json.dumps(black.measured["a"].to_dict()))) == black.measured["a"]
    table = Table("A table", "A test", (row.row,))
    assert '- All scored renderings of "complete" are black: a.' in _notes(table, [black], None)
    assert _notes(table, [row], None) == []


def test_only_what_the_paper_prints_is_compared() -> None:
    base = result("complete", 30.0, 100.0, 1000, PaperFigures(psnr=32.25))
    better = compare_with_paper(result("a", 30.05, 100.0, 1000, PaperFigures(psnr=32.01)), base)
    assert [(one.what, one.paper, one.here) for one in better] == [("quality", "worse", "equal")]
    assert compare_with_paper(result("b", 31.0, 100.0, 1000, PaperFigures()), base) == []
