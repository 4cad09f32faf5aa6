"""The render thread: only the latest request counts, first images are finished, refinements are cancelled, faults return."""

from __future__ import annotations

import math
import threading
import time as clock
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.camera import Camera
from model.ground import GroundFinder
from renderer.backend import CancelToken, Region, RenderedImage, RenderSettings
from renderer.frame_cache import FrameCache
from renderer.ground_shadow import LAYERS
from tests.factories import make_camera, make_video
from tests.waiting import TIMEOUT
from viewer.playback.render_worker import RenderWorker, ViewRequest, scaled_camera
from viewer.playback.shadows import ShadowRequest
from viewer.playback.view_renderer import RequestQuality, ViewRenderer


class FakeFrame:
    """A frame that has only a time."""

    nbytes = 1
    decode_ms = bake_ms = 0.0
    box = np.array([[-1, -1, 0], [1, 1, 2]], np.float32)

    def __init__(self, time: float) -> None:
        self.time = time


class FakeRenderer:
    """Returns empty images when the test releases them."""

    name = device = "fake"
    threads = 1

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.rendered: list[tuple[float, int]] = []
        """Time and width of every finished image."""
        self.thresholds: list[float | None] = []
        """tau2 of every finished image."""
        self.prepare_seconds = 0.0
        """Duration of decoding, seconds."""
        self.cancelled: list[int] = []
        """Widths of the cancelled images."""

    def prepare(self, video: Any, time: float) -> FakeFrame:
        """Refuse times beyond the video."""
        video.check_time(time)
        clock.sleep(self.prepare_seconds)
        return FakeFrame(time)

    def render(
        self,
        frame: Any,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Wait for the gate, or for the token to cancel."""
        self.begun.release()
        while not self.gate.acquire(timeout=0.01):
            if cancel is not None and cancel.cancelled:
                self.cancelled.append(camera.width)
                cancel.check()
        self.rendered.append((frame.time, camera.width))
        self.thresholds.append(settings.weight_threshold)
        shape = (camera.height, camera.width)
        return RenderedImage(np.zeros((*shape, 4), np.float32), np.zeros(shape, np.float32), np.zeros((*shape, 2), np.uint16))


@pytest.fixture
def video() -> Any:
    """Return a video of three frames."""
    return make_video(num_frames=3)


def request(time: float, scale: float = 1.0, final: float = 1.0) -> ViewRequest:
    """Return a request for 64 x 64 pixels."""
    return ViewRequest(time, make_camera(64, 64), scale=scale, final_scale=final)


def test_scales_double_up_to_the_final_one() -> None:
    assert request(0, 0.2, 1.0).scales() == [0.2, 0.4, 0.8, 1.0]
    assert request(0, 0.5, 1.0).scales() == [0.5, 1.0]
    assert request(0, 0.5, 0.5).scales() == [0.5]
    assert request(0, 1.0, 0.5).scales() == [1.0]


def test_scaled_camera_keeps_the_view() -> None:
    camera = make_camera(100, 60)
    half = scaled_camera(camera, 0.5)
    assert (half.width, half.height) == (50, 30)
    np.testing.assert_allclose(half.K[0, 0], camera.K[0, 0] / 2)
    assert scaled_camera(camera, 0.001).width == 8


def test_coarse_first_then_refined(video: Any) -> None:
    renderer = FakeRenderer()
    worker = RenderWorker(FrameCache(renderer, video, 100))
    renderer.gate.release(3)
    worker.submit(request(1.0, 0.25, 1.0))
    assert worker.wait_until_idle(TIMEOUT)
    assert renderer.rendered == [(1.0, 16), (1.0, 32), (1.0, 64)]
    results = worker.take_results()
    assert [r.final for r in results] == [False, False, True] and [r.decoded for r in results] == [True, False, False]
    assert worker.take_results() == []
    worker.close()


def test_a_newer_request_cancels_refinement_and_replaces_what_waits(video: Any) -> None:
    renderer = FakeRenderer()
    worker = RenderWorker(FrameCache(renderer, video, 100))
    renderer.gate.release(1)
    worker.submit(request(0.0, 0.5, 1.0))
    assert renderer.begun.acquire(timeout=TIMEOUT) and renderer.begun.acquire(timeout=TIMEOUT)  # refining now
    worker.submit(request(1.0))
    assert renderer.begun.acquire(timeout=TIMEOUT)  # the first image of the new request
    worker.submit(request(1.5))
    worker.submit(request(2.0))
    renderer.gate.release(2)
    assert worker.wait_until_idle(TIMEOUT)
    assert renderer.cancelled == [64]
    assert renderer.rendered == [(0.0, 32), (1.0, 64), (2.0, 64)]  # never 1.5: it was replaced while it waited
    worker.close()


def scrubbed(time: float) -> ViewRequest:
    """Return a request while the user drags the playhead."""
    return ViewRequest(time, make_camera(64, 64), placeholder=True)


def worker_that_showed(video: Any, renderer: FakeRenderer, *times: float) -> RenderWorker:
    """Return a worker that has rendered these frames and kept them."""
    worker = RenderWorker(FrameCache(renderer, video, 100))
    for time in times:
        renderer.gate.release()
        worker.submit(request(time))
        assert worker.wait_until_idle(TIMEOUT) and renderer.begun.acquire(timeout=TIMEOUT)
    worker.take_results()
    renderer.rendered.clear()
    return worker


def test_the_nearest_frame_is_the_placeholder_while_scrubbing_is_faster_than_decoding(video: Any) -> None:
    renderer = FakeRenderer()
    renderer.prepare_seconds = 0.2
    worker = worker_that_showed(video, renderer, 2.0, 0.0)
    renderer.gate.release(2)
    worker.submit(scrubbed(1.75))
    assert worker.wait_until_idle(TIMEOUT)
    assert [time for time, _ in renderer.rendered] == [2.0, 1.75]
    placeholder, exact = worker.take_results()
    assert not placeholder.final and exact.final and not placeholder.decoded and exact.decoded
    worker.close()


def test_a_frame_whose_placeholder_was_overtaken_is_never_decoded(video: Any) -> None:
    renderer = FakeRenderer()
    renderer.prepare_seconds = 0.2
    worker = worker_that_showed(video, renderer, 2.0, 0.0)
    worker.submit(scrubbed(1.75))
    assert renderer.begun.acquire(timeout=TIMEOUT)  # the placeholder
    worker.submit(scrubbed(0.0))
    renderer.gate.release(2)
    assert worker.wait_until_idle(TIMEOUT)
    assert [time for time, _ in renderer.rendered] == [2.0, 0.0] and 1.75 not in worker.cache
    worker.close()


@pytest.mark.parametrize("at_hand", [(0.0,), (2.0, 0.0)], ids=["it is on screen", "decoding is quicker than rendering"])
def test_no_placeholder_when(video: Any, at_hand: tuple[float, ...]) -> None:
    renderer = FakeRenderer()
    renderer.prepare_seconds = 0.2 if len(at_hand) == 1 else 0.0
    worker = worker_that_showed(video, renderer, *at_hand)
    if renderer.prepare_seconds == 0:  # one image that takes long
        worker.submit(request(0.0))
        clock.sleep(0.1)
        renderer.gate.release()
        assert worker.wait_until_idle(TIMEOUT)
        renderer.rendered.clear()
    renderer.gate.release(2)
    worker.submit(scrubbed(1.75))
    assert worker.wait_until_idle(TIMEOUT)
    assert [time for time, _ in renderer.rendered] == [1.75]
    worker.close()


def test_faults_are_returned_and_the_thread_continues(video: Any) -> None:
    renderer = FakeRenderer()
    worker = RenderWorker(FrameCache(renderer, video, 100))
    worker.submit(request(99.0))
    assert worker.wait_until_idle(TIMEOUT)
    (result,) = worker.take_results()
    assert isinstance(result.error, InputError) and result.image is None
    renderer.gate.release(1)
    worker.submit(request(1.0))
    assert worker.wait_until_idle(TIMEOUT)
    assert worker.take_results()[0].error is None
    worker.close()


def test_closing_cancels_a_first_image(video: Any) -> None:
    renderer = FakeRenderer()
    worker = RenderWorker(FrameCache(renderer, video, 100))
    worker.submit(request(0.0))
    assert renderer.begun.acquire(timeout=TIMEOUT)
    worker.close()
    assert renderer.cancelled == [64]


def test_feed_asks_only_for_what_changed(video: Any) -> None:
    renderer = FakeRenderer()
    renderer.gate.release(100)
    feed = ViewRenderer(renderer, video, 100)
    camera = make_camera(64, 64)

    def widths(time: float, quality: RequestQuality) -> list[int]:
        renderer.rendered.clear()
        feed.request(time, camera, quality)
        assert feed.worker.wait_until_idle(TIMEOUT)
        feed.take_results()
        return [width for _, width in renderer.rendered]

    assert widths(0.0, RequestQuality(moving_scale=0.25, moving=True)) == [16]
    assert widths(0.0, RequestQuality(moving_scale=0.25, moving=True)) == []
    assert widths(0.0, RequestQuality(moving_scale=0.25, moving=False)) == [32, 64]  # continues from the coarse image
    assert widths(0.0, RequestQuality(moving_scale=0.25, moving=True)) == []  # a fine image is not replaced by a coarse one
    assert widths(1.0, RequestQuality(moving_scale=0.5, moving=True)) == [32]
    assert widths(1.0, RequestQuality(RenderSettings(steps_per_diagonal=8), 0.5, 0.5)) == [32]
    feed.close()


def test_a_picture_at_rest_gets_one_more_image_after_the_final_one(video: Any) -> None:
    renderer = FakeRenderer()
    renderer.gate.release(100)
    feed = ViewRenderer(renderer, video, 100)

    def widths(time: float, moving: bool, camera: Camera = make_camera(64, 64)) -> list[int]:
        renderer.rendered.clear()
        feed.request(time, camera, RequestQuality(moving_scale=0.5, rest_scale=2.0, moving=moving))
        assert feed.worker.wait_until_idle(TIMEOUT)
        feed.take_results()
        return [width for _, width in renderer.rendered]

    assert widths(0.0, True) == [32] and widths(0.0, False) == [64] and widths(0.0, False) == [128]
    assert widths(0.0, False) == [] and feed.finished, "nothing is left to do"
    assert widths(1.0, False) == [32, 64], "another view is not refined further before its final image is shown"
    assert widths(1.0, True) == [] and widths(1.0, False) == [128]
    assert widths(1.0, False, make_camera(64, 64, azimuth=1.0)) == [32, 64]
    feed.close()


def test_only_images_that_do_not_last_have_quick_settings(video: Any) -> None:
    renderer = FakeRenderer()
    renderer.gate.release(100)
    feed = ViewRenderer(renderer, video, 100)
    quick = RenderSettings(weight_threshold=0.25)

    def images(time: float, scale: float, moving: bool, rest: float | None = None) -> list[tuple[int, float | None]]:
        renderer.rendered.clear()
        renderer.thresholds.clear()
        quality = RequestQuality(moving_scale=scale, moving=moving, rest_scale=rest, quick_settings=quick)
        feed.request(time, make_camera(64, 64), quality)
        assert feed.worker.wait_until_idle(TIMEOUT)
        feed.take_results()
        return [(width, tau2) for (_, width), tau2 in zip(renderer.rendered, renderer.thresholds, strict=True)]

    assert images(0.0, 0.5, moving=True) == [(32, 0.25)]
    assert images(0.0, 0.5, moving=False) == [(64, None)]
    assert images(1.0, 0.25, moving=False) == [(16, 0.25), (32, 0.25), (64, None)]
    assert images(1.0, 0.25, moving=True) == [], "a good image is not replaced by a quick one"
    assert images(2.0, 1.0, moving=True) == [(64, 0.25)]
    assert images(2.0, 1.0, moving=True) == []
    assert images(2.0, 1.0, moving=False) == [(64, None)], "the same size, but with all samples"
    assert images(2.0, 1.0, moving=False) == [] and feed.finished
    assert images(1.0, 1.0, moving=True) == [(64, 0.25)]
    assert images(1.0, 1.0, moving=False, rest=2.0) == [(128, None)]
    feed.close()


def test_a_shadow_is_computed_once_per_frame(video: Any) -> None:
    renderer = FakeRenderer()
    worker = RenderWorker(FrameCache(renderer, video, 100))
    renderer.gate.release(100)
    ground = ShadowRequest(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    shadows = []
    for wanted in (None, ground, ground, replace(ground, offset=-0.5)):
        worker.submit(replace(request(1.0), shadow=wanted))
        assert worker.wait_until_idle(TIMEOUT)
        shadows.append(worker.take_results()[-1].shadow)
    assert shadows[0] is None and shadows[1] is not None and shadows[2] is shadows[1] and shadows[3] is not None
    height = GroundFinder().height(video, (0, 0, 1))
    assert shadows[1].plane.height == pytest.approx(height) and shadows[3].plane.height == pytest.approx(height - 0.5)
    layers = len(LAYERS) - 1
    sizes = [shadow.darkness.shape[1] for shadow in (shadows[1], shadows[3])]
    expected = [64, *[sizes[0]] * layers, 64, 64, *[sizes[1]] * layers, 64]
    assert [width for _, width in renderer.rendered] == expected
    worker.close()


def test_the_next_image_is_expected_after_as_long_as_the_last_one_took(video: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("viewer.playback.render_worker.clock", SimpleNamespace(perf_counter=lambda: now[0]))
    renderer = FakeRenderer()
    worker = RenderWorker(FrameCache(renderer, video, 100))
    assert worker.image_in == math.inf
    worker.submit(request(1.0))
    assert renderer.begun.acquire(timeout=TIMEOUT)
    now[0] += 0.04
    renderer.gate.release()
    assert worker.wait_until_idle(TIMEOUT) and worker.image_in == math.inf
    worker.submit(request(2.0, 0.5, 1.0))
    assert renderer.begun.acquire(timeout=TIMEOUT)
    now[0] += 0.01
    assert worker.image_in == pytest.approx(0.03)
    now[0] += 0.05
    assert worker.image_in == pytest.approx(-0.02), "it is late"
    renderer.gate.release()
    assert renderer.begun.acquire(timeout=TIMEOUT) and worker.image_in == math.inf, "only a refinement is made"
    renderer.gate.release()
    worker.close()
