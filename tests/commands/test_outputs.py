"""A file that cannot be written is refused before the work begins: here before the missing inputs are noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_runs import assert_fails, run_main
from training import evaluate, export, import_release, inspect


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (evaluate.main, ("gone.mlpvid", "--capture", "gone", "--html")),
        (inspect.main, ("gone", "--html")),
        (export.main, ("gone",)),
        (import_release.main, ("gone.pth", "--annots", "gone.npy", "--vertices", "gone", "--out")),
        (export.main, ("gone", "--target-size", "3MB")),
    ],
)
def test_outputs_are_checked_first(main: Callable[[list[str]], int], arguments: tuple[str, ...], tmp_path: Path) -> None:
    *options, last = arguments
    assert_fails(run_main(main, *options, last, "none/a", folder=tmp_path), "none/a", "folder that does not exist")
    assert_fails(run_main(main, *options, last, tmp_path, folder=tmp_path), str(tmp_path), "is a folder")


@pytest.mark.parametrize("size", ["9" * 400 + "MB", "99999PB", "0.1B"])
def test_absurd_sizes_are_one_line(size: str) -> None:
    run = run_main(export.main, "gone", "a.mlpvid", "--target-size", size)
    assert_fails(run, "is not a size")
    assert len(run.stderr) < 320
