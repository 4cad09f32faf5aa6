"""Scenes of several videos in the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model.placement import Placement
from model.scene import PlacedVideo, Scene
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image
from viewer.app.app import ViewerApp


@pytest.mark.slow
def test_a_scene_is_shown_and_every_panel_draws(app: ViewerApp, drive: DriveWindow) -> None:
    video = make_video(num_frames=4)
    app.documents.add(Path("two.mlpvid-scene"), Scene((PlacedVideo(video), PlacedVideo(video, Placement((0.5, 0.0, 0.3))))))

    def look(context: Any) -> None:
        wait_for_image(context, app)
        for panel in app.window.panels:
            app.window.focus_panel(panel)
            context.yield_(3)
        screenshot(context, "scene")
        shown = open_document(app).shown
        assert shown is not None and shown.image is not None and shown.image.opacity.max() > 0.3
        assert not app.messages.errors

    drive(app, look)
