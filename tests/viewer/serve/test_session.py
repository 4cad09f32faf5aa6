"""One browser's session: what the controls do, and what is sent."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from renderer.cpu.renderer import CpuRenderer
from tests.factories import make_video
from tests.viewer.serve.fakes import FakeClient, sees
from tests.viewer.videos import decode
from tests.waiting import wait_until
from viewer.picture.background_image import BackgroundImage, levels_of
from viewer.playback.clock import LoopMode
from viewer.serve.session import Session
from viewer.serve.shared_frames import SharedFrames
from viewer.settings import IMAGE_BACKGROUNDS, Settings

Clock = list[float]
"""One element: the time in seconds."""


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def session(frames: SharedFrames, client: FakeClient) -> Iterator[Session]:
    settings = Settings()
    settings.playback.autoplay = False
    session = Session(client, frames, settings, "dance", lambda: None, lambda function: function())
    client.camera.report()
    yield session
    session.close()


@pytest.fixture
def settle_in(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[Session], np.ndarray]:
    """Updates a session until nothing is being rendered any more, and returns the newest image."""
    clock = [1000.0]
    monkeypatch.setattr("viewer.serve.session.time.monotonic", lambda: clock[0])

    def settle_in(session: Session) -> np.ndarray:
        session.update(clock[0])
        clock[0] += 10.0  # whatever moved is at rest
        session.update(clock[0])
        wait_until(lambda: not session.visitor.rendering, lambda: session.update(clock[0]))
        session.update(clock[0])
        return client.images[-1][0].astype(int)

    return settle_in


@pytest.fixture
def settle(session: Session, settle_in: Callable[[Session], np.ndarray]) -> Callable[[], np.ndarray]:
    """The same for the session of the tests."""
    return lambda: settle_in(session)


def test_the_whole_scene_is_sent_in_the_size_of_the_canvas(
    session: Session, client: FakeClient, settle: Callable[[], np.ndarray]
) -> None:
    image = settle()
    assert image.shape == (48, 64, 3) and client.images[-1][1] == session.visitor.quality.jpeg_still
    camera = session.visitor.camera
    assert camera is not None and all(sees(camera, corner) for corner in session.visitor.video.bounds)
    background = [round(255 * value) for value in session.visitor.display.background_color]
    assert (image[0, 0] == background).all() and (image[24, 32] != background).any()


def test_an_image_is_sent_once(client: FakeClient, settle: Callable[[], np.ndarray]) -> None:
    settle()
    sent = len(client.images)
    settle()
    assert len(client.images) == sent


def test_the_background_and_the_view_change_the_image_without_rendering_again(
    session: Session, client: FakeClient, settle: Callable[[], np.ndarray]
) -> None:
    color = settle()
    shown = session._shown
    client.gui.controls["Background"].use((255, 0, 0))
    assert (settle()[0, 0] == (255, 0, 0)).all()
    client.gui.controls["Show"].use("Depth")
    depth = settle()
    assert session._shown is shown and np.abs(depth - color).max() > 50
    assert client.gui.controls["Color map"].visible
    assert session.view.legend.visible and session.view.legend.content.startswith("Depth (m): ")


@pytest.mark.parametrize("kind", IMAGE_BACKGROUNDS)
def test_a_picture_and_a_panorama_are_shown_until_the_visitor_switches_them_off(
    kind: str, frames: SharedFrames, client: FakeClient, settle_in: Callable[[Session], np.ndarray]
) -> None:
    settings = Settings()
    settings.playback.autoplay = False
    settings.view = replace(settings.view, background=kind, background_file="green.png")
    green = BackgroundImage(levels_of(np.full((8, 16, 3), (0, 200, 0), np.uint8)))
    with contextlib.closing(Session(client, frames, settings, "dance", lambda: None, lambda f: f(), green)) as session:
        client.camera.report()
        shown = settle_in(session)
        assert (shown[0, 0] == (0, 200, 0)).all() and (shown[24, 32] != (0, 200, 0)).any()
        client.gui.controls[kind.capitalize()].use(False)
        color = [round(255 * value) for value in settings.view.background_color]
        assert (settle_in(session)[0, 0] == color).all()
        assert settings.view.background == kind, "the settings are those of all visitors"
        session.replace_frames(frames)
        client.gui.controls[kind.capitalize()].use(True)
        assert (settle_in(session)[0, 0] == (0, 200, 0)).all()


def test_a_shadow_darkens_the_ground_alone(session: Session, client: FakeClient, settle: Callable[[], np.ndarray]) -> None:
    client.gui.controls["Background"].use((200, 200, 200))
    plain = settle()
    assert not client.gui.controls["Darkness"].visible
    client.gui.controls["Ground shadow"].use(True)
    client.gui.controls["Darkness"].use(1.0)
    dark = settle()
    assert client.gui.controls["Darkness"].visible
    assert (dark <= plain + 1).all() and (plain - dark).max() > 20, "a shadow only darkens"
    client.gui.controls["Darkness"].use(float("nan"))
    assert np.abs(settle() - plain).max() <= 1
    client.gui.controls["Ground shadow"].use(False)
    assert np.abs(settle() - plain).max() <= 1


def test_the_timeline(session: Session, client: FakeClient, settle: Callable[[], np.ndarray]) -> None:
    controls, playback = client.gui.controls, session.visitor.playback
    first = settle()
    controls["Frame"].use(4)
    assert (settle() != first).any() and playback.time == 4.0
    controls["Step"].use("Next")
    settle()
    assert (playback.time, controls["Frame"].value) == (5.0, 5)
    controls["Range"].use((1, 3))
    controls["At the end"].use("Turn around")
    controls["Speed"].use(0.5)
    controls["Reverse"].use(True)
    settle()
    assert (playback.in_point, playback.out_point, playback.mode, playback.speed) == (1, 3, LoopMode.PING_PONG, 0.5)
    assert playback.reverse
    play = controls["Play"]
    play.use()
    session.update(2000.0)
    assert playback.playing and (play.label, play.icon) == ("Pause", "player-pause")


def test_scrubbing_holds_the_playback_until_the_slider_rests(session: Session, client: FakeClient) -> None:
    playback = session.visitor.playback
    playback.play()
    session.update(1.0)
    client.gui.controls["Frame"].use(2)
    session.update(1.01)
    session.update(1.3)
    assert playback.scrubbing and playback.time == 2.0
    session.update(1.5)
    assert playback.playing and not playback.scrubbing


def test_capture_cameras(session: Session, client: FakeClient, settle: Callable[[], np.ndarray]) -> None:
    settle()
    home = client.camera.position
    client.gui.controls["Capture camera"].use("Camera 2")
    session.update(1000.0)
    client.camera.report()
    settle()
    capture, camera = session.visitor.video.metadata.cameras[1], session.visitor.camera
    assert camera is not None and np.array_equal(camera.R, capture.R) and np.array_equal(camera.T, capture.T)
    choice = client.gui.controls["Capture camera"]
    assert choice.value == "Camera 2"
    client.gui.controls["Whole scene"].use()
    session.update(1000.0)
    assert np.allclose(client.camera.position, home) and choice.value == "Free"


@pytest.mark.parametrize("size", [(0, 0), (0, 600), (-5, 7)])
def test_a_minimized_window_keeps_its_last_image(
    session: Session, client: FakeClient, settle: Callable[[], np.ndarray], size: tuple[int, int]
) -> None:
    image = settle()
    client.camera.image_width, client.camera.image_height = size
    client.camera.report()
    client.gui.controls["Whole scene"].use()
    assert np.array_equal(settle(), image) and not client.notifications


@pytest.mark.parametrize("size", [(0, 0), (10**9, 5)])
def test_a_browser_may_begin_with_a_strange_canvas(frames: SharedFrames, size: tuple[int, int]) -> None:
    client = FakeClient(*size)
    session = Session(client, frames, Settings(), "dance", lambda: None, lambda function: function())
    session.update(0.0)
    session.close()


def test_what_browsers_must_not_send_is_reported_once_and_changes_nothing(
    session: Session, client: FakeClient, settle: Callable[[], np.ndarray]
) -> None:
    image = settle()
    for name, value in (("Show", "nonsense"), ("Range", (1, 2, 3)), ("Capture camera", "Camera 99"), ("At the end", 3)):
        before = len(client.notifications)
        client.gui.controls[name].use(value)
        settle()
        assert len(client.notifications) == before + 1, name
    client.camera.image_width = 10**9
    client.camera.report()
    assert np.array_equal(settle(), image)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 1e300])
def test_no_quality_makes_images_too_large(session: Session, client: FakeClient, value: float) -> None:
    for name in ("At rest", "Moving", "Speed"):
        client.gui.controls[name].use(value)
    client.gui.controls["JPEG"].use(-5)
    client.gui.controls["Adapt"].use(False)
    client.camera.image_width = client.camera.image_height = 16384
    client.camera.report()
    session.update(0.0)
    camera = session.visitor.camera
    assert camera is not None
    quality = session.visitor._request_quality(camera)
    assert 0 < quality.moving_scale <= quality.still_scale
    assert camera.width * camera.height * quality.still_scale**2 <= 2560 * 1440 * 1.01


@pytest.mark.parametrize("path", ["Orbit", "This view"])
def test_a_recording_is_downloaded_and_not_kept(
    session: Session,
    client: FakeClient,
    settle: Callable[[], np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("viewer.serve.recording_controls.SIZES", {"512 x 512": (64, 48)})
    settle()
    client.gui.controls["Range"].use((1, 3))
    client.gui.controls["Path"].use(path)
    client.gui.controls["Record"].use()
    wait_until(lambda: client.downloads and session.recording.job is None, lambda: session.update(2000.0))
    (name, content), (title, text) = client.downloads[0], client.notifications[0]
    assert (name, title, text) == ("dance.mp4", "Recording", "3 frames recorded.")
    assert not list(tmp_path.iterdir())
    (tmp_path / name).write_bytes(content)
    images = decode(tmp_path / name)
    assert len(images) == 3 and images[0].shape == (48, 64, 3)
    background = np.array([26, 26, 31])
    assert np.abs(images[1].astype(int) - background).max() > 40 and np.abs(images[1][0, 0] - background).max() < 8


def test_a_cancelled_recording_leaves_nothing(
    session: Session, client: FakeClient, settle: Callable[[], np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settle()
    client.gui.controls["Record"].use()
    client.gui.controls["Record"].use()
    client.gui.controls["Cancel"].use()
    wait_until(lambda: len(client.notifications) == 2, lambda: session.update(2000.0))
    assert client.notifications[0][1].startswith("recording: is under way")
    assert client.notifications[1] == ("Recording", "The recording was cancelled.")
    assert not client.downloads and not list(tmp_path.iterdir())


def test_another_version_of_the_video_is_shown(session: Session, client: FakeClient, settle: Callable[[], np.ndarray]) -> None:
    before = settle()
    other = SharedFrames(CpuRenderer(threads=1), make_video(seed=3, num_frames=4), None)
    session.replace_frames(other)
    assert (settle() != before).any() and client.gui.controls["Range"].value == (0, 3)
    session.close()
    other.close()
