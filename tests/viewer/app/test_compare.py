"""The second side of the split view follows tabs and changed files."""

from __future__ import annotations

from pathlib import Path

from renderer.select import create_renderer
from tests.factories import make_video
from tests.viewer.conftest import open_document
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison


def test_another_backend_shows_the_front_tab(app: ViewerApp) -> None:
    first = open_document(app)
    app.compare.set_source("cpu backend", create_renderer(background=True), app.documents.front_video, 1 << 26)
    app.compare.mode = Comparison.DIVIDER
    second = app.documents.add(Path("second.mlpvid"), make_video(seed=2, num_frames=2))
    app.update(0.01)
    assert app.compare.view_renderer is not None and app.compare.view_renderer.video is second.video
    app.documents.close(1)
    app.update(0.01)
    assert app.compare.view_renderer is not None and app.compare.view_renderer.video is first.video


def test_another_tab_is_followed_when_it_is_read_again_and_left_when_it_closes(app: ViewerApp) -> None:
    other = app.documents.add(Path("other.mlpvid"), make_video(seed=2, num_frames=2))
    app.documents.show(0)
    app.compare.set_source("other", app.rendering.renderer, lambda: app.documents.video_of(other), 1 << 26)
    app.compare.mode = Comparison.DIFFERENCE
    fresh = make_video(seed=3, num_frames=3)
    other.replace_video(fresh)
    app.update(0.01)
    assert app.compare.view_renderer is not None and app.compare.view_renderer.video is fresh
    app.documents.close(1)
    assert app.compare.view_renderer is None and app.compare.label == ""
    app.update(0.01)


def test_closing_the_last_tab_ends_the_comparison(app: ViewerApp) -> None:
    app.compare.set_source("cpu backend", app.rendering.renderer, app.documents.front_video, 1 << 26)
    app.documents.close(0)
    assert app.compare.view_renderer is None and app.document is None
