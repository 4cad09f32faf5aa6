"""The window with the OpenGL backend: two contexts in two threads, and the picture is the cpu backend's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from renderer.select import create_renderer
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.playback.render_worker import scaled_camera

pytestmark = pytest.mark.slow


def test_playing_and_orbiting_with_opengl(drive: DriveWindow) -> None:
    app = ViewerApp(create_renderer("opengl", background=True))
    app.settings.playback.autoplay = False
    app.settings.rendering.render_scale = 0.1
    app.documents.add(Path("random.mlpvid"), make_video(num_frames=4))

    def look(context: Any) -> None:
        wait_for_image(context, app)
        document = open_document(app)
        document.playback.play()
        wait_until(context, lambda: document.playback.time >= 1)
        document.playback.pause()
        document.playback.seek(2)
        document.camera.orbit(0.3, 0.1)
        wait_for_image(context, app)
        screenshot(context, "opengl")
        assert document.shown is not None and document.shown.image is not None
        request, image, native = document.shown.request, document.shown.image, create_renderer("cpu")
        camera = scaled_camera(request.camera, request.final_scale)
        expected = native.render(native.prepare(document.video, 2.0), camera, request.settings)
        assert np.abs(image.rgba - expected.rgba).max() <= 3 / 255

    drive(app, look)
    app.close()
