"""Fixtures of the tests that drive the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from renderer.select import create_renderer
from tests.factories import make_video
from tests.viewer.gl_traffic import Traffic
from viewer.app.app import ViewerApp


@pytest.fixture
def gl_app() -> Iterator[ViewerApp]:
    """Return the state of a window with a small random video and the OpenGL backend."""
    state = ViewerApp(create_renderer("opengl", background=True))
    state.settings.rendering.smooth_at_rest = False
    state.settings.playback.autoplay = False
    state.settings.rendering.render_scale = 0.1
    state.documents.add(Path("random.mlpvid"), make_video(num_frames=4))
    yield state
    state.close()


@pytest.fixture
def compute_shaders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Color samples with compute shaders, as graphics cards do. They are slow in software."""
    monkeypatch.setattr("renderer.opengl.color_pass.is_software", lambda _: False)


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """Count pixels that are copied; every draw is checked for errors."""
    return Traffic(monkeypatch)
