"""Videos of other methods in the window and in the commands: the reference renders them, whatever backend is chosen."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlpvid
from common.errors import InputError
from model.bundle.write import write_bundle
from model.methods.config import METHODS
from model.scene import PlacedVideo, Scene
from tests.model.methods.small import small_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.cli import main
from viewer.picture.comparison import Comparison
from viewer.view.comparison import sides, times_text


@pytest.mark.slow
def test_each_is_shown_and_every_panel_draws(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.settings.rendering.render_scale = 0.1
        for kind in METHODS:
            app.documents.add(Path(f"{kind}.mlpvid"), small_video(kind))
            wait_for_image(context, app)
            for move in (lambda: open_document(app).camera.orbit(0.3, 0.1), lambda: open_document(app).playback.seek(2)):
                before = open_document(app).shown
                move()
                context.yield_(2)
                wait_for_image(context, app)
                assert open_document(app).shown is not before
            assert app.statistics.rows(app.document, app.rendering.renderer)[-1].value == "reference"
        for panel in app.window.panels:
            app.window.focus_panel(panel)
            context.yield_(3)
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_two_are_compared(app: ViewerApp, drive: DriveWindow) -> None:
    own = open_document(app)
    other = app.documents.add(Path("nerf.mlpvid"), small_video("d_nerf"))

    def compare(context: Any, document: Document) -> tuple[str, str]:
        video = partial(app.documents.video_of, document)
        app.compare.set_source(document.title, app.rendering.renderer, video, app.rendering.cache_bytes)
        app.compare.mode = Comparison.DIVIDER
        wait_until(context, lambda: app.compare.psnr is not None)
        assert re.fullmatch(r"\d+\.\d and \d+\.\d ms", times_text(app.compare, open_document(app).shown))
        return sides(app)

    def look(context: Any) -> None:
        app.settings.rendering.render_scale = 0.1
        app.window.focus_panel("Compare")
        front = f"{open_document(app).title} (reference)"
        assert compare(context, own) == (front, f"{own.title} (cpu)")
        screenshot(context, "methods")
        app.documents.close(app.documents.all.index(own))
        third = app.documents.add(Path("volumes.mlpvid"), small_video("neural_volumes"))
        assert compare(context, other) == (f"{third.title} (reference)", f"{other.title} (reference)")
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
