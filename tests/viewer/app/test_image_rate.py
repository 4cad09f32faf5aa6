"""What dynamic resolution aims at: the target while the camera moves, the video's rate while it plays alone."""

from __future__ import annotations

import pytest

from tests.viewer.conftest import open_document
from viewer.app.app import ViewerApp
from viewer.playback.resolution import IN_TIME


def aimed(app: ViewerApp) -> float:
    """Return the images per second that dynamic resolution aims at after an update."""
    app.update(0.0)
    return app.rendering.resolution.target_fps


def test_a_video_that_plays_alone_has_its_own_rate(app: ViewerApp) -> None:
    app.settings.rendering.target_fps = 20.0
    clock = open_document(app).playback
    clock.reset(12, 22.0)
    assert aimed(app) == 20.0
    clock.play()
    assert aimed(app) == pytest.approx(IN_TIME * 22.0)
    clock.speed = 0.5
    assert aimed(app) == pytest.approx(IN_TIME * 11.0)
    clock.speed = 4.0
    assert aimed(app) == pytest.approx(IN_TIME * 25.0)
    app.redraw.record_motion()
    assert aimed(app) == 20.0, "the camera moves as well"
