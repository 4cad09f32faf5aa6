"""With a higher tau1 than the bundle's, fewer cells are occupied: those that extraction finds, and the image matches them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.errors import InputError
from model.occupancy_extraction import extract_occupancy
from model.query import query_density, query_features
from renderer.select import create_renderer
from tests.factories import make_camera, make_video
from tests.viewer.conftest import open_document
from viewer.app.app import ViewerApp
from viewer.app.document import Sampling
from viewer.playback.thresholded_video import ThresholdedVideo


@pytest.mark.parametrize("tau1", [0.0, 5.0, 20.0])
def test_cells_are_those_of_extraction(tau1: float) -> None:
    video = make_video()
    frame = video.decode(1.0)
    extracted = extract_occupancy(
        lambda points: query_density(frame, points, query_features(frame, points)),
        replace(frame.config.occupancy, threshold=tau1),
    )
    _, found = ThresholdedVideo(video, tau1).box_and_occupancy(1.0)
    assert (found != (extracted & frame.occupancy).numpy()).sum() <= 1  # densities that round to either side


def test_more_is_skipped_the_higher_it_is() -> None:
    video, renderer, camera = make_video(), create_renderer(), make_camera(48, 48)
    samples = []
    for tau1 in (0.0, 10.0, 30.0, 1e6):
        image = renderer.render(renderer.prepare(ThresholdedVideo(video, tau1), 1.0), camera)
        samples.append(image.statistics.density_samples)
    assert samples == sorted(samples, reverse=True) and samples[0] > samples[-1] == 0


def test_cells_are_remembered() -> None:
    video = ThresholdedVideo(make_video(), 10.0)
    assert video.known_cells(2.0) is None
    _, cells = video.box_and_occupancy(2.0)
    assert video.known_cells(2.0) is cells


@pytest.mark.parametrize("tau1", [-1.0, float("nan"), float("inf")])
def test_impossible_densities_are_refused(tau1: float) -> None:
    with pytest.raises(InputError, match="tau1"):
        ThresholdedVideo(make_video(), tau1)


def test_a_tab_takes_it_over_and_gives_it_up(app: ViewerApp) -> None:
    document = open_document(app)
    own = document.cells(0.0).sum()
    document.set_sampling(Sampling(tau1=1e5))
    assert document.cells(0.0).sum() == own, "not evaluated yet"
    document.view_renderer.cache.get(0.0)
    assert document.cells(0.0).sum() < own
    document.replace_video(make_video(seed=2, num_frames=3))
    assert isinstance(document.view_renderer.video, ThresholdedVideo) and document.view_renderer.video.source is document.video
    document.set_sampling(Sampling())
    assert document.view_renderer.video is document.video
