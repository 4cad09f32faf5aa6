from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from model.scene import PlacedVideo, Scene
from renderer.backend import RenderSettings
from renderer.cpu.renderer import CpuRenderer
from renderer.scene.renderer import SceneRenderer
from tests.factories import make_camera, make_video
from tests.waiting import wait_until
from viewer.playback.render_worker import ViewResult
from viewer.serve.poses import camera_from_viser
from viewer.serve.shared_frames import SharedFrames
from viewer.serve.visitor import SNAP_SECONDS, STILL_AFTER, Visitor
from viewer.settings import Settings


@pytest.fixture
def visitor(frames: SharedFrames) -> Iterator[Visitor]:
    settings = Settings()
    settings.playback.autoplay = False
    visitor = Visitor(frames, settings, lambda: None)
    yield visitor
    visitor.close()


def image_at(visitor: Visitor, now: float) -> ViewResult:
    """Return the final image of the visitor's current view."""
    newest: list[ViewResult] = []

    def arrived() -> bool:
        result = visitor.update(now)
        newest.extend([] if result is None else [result])
        return bool(newest) and newest[-1].final and not visitor.rendering

    wait_until(arrived)
    assert newest[-1].image is not None
    return newest[-1]


def test_nothing_is_rendered_before_the_browser_sends_a_view(visitor: Visitor) -> None:
    assert visitor.update(0.0) is None and not visitor.rendering


def test_two_visitors_have_their_own_view_and_time(frames: SharedFrames, visitor: Visitor) -> None:
    settings = Settings()
    settings.playback.autoplay = False
    other = Visitor(frames, settings, lambda: None)
    visitor.move(make_camera(32, 24, azimuth=0.0), 0.0)
    other.move(make_camera(48, 40, azimuth=2.0), 0.0)
    other.playback.seek(3)
    for asked, time, size in ((visitor, 0.0, (32, 24)), (other, 3.0, (48, 40))):
        result = image_at(asked, 1.0)
        assert result.image is not None
        assert (result.request.time, result.image.size) == (time, size)
    other.close()
    visitor.playback.seek(2)
    assert image_at(visitor, 2.0).request.time == 2.0  # the frames stay when another visitor leaves


def test_images_are_coarse_while_the_camera_moves_and_fine_at_rest(visitor: Visitor) -> None:
    visitor.quality.automatic, visitor.quality.moving = False, 0.5
    visitor.move(make_camera(64, 48, azimuth=0.0), 0.0)
    image_at(visitor, 10.0)
    visitor.move(make_camera(64, 48, azimuth=0.1), 10.0)
    assert visitor.moving and image_at(visitor, 10.0).scale == 0.5
    assert visitor.seconds_to_next() == pytest.approx(STILL_AFTER)
    assert image_at(visitor, 10.0 + STILL_AFTER).scale == 1.0 and not visitor.moving
    assert visitor.seconds_to_next() == np.inf


def test_playback_follows_the_time_that_passed(visitor: Visitor) -> None:
    visitor.move(make_camera(16, 12), 0.0)
    visitor.update(100.0)
    visitor.playback.play()
    visitor.update(100.0 + 2.5 / 30)
    assert visitor.playback.frame == 2
    assert visitor.seconds_to_next() == pytest.approx(0.5 / 30)


def test_a_capture_camera_is_exact_until_the_next_move(visitor: Visitor) -> None:
    capture = visitor.video.metadata.cameras[1]
    pose = visitor.snap_to(1, 64, 48)
    seen = camera_from_viser(_wxyz(capture.R.T), pose.position + 1e-5, pose.field_of_view, (64, 48))
    visitor.move(seen, 0.0)
    assert visitor.camera is not None and np.array_equal(visitor.camera.K, capture.K)
    assert np.array_equal(visitor.camera.T, capture.T)
    visitor.move(camera_from_viser(_wxyz(capture.R.T), pose.position + 0.1, pose.field_of_view, (64, 48)), 1.0)
    visitor.move(seen, 2.0)
    assert visitor.camera is seen


def test_views_from_before_a_snap_do_not_end_it(visitor: Visitor) -> None:
    before = make_camera(64, 48, azimuth=0.7)
    visitor.move(before, 0.0)
    visitor.update(10.0)
    capture = visitor.video.metadata.cameras[1]
    visitor.snap_to(1, 64, 48)
    visitor.move(before, 10.1)  # was under way
    assert visitor.snapped and visitor.camera is not None and np.array_equal(visitor.camera.R, capture.R)
    visitor.move(make_camera(64, 48, azimuth=2.0), 10.2)
    assert visitor.snapped
    visitor.move(before, 10.3)
    assert not visitor.snapped and visitor.camera is before


def test_a_browser_that_cannot_take_over_a_capture_camera_keeps_its_own_view(visitor: Visitor) -> None:
    before = make_camera(64, 48, azimuth=0.7)
    visitor.move(before, 0.0)
    visitor.update(10.0)
    visitor.snap_to(1, 64, 48)
    visitor.move(before, 10.1)
    visitor.update(9.9 + SNAP_SECONDS)
    assert visitor.snapped
    visitor.update(10.1 + SNAP_SECONDS)
    assert not visitor.snapped and visitor.camera is before


def test_another_version_of_the_video_keeps_view_and_time(visitor: Visitor) -> None:
    camera = make_camera(32, 24)
    visitor.move(camera, 0.0)
    visitor.playback.seek(4)
    before = image_at(visitor, 1.0).image
    other = SharedFrames(CpuRenderer(threads=1), make_video(seed=1, num_frames=6), None)
    visitor.replace_frames(other)
    result = image_at(visitor, 2.0)
    assert result.request.time == 4.0 and result.request.camera is camera
    assert result.image is not None and before is not None and not np.array_equal(result.image.rgba, before.rgba)
    visitor.close()
    other.close()


def _wxyz(rotation: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return np.roll(Rotation.from_matrix(rotation).as_quat(), 1)


def test_a_crop_box_of_a_scene_file_cuts_the_image() -> None:
    video, renderer, camera = make_video(num_frames=6), CpuRenderer(threads=1), make_camera(48, 40)
    middle = tuple(float(x) for x in video.bounds.mean(axis=0))
    crop = (tuple(float(x) for x in video.bounds[0]), middle)
    shared = SharedFrames(SceneRenderer(renderer), Scene((PlacedVideo(video, crop=crop),)), None)  # type: ignore[arg-type]
    settings = Settings()
    settings.playback.autoplay = False
    visitor = Visitor(shared, settings, lambda: None)
    visitor.move(camera, 0.0)
    shown = image_at(visitor, 1.0).image
    visitor.close()
    shared.close()
    frame = renderer.prepare(video, 0.0)
    whole, expected = renderer.render(frame, camera), renderer.render(frame, camera, RenderSettings(crop=crop))  # type: ignore[arg-type]
    assert shown is not None and np.abs(shown.rgba - expected.rgba).max() < 1e-3
    assert 0 < expected.rgba[..., 3].sum() < 0.9 * whole.rgba[..., 3].sum()
