"""What a window starts with: the settings, and what the command line says for this once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.bundle import write_bundle
from renderer.select import create_renderer
from run_viewer import check_options, make_parser
from tests.factories import make_video
from viewer.app import ViewerApp
from viewer.app_start import open_window
from viewer.settings import Settings, load_settings, save_settings, settings_path

Start = Callable[..., dict[str, Any]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Run the command up to its window, which closes at once; gives what was to be seen in it."""
    monkeypatch.setattr("viewer.settings.platformdirs.user_config_dir", lambda *_, **__: str(tmp_path / "config"))
    write_bundle(make_video(num_frames=6), tmp_path / "a.mlpvid")
    seen: list[dict[str, Any]] = []

    class BriefWindow:
        """Stands in for the window."""

        def __init__(self, app: ViewerApp, size: tuple[int, int]) -> None:
            self.app, self.size = app, size

        def run(self) -> None:
            """Note the state."""
            assert self.app.document is not None
            clock, backend = self.app.document.playback, self.app.renderer.name
            seen.append({"playing": clock.playing, "time": clock.time, "size": self.size, "backend": backend})

    monkeypatch.setattr("viewer.window.Window", BriefWindow)

    def run(*arguments: str) -> dict[str, Any]:
        parser = make_parser()
        options = parser.parse_args([str(tmp_path / "a.mlpvid"), *arguments])
        check_options(parser, options)
        assert open_window(options) == 0
        return seen.pop()

    return run


def test_plays_at_once_unless_a_setting_says_otherwise(start: Start) -> None:
    assert start("--backend", "cpu") == {"playing": True, "time": 0.0, "size": (1280, 800), "backend": "cpu"}
    settings = load_settings()[0]
    settings.playback.autoplay = False
    save_settings(settings)
    assert start()["playing"] is False


def test_a_frame_is_shown_still_for_this_once(start: Start) -> None:
    state = start("--frame", "2.5")
    assert (state["playing"], state["time"]) == (False, 2.5)
    assert load_settings()[0].playback == Settings().playback
    assert start()["playing"] is True


def test_options_are_not_kept(start: Start) -> None:
    state = start("--backend", "reference", "--threads", "1", "--size", "640x480")
    assert (state["backend"], state["size"]) == ("reference", (640, 480))
    assert settings_path().is_file() and load_settings()[0].rendering == Settings().rendering
    assert start()["backend"] != "reference"


@pytest.mark.parametrize(
    ("view", "cameras", "snapped"), [("whole scene", 3, None), ("capture camera", 3, 0), ("capture camera", 0, None)]
)
def test_initial_view(view: str, cameras: int, snapped: int | None) -> None:
    app = ViewerApp(create_renderer(background=True))
    app.settings.navigation.initial_view = view
    video = make_video(num_frames=2)
    video.metadata.cameras = video.metadata.cameras[:cameras]
    app.view_size = (320, 240)
    document = app.add(Path("a.mlpvid"), video)
    app.update(0.0)
    assert document.fitted and document.capture_camera == snapped and not document.camera.history.can_undo
    if snapped is not None:
        np.testing.assert_allclose(document.camera.to_camera(64, 48).R, video.metadata.cameras[0].R)
    app.close()
