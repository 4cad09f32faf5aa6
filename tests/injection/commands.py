"""The commands whose faults are injected, on tiny inputs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from model.bundle.info import write_bundle
from tests.command_runs import CommandRun, run_main
from tests.factories import make_video
from tests.injection.training import continue_training, prepare_training, wrong_run
from tests.training.loop.test_checkpoint import make_config, prepared, train
from tests.training.released.released import Sizes, fake_state
from tests.training.released.test_import_release import write_capture
from tests.training.scenes import ball_capture
from training import export, import_release
from viewer import cli


@dataclass(frozen=True)
class Command:
    """A command that writes one file or folder, `out` and its suffix, in the folder "written"."""

    prepare: Callable[[Path], object]
    """Writes the inputs into a folder."""
    run: Callable[[Path, Path], CommandRun]
    """Runs it, with the folder of the inputs and the output."""
    suffix: str
    """Suffix of the output."""
    begin: Callable[[Path, Path], object] = lambda _, out: out.write_bytes(b"old")
    """Writes the old output, with the folder of the inputs and the output."""
    wrong: Callable[[Path, Path, CommandRun], str] = lambda _, out, run: wrong_file(out, run)
    """Returns what is wrong with the output after a fault, with the same two and the ended run; empty if nothing is."""


def wrong_file(out: Path, run: CommandRun) -> str:
    """Return what is wrong with a file that must be old or new, and with its folder."""
    left = sorted(path.name for path in out.parent.iterdir() if ".partial" not in path.name)
    if left != [out.name]:
        return f"it left {left}"
    return "" if (out.read_bytes() == b"old") == bool(run.returncode) else f"status {run.returncode} does not fit the output"


def _bundle(folder: Path) -> None:
    write_bundle(make_video(num_frames=2), folder / "a.mlpvid")


def _run_folder(folder: Path) -> None:
    capture, run = ball_capture(folder / "capture", frames=2), folder / "run"
    run.mkdir()
    train(capture, make_config(), 1).save(run)
    prepared(capture, run, resume=False)


def _released(folder: Path) -> None:
    write_capture(folder, 2)
    sizes = Sizes(frames=2, latent=2, backbone=(1, 1), trunk=(1,), levels=2, base=2, log2_table=4, cells=(2, 2, 2))
    torch.save({"net": fake_state(sizes)}, folder / "final.pth")


def _viewer(*options: str) -> Callable[[Path, Path], CommandRun]:
    size = ("--size", "16x16", "--backend", "cpu", "--threads", "1")
    return lambda inputs, out: run_main(cli.main, inputs / "a.mlpvid", options[0], out, *options[1:], *size)


COMMANDS: dict[str, Command] = {
    "render": Command(_bundle, _viewer("--render"), ".png"),
    "record": Command(_bundle, _viewer("--record", "--frames", "0:2"), ".mp4"),
    "export": Command(_run_folder, lambda inputs, out: run_main(export.main, inputs / "run", out), ".mlpvid"),
    "import": Command(
        _released,
        lambda inputs, out: run_main(
            import_release.main,
            *(inputs / "final.pth", "--annots", inputs / "annots.npy", "--vertices", inputs / "vertices", "--out", out),
        ),
        ".mlpvid",
    ),
    "train": Command(
        prepare_training,
        continue_training,
        "",
        lambda inputs, out: shutil.copytree(inputs / "run", out),
        wrong_run,
    ),
}
"""The commands by name."""
