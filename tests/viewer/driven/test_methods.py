"""Videos of other methods in the window and in the commands: the reference renders them, whatever backend is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlpvid
from common.errors import InputError
from model.bundle.write import write_bundle
from model.scene import PlacedVideo, Scene
from tests.model.methods.small import small_video
from tests.viewer.conftest import DriveWindow, open_document, wait_for_image
from viewer.app.app import ViewerApp
from viewer.app.window_state import PANELS
from viewer.cli import main


@pytest.mark.slow
def test_it_is_shown_and_every_panel_draws(app: ViewerApp, drive: DriveWindow) -> None:
    app.documents.add(Path("nerf.mlpvid"), small_video("d_nerf"))

    def look(context: Any) -> None:
        wait_for_image(context, app)
        for panel in PANELS:
            app.window.focus_panel(panel)
            context.yield_(3)
        assert open_document(app).shown is not None
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.parametrize("backend", ["auto", "cpu"])
def test_commands_render_it(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    video = small_video("neural_volumes")
    write_bundle(video, Path("v.mlpvid"))
    assert main(["v.mlpvid", "--render", "a.png", "--size", "16x16", "--backend", backend]) == 0
    with mlpvid.open("v.mlpvid", backend=backend) as opened:
        assert opened.backend == "reference"
        expected = np.round(opened.render(size=(16, 16)).rgba[..., :3] * 255)
    np.testing.assert_allclose(np.asarray(Image.open("a.png"))[..., :3], expected, atol=1)


def test_it_cannot_be_a_part_of_a_scene() -> None:
    with pytest.raises(InputError, match="has a video of another method"):
        Scene((PlacedVideo(small_video("d_nerf")),))
