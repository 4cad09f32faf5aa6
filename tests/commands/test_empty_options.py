"""Options with an empty text, as scripts give for variables without a value, are not taken for their defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_runs import assert_fails, run_main
from viewer import cli


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("--record", "a.mp4", "--path", ""), "--path"),
        (("--export-path", "a.json", "--path", ""), "--path"),
        (("--record", "a.mp4", "--rig", ""), "--rig"),
        (("--serve", "--host", ""), "--host"),
    ],
)
def test_empty_texts_are_refused(arguments: tuple[str, ...], name: str, tmp_path: Path) -> None:
    assert_fails(run_main(cli.main, "a.mlpvid", *arguments, folder=tmp_path), f"{name} is empty")
    assert not list(tmp_path.iterdir())
