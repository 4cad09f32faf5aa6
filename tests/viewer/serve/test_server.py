"""The server's thread: browsers come and go, and the file changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from model.bundle.info import write_bundle
from renderer.cpu.renderer import CpuRenderer
from renderer.segments import SegmentRenderer
from tests.factories import make_video
from tests.model.bundle.segment_files import damage_segment, segment_videos, write_row
from tests.viewer.runs import write_checkpoint, write_scene
from tests.viewer.serve.fakes import FakeClient, FakeViser
from tests.waiting import wait_until
from viewer.app import files
from viewer.app.files import file_stamp, read_video
from viewer.serve.server import MAX_VISITORS, VideoServer
from viewer.settings import Settings

Serve = Callable[[Path], VideoServer]


@pytest.fixture
def viser() -> FakeViser:
    return FakeViser()


@pytest.fixture
def serve(viser: FakeViser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Makes a server whose `run` is not called."""
    servers: list[VideoServer] = []
    monkeypatch.setattr(files, "WATCH_INTERVAL", 0.0)

    def serve(path: Path) -> VideoServer:
        settings = Settings()
        settings.playback.autoplay = False
        stamp = file_stamp(path)
        content = read_video(path), SegmentRenderer(CpuRenderer(threads=1))
        servers.append(VideoServer(viser, path, *content, settings, stamp, lambda function: function()))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()
        server.run()
    assert viser.stopped


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(make_video(num_frames=3), tmp_path / "video.mlpvid")
    return tmp_path / "video.mlpvid"


def arrive(viser: FakeViser, number: int) -> FakeClient:
    viser.clients[number] = client = FakeClient(32, 24)
    return client


def full_image(server: VideoServer, client: FakeClient) -> np.ndarray:
    client.camera.report()
    wait_until(lambda: client.images and client.images[-1][0].shape == (24, 32, 3), server.update)  # coarse ones come first
    return client.images[-1][0]


def test_browsers_come_and_go(serve: Serve, viser: FakeViser, bundle: Path) -> None:
    server = serve(bundle)
    assert viser.up == (0.0, 0.0, 1.0)
    first, second = arrive(viser, 3), arrive(viser, 7)
    server.update()
    assert list(server.sessions) == [3, 7]
    full_image(server, first)
    full_image(server, second)
    threads = threading.active_count()
    del viser.clients[3]
    server.update()
    assert list(server.sessions) == [7]
    wait_until(lambda: threading.active_count() < threads)  # its render thread ended


def test_too_many_visitors_get_a_message_and_connect_later(serve: Serve, viser: FakeViser, bundle: Path) -> None:
    server = serve(bundle)
    clients = [arrive(viser, number) for number in range(MAX_VISITORS + 1)]
    server.update()
    server.update()
    assert len(server.sessions) == MAX_VISITORS
    assert [title for title, _ in clients[-1].notifications] == ["Too many visitors"]
    assert not any(client.notifications for client in clients[:-1])


def test_a_visitor_whose_session_fails_does_not_disturb_the_others(serve: Serve, viser: FakeViser, bundle: Path) -> None:
    server = serve(bundle)
    broken, fine = arrive(viser, 0), arrive(viser, 1)
    broken.flush = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    server.update()
    broken.camera.report()
    full_image(server, fine)
    wait_until(lambda: broken.notifications, server.update)
    server.update()
    assert len(broken.notifications) == 1 and "division by zero" in broken.notifications[0][1]


def test_a_browser_that_cannot_be_connected_does_not_disturb_the_others(
    serve: Serve, viser: FakeViser, bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(bundle)
    arrive(viser, 0).gui.add_slider = lambda *_, **__: 1 / 0  # type: ignore[attr-defined]
    fine = arrive(viser, 1)
    server.update()
    server.update()
    assert list(server.sessions) == [1] and caplog.text.count("visitor 0 could not be connected: ZeroDivisionError") == 1
    full_image(server, fine)


def test_a_bundle_that_is_written_again_is_shown_to_all(serve: Serve, viser: FakeViser, bundle: Path) -> None:
    server = serve(bundle)
    client = arrive(viser, 0)
    server.update()
    before = full_image(server, client)
    write_bundle(make_video(seed=5, num_frames=4), bundle)
    wait_until(lambda: server.frames.video.num_frames == 4, server.update)
    client.images.clear()
    assert (full_image(server, client) != before).any()
    bundle.write_bytes(b"damaged")
    wait_until(lambda: client.notifications, server.update)
    assert client.notifications[0][0] == "Cannot read the new version" and server.error is not None
    assert server.frames.video.num_frames == 4


def test_a_training_is_followed_from_checkpoint_to_checkpoint(serve: Serve, viser: FakeViser, tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_scene(run, make_video(num_frames=2))
    write_checkpoint(run, make_video(num_frames=2), 5)
    server = serve(run)
    client = arrive(viser, 0)
    server.update()
    before, frames = full_image(server, client), server.frames
    write_checkpoint(run, make_video(seed=5, num_frames=2), 10)
    wait_until(lambda: server.frames is not frames, server.update)
    client.images.clear()
    assert (full_image(server, client) != before).any()


def test_the_undamaged_frames_are_played(
    viser: FakeViser, serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_row(tmp_path / "long.mlpvid", segment_videos([4, 4, 4]))
    damage_segment(path, 1)
    client, server = arrive(viser, 0), serve(path)

    def show(frame: int) -> None:
        session.visitor.playback.seek(frame)
        server.update()
        wait_until(lambda: not session.visitor.rendering, server.update)
        server.update()

    server.update()
    client.camera.report()
    server.update()
    session = server.sessions[0]
    background = [round(255 * value) for value in session.visitor.display.background_color]
    for frame, damaged in ((0, False), (5, True), (6, True), (9, False), (5, True)):
        show(frame)
        alike = np.abs(client.images[-1][0].astype(int) - background).max() == 0
        assert alike == damaged, frame
    text = "Frames 4 to 7 are damaged."
    assert client.notifications == [("Damaged frames", f"{text} The other frames are played.")], "it is told once"
    assert session.timeline is not None and session.timeline.damage.content == text and session.timeline.damage.visible
    assert [record.getMessage() for record in caplog.records if "damaged" in record.message] == [
        f"long.mlpvid: {text} The other frames are played."
    ]
    late = arrive(viser, 1)
    server.update()
    server.update()
    assert [title for title, _ in late.notifications] == ["Damaged frames"]
    session.visitor.playback.play()
    shown = session.visitor.playback.frame
    wait_until(
        lambda: session.visitor.playback.frame not in range(4, 8) and session.visitor.playback.frame != shown, server.update
    )
    assert len(client.notifications) == 1
