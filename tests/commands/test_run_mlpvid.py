"""The command `mlpvid`: its subcommands are those of the viewer and of training."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from run_mlpvid import COMMANDS, main, viewer_arguments
from training import __main__ as training_commands
from viewer import DEMO


@pytest.mark.parametrize(
    ("command", "rest", "expected"),
    [
        ("view", [], []),
        ("view", ["a.mlpvid", "--frame", "2"], ["a.mlpvid", "--frame", "2"]),
        ("info", ["a.mlpvid", "--json"], ["--info", "a.mlpvid", "--json"]),
        ("info", ["--json"], ["--info", "--json"]),
        ("verify", ["a.mlpvid"], ["--verify", "a.mlpvid"]),
        ("serve", ["--port", "8123"], ["--serve", "--port", "8123"]),
        ("benchmark", ["--frames", "12", "--size", "9x9"], ["--benchmark", "--frames", "12", "--size", "9x9"]),
        ("render", ["a.mlpvid", "out.png", "--frame", "2"], ["a.mlpvid", "--render", "out.png", "--frame", "2"]),
        ("render", ["out.png", "--frame", "2"], ["--render", "out.png", "--frame", "2"]),
        ("record", ["a.mlpvid", "out.mp4"], ["a.mlpvid", "--record", "out.mp4"]),
        ("mesh", ["a.mlpvid", "s.glb", "--points", "9"], ["a.mlpvid", "--mesh", "s.glb", "--points", "9"]),
        ("export-path", ["a.mlpvid", "p.glb"], ["a.mlpvid", "--export-path", "p.glb"]),
        ("render", ["--frame", "2", "out.png"], ["--frame", "2", "--render", "out.png"]),
        ("render", ["--frame", "-2", "a", "out.png"], ["--frame", "-2", "a", "--render", "out.png"]),
        ("render", ["--transparent", "a", "--frame=2", "out.png"], ["--transparent", "a", "--frame=2", "--render", "out.png"]),
        ("record", ["a", "--size", "9x9", "out", "--fps", "5"], ["a", "--size", "9x9", "--record", "out", "--fps", "5"]),
    ],
)
def test_arguments_of_the_viewer(command: str, rest: list[str], expected: list[str]) -> None:
    assert viewer_arguments(COMMANDS[command], rest) == expected


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.values])
def test_usage_names_bundle_and_output(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0 and f"usage: mlpvid {name} [BUNDLE] OUT [options]\n" in text
    assert "commands without a window" not in text and f"{COMMANDS[name].option} OUT" not in text
    with pytest.raises(SystemExit) as ended:
        main([name, "--frame", "2"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: OUT is missing (see mlpvid {name} --help)\n"


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(DEMO), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["num_frames"] == 60


def test_help_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "MLPVid 0.1.0\n"


def test_a_file_alone_is_viewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "missing.mlpvid")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'missing.mlpvid'}: no such file\n"


def test_without_the_packages_of_training(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    for name in [name for name in sys.modules if name.partition(".")[0] == "training"]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["train", "--help"]) == 2
    assert capsys.readouterr().err == 'error: train: needs the package cv2; `pip install "mlpvid[train]"` installs it\n'


def test_all_training_commands_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    named = {command.module: name for name, command in COMMANDS.items()}
    for command in training_commands.COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([named[f"training.{command}"], "--help"])
        assert ended.value.code == 0 and f"mlpvid {named[f'training.{command}']} " in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_usage_names_the_command_that_was_called(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: mlpvid {name} [")
    with pytest.raises(SystemExit):
        main([name, "--absent"])
    assert f"(see mlpvid {name} --help)" in capsys.readouterr().err
