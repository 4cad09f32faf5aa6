"""A small bundle and a camera for the tests of commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.bundle.info import write_bundle
from tests.commands.view import FRAMES
from tests.factories import make_camera, make_video


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle on disk."""
    path = tmp_path_factory.mktemp("bundle") / "small.mlpvid"
    write_bundle(make_video(seed=3, num_frames=FRAMES), path)
    return path


@pytest.fixture(scope="session")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera on disk."""
    path = tmp_path_factory.mktemp("camera") / "camera.json"
    path.write_text(json.dumps(make_camera(48, 40).to_dict()))
    return path
