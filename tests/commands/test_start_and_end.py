"""How the window starts from settings and command line, what it saves, and which errors are printed after it closes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from model.bundle.info import write_bundle
from renderer.select import create_renderer
from tests.factories import make_video
from tests.viewer.conftest import open_document
from viewer.app.app import ViewerApp
from viewer.cli import check_options, make_parser
from viewer.commands import start as app_start
from viewer.dialogs.settings import reset_everything
from viewer.folders import settings_path
from viewer.settings import RenderingSettings, Settings
from viewer.settings_file import load_settings, save_settings
from viewer.work.job import Job

InWindow = Callable[[ViewerApp], None]
Start = Callable[..., int]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Run the command with a fake window that only calls a function of the test."""
    monkeypatch.setattr("viewer.folders.platformdirs.user_config_dir", lambda *_, **__: str(tmp_path / "config"))
    monkeypatch.setattr("renderer.select._cuda", without_cuda)
    monkeypatch.setattr("renderer.select._cuda_if_usable", lambda: None)
    monkeypatch.setattr(app_start, "why_no_window", lambda: "")
    write_bundle(make_video(num_frames=6), tmp_path / "a.mlpvid")

    def run(do: InWindow, *arguments: str) -> int:
        class BriefWindow:
            """Replaces the window."""

            def __init__(self, app: ViewerApp, size: tuple[int, int]) -> None:
                self.app, app.recording.window_pixels = app, size

            def run(self) -> None:
                """Call the test's function."""
                do(self.app)

        monkeypatch.setattr("viewer.window.window.Window", BriefWindow)
        parser = make_parser()
        options = parser.parse_args([str(tmp_path / "a.mlpvid"), *arguments])
        check_options(parser, options)
        return app_start.start(options)

    return run


def without_cuda() -> None:
    """Fail as on a machine without a GPU."""
    raise InputError("backend cuda", "finds no GPU")


def nothing(app: ViewerApp) -> None:
    """Close the window at once."""


def keep(**rendering: object) -> None:
    """Write a settings file."""
    save_settings(Settings(rendering=RenderingSettings(**rendering)))  # type: ignore[arg-type]


def test_plays_at_once_unless_a_setting_says_otherwise(start: Start) -> None:
    def look(app: ViewerApp) -> None:
        clock = open_document(app).playback
        seen.append((clock.playing, clock.time, app.recording.window_pixels, app.rendering.renderer.name))

    seen: list[tuple[bool, float, tuple[int, int], str]] = []
    assert start(look, "--backend", "cpu") == 0
    assert seen.pop() == (True, 0.0, (1280, 800), "cpu")
    settings = load_settings()[0]
    settings.playback.autoplay = False
    save_settings(settings)
    assert start(look) == 0 and seen.pop()[0] is False


def test_frame_option_pauses_for_this_run_only(start: Start) -> None:
    def look(app: ViewerApp) -> None:
        clock = open_document(app).playback
        seen.append((clock.playing, clock.time))

    seen: list[tuple[bool, float]] = []
    assert start(look, "--frame", "2.5") == 0
    assert seen.pop() == (False, 2.5)
    assert load_settings()[0].playback == Settings().playback
    assert start(look) == 0 and seen.pop()[0] is True


def test_options_are_not_kept(start: Start) -> None:
    def look(app: ViewerApp) -> None:
        seen.append((app.rendering.renderer.name, app.recording.window_pixels))

    seen: list[tuple[str, tuple[int, int]]] = []
    assert start(look, "--backend", "reference", "--threads", "1", "--size", "640x480") == 0
    assert seen.pop() == ("reference", (640, 480))
    assert settings_path().is_file() and load_settings()[0].rendering == Settings().rendering
    assert start(look) == 0 and seen.pop()[0] != "reference"


def test_options_hold_for_the_run_only(start: Start) -> None:
    keep(backend="cpu", threads=2)

    def look(app: ViewerApp) -> None:
        assert (app.rendering.renderer.name, app.rendering.renderer.threads) == ("reference", 1)
        app.save_settings()
        assert (load_settings()[0].rendering.backend, load_settings()[0].rendering.threads) == ("cpu", 2)

    assert start(look, "--backend", "reference", "--threads", "1", "--frame", "1") == 0
    kept = load_settings()[0]
    assert (kept.rendering.backend, kept.rendering.threads, kept.playback.autoplay) == ("cpu", 2, True)


def test_what_is_chosen_in_the_window_is_kept(start: Start) -> None:
    assert start(lambda app: app.set_backend("reference", 1), "--backend", "cpu", "--threads", "1") == 0
    kept = load_settings()[0].rendering
    assert kept.backend == "reference", "chosen in the window"
    assert kept.threads is None, "only the command line said so"


def test_a_backend_of_another_machine_is_replaced(start: Start) -> None:
    keep(backend="cuda")

    def look(app: ViewerApp) -> None:
        assert app.rendering.renderer.name == "cpu" and app.rendering.backend == "auto"
        assert "cuda" in str(app.messages.errors[0]) and "finds no GPU" in str(app.messages.errors[0])

    assert start(look) == 0
    assert load_settings()[0].rendering.backend == "cuda", "the other machine has it still"
    with pytest.raises(InputError, match="no GPU"):
        start(nothing, "--backend", "cuda")


def test_bad_settings_are_shown_in_the_window(start: Start) -> None:
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text("window: {width: -1}")

    def look(app: ViewerApp) -> None:
        assert "settings.bad.yaml" in str(app.messages.errors[0]) and "width" in str(app.messages.errors[0])

    assert start(look) == 0
    assert settings_path().with_name("settings.bad.yaml").is_file()


@pytest.mark.parametrize(
    ("view", "cameras", "snapped"), [("whole scene", 3, None), ("capture camera", 3, 0), ("capture camera", 0, None)]
)
def test_initial_view(view: str, cameras: int, snapped: int | None) -> None:
    app = ViewerApp(create_renderer(background=True))
    app.settings.navigation.initial_view = view
    video = make_video(num_frames=2)
    video.metadata.cameras = video.metadata.cameras[:cameras]
    app.viewport.size = (320, 240)
    document = app.documents.add(Path("a.mlpvid"), video)
    app.update(0.0)
    assert document.fitted and document.capture_camera == snapped and not document.camera.history.can_undo
    if snapped is not None:
        np.testing.assert_allclose(document.camera.to_camera(64, 48).R, video.metadata.cameras[0].R)
    app.close()


def test_faults_while_closing_are_printed(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    def look(app: ViewerApp) -> None:
        app.messages.show_exception(InputError("something", "was seen in the window"), "Cannot look away")
        settings_path().parent.write_text("no folder")

        def fail(job: Job) -> str:
            while not job.cancel.cancelled:
                time.sleep(0.01)
            raise InputError("a.mp4", "cannot\nbe completed")

        app.jobs.start(Job("Rendering", fail))

    assert start(look) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("error: ") for line in lines)
    assert "a.mp4" in lines[0] and "cannot be completed" in lines[0] and "settings.yaml" in lines[1]


def test_reset_sets_the_running_renderer_and_flying_back() -> None:
    app = ViewerApp(create_renderer("reference", 1), Settings(rendering=RenderingSettings(backend="reference", threads=1)))
    document = app.documents.add(Path("a.mlpvid"), make_video(num_frames=1))
    document.camera.fly_motion.speed = app.settings.navigation.fly_speed = 9.0
    reset_everything(app)
    assert app.rendering.renderer.name != "reference" and (app.rendering.backend, app.rendering.threads) == ("auto", None)
    assert app.settings.rendering == RenderingSettings() and document.view_renderer.renderer is app.rendering.renderer
    assert document.camera.fly_motion.speed == app.settings.navigation.fly_speed == 1.5
    app.close()


@pytest.mark.parametrize("size", [(640, 480), (333, 222)])
def test_a_view_of_any_size_is_fitted(size: tuple[int, int]) -> None:
    app = ViewerApp(create_renderer("reference", 1))
    document = app.documents.add(Path("a.mlpvid"), make_video(num_frames=1))
    app.update(0.0)
    assert not document.fitted, "nothing is known of the view"
    app.viewport.size = size
    app.update(0.0)
    assert document.fitted
    app.close()
