"""A checkpoint in the viewer has the occupancy of an exported bundle, without the code of training."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.scenes import ball_capture
from tests.training.test_train import CONFIG
from training.loop.assemble import assemble_run
from training.train import main as train
from viewer.app.files import read_video
from viewer.playback.run_video import RunVideo


@pytest.mark.slow
def test_a_checkpoint_has_the_occupancy_of_the_exported_bundle(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(CONFIG)
    capture, run = ball_capture(tmp_path / "ball", frames=2, size=32), tmp_path / "run"
    command = ["--capture", str(capture), "--config", str(tmp_path / "short.yaml"), "--out", str(run), "--no-check"]
    assert train([*command, "--steps", "20"]) == 0
    exported, shown = assemble_run(run), read_video(run)
    assert isinstance(shown, RunVideo) and shown.run.step == 20
    for frame in (0.0, 1.0):
        ours, theirs = shown.box_and_occupancy(frame), exported.box_and_occupancy(frame)
        assert np.array_equal(ours[0], theirs[0]) and theirs[1].any()
        assert (ours[1] != theirs[1]).mean() < 0.002  # the native field rounds differently
    between = shown.box_and_occupancy(0.5)[1]
    assert between.any() and between.shape == theirs[1].shape


def test_reading_a_run_imports_no_code_of_training() -> None:
    code = "import sys, viewer.app.files; sys.exit(any(name.split('.')[0] == 'training' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
