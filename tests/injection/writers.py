"""The writers that are killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from common.array_file import load_arrays
from model.bundle.info import bundle_info, write_bundle
from model.run.files import CHECKPOINT
from model.video import VolumetricVideo
from tests.command_runs import run_main
from tests.factories import make_camera, make_video
from tests.injection.commands import COMMANDS
from tests.training.loop.test_checkpoint import make_config, train
from tests.training.scenes import ball_capture
from tests.viewer.fakes import FakeRenderer
from training import export
from training.loop.checkpoint import read_header
from viewer.app.workspace import Playhead, SavedDocument, Workspace, read_workspace, save_workspace
from viewer.camera_path.path import Keyframe
from viewer.export.image_files import read_png_camera, save_png
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import record
from viewer.settings import DisplaySettings, Settings, WindowSettings
from viewer.settings_file import read_settings, save_settings

FRAMES = 8
"""Frames of the recording."""


@dataclass(frozen=True)
class Writer:
    """Something that writes one file."""

    prepare: Callable[[Path], Any]
    """Writes inputs into a folder, and returns what `write` needs."""
    write: Callable[[Any, Path], object]
    """Writes the file."""
    check: Callable[[Path], object]
    """Reads the file completely, and raises an exception if it is not whole."""
    name: str
    """Name of the file, relative to its folder."""


def _bundle(folder: Path) -> Path:
    write_bundle(make_video(num_frames=FRAMES), folder / "a.mlpvid")
    return folder / "a.mlpvid"


def _succeed(main: Any, *arguments: object) -> None:
    run = run_main(main, *arguments)
    if run.returncode:
        raise RuntimeError(run.stderr)


def _record(video: VolumetricVideo, out: Path) -> None:
    """Record with a renderer that has no threads: a copy of the process would lack them."""
    record(FakeRenderer(), video, out, "orbit", RecordOptions(size=(64, 64)))


def _check_video(path: Path) -> None:
    with av.open(str(path)) as video:
        frames = sum(1 for _ in video.decode(video=0))
    if frames != FRAMES:
        raise ValueError(f"{frames} of {FRAMES} frames")


def _run(folder: Path) -> Path:
    COMMANDS["export"].prepare(folder)
    return folder / "run"


def _trainer(folder: Path) -> Any:
    return train(ball_capture(folder / "capture", frames=2), make_config(), 1, native=False)


def _check_checkpoint(path: Path) -> None:
    read_header(path.parent)
    load_arrays(path)


def _workspace(_: Path) -> Workspace:
    camera = make_camera(64, 48)
    keys = tuple(Keyframe(float(k), float(k), camera) for k in range(50))
    return Workspace((SavedDocument(Path("a.mlpvid"), Playhead(), camera, keys, 0.5),), 0, DisplaySettings(), WindowSettings())


def _picture(_: Path) -> Any:
    return np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)


def _check_picture(path: Path) -> None:
    read_png_camera(path)
    with Image.open(path) as image:
        image.load()


WRITERS: dict[str, Writer] = {
    "recording": Writer(lambda _: make_video(num_frames=FRAMES), _record, _check_video, "out.mp4"),
    "export": Writer(_run, lambda run, out: _succeed(export.main, run, out), bundle_info, "out.mlpvid"),
    "checkpoint": Writer(_trainer, lambda trainer, out: trainer.save(out.parent), _check_checkpoint, CHECKPOINT),
    "settings": Writer(lambda _: Settings(), save_settings, read_settings, "settings.yaml"),
    "workspace": Writer(_workspace, save_workspace, read_workspace, "work.json"),
    "screenshot": Writer(_picture, lambda pixels, out: save_png(out, pixels, make_camera(8, 8)), _check_picture, "out.png"),
}
"""The writers by name."""
