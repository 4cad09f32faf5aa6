"""Fixtures of the tests that drive the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model.config import RenderConfig
from renderer.select import create_renderer
from tests.factories import make_video
from tests.viewer.gl_traffic import Traffic
from viewer.app.app import ViewerApp


@pytest.fixture
def gl_app() -> Iterator[ViewerApp]:
    """Return the state of a window with the OpenGL backend and a small random video of few samples: a processor draws it."""
    state = ViewerApp(create_renderer("opengl", background=True))
    state.settings.rendering.smooth_at_rest = False
    state.settings.playback.autoplay = False
    state.settings.rendering.render_scale = 0.1
    video = make_video(num_frames=4, color_map_resolution=4, render=RenderConfig(steps_per_diagonal=32))
    state.documents.add(Path("random.mlpvid"), video)
    yield state
    state.close()


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """Count pixels that are copied; every draw is checked for errors."""
    return Traffic(monkeypatch)
