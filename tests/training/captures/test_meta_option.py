"""`--meta`: settings that replace those of the capture's meta.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InputError
from tests.training.scenes import ball_capture
from training.captures.meta import read_overrides
from training.captures.opening import open_capture
from training.evaluate import make_parser


def test_settings_of_the_file_replace_those_of_the_capture(tmp_path: Path) -> None:
    folder = ball_capture(tmp_path / "ball", frames=3, size=8, meta="pixel_center: 0.5\ntest_cameras: [1]\nname: ball\n")
    (tmp_path / "other.yaml").write_text("test_cameras: [2, 3]\nframe_start: 1\n")
    arguments = make_parser().parse_args(["x", "--capture", str(folder), "--meta", str(tmp_path / "other.yaml")])
    capture = open_capture(arguments.capture, arguments.layout, read_overrides(arguments.meta))
    assert capture.test_cameras == [2, 3] and capture.train_cameras == [0, 1, 4, 5] and capture.num_frames == 2
    assert capture.name == "ball" and read_overrides(None) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1]", "must be a mapping"), ("test_camera: [1]", "unknown setting test_camera; see docs/captures.md")],
)
def test_wrong_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "other.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_overrides(tmp_path / "other.yaml")
