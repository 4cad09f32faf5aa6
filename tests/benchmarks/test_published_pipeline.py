"""The port of the published pipeline shows the same image as the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.published_pipeline import PublishedPipeline
from model.query import query_features
from renderer.backend import RenderSettings
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_camera, make_video


@pytest.mark.parametrize("assignment", ["nearest", "bilinear"])
@pytest.mark.parametrize("time", [1.0, 0.6])
def test_renders_the_same_image_as_the_reference(assignment: str, time: float) -> None:
    video, camera = make_video(seed=4, assignment=assignment), make_camera(40, 36)
    reference, published = ReferenceRenderer(), PublishedPipeline()
    expected = reference.render(reference.prepare(video, time), camera)
    seen = published.render(published.prepare(video, time), camera)
    assert expected.rgba[..., 3].mean() > 0.2
    np.testing.assert_allclose(seen.rgba, expected.rgba, atol=2e-3)
    np.testing.assert_allclose(seen.depth, expected.depth, atol=2e-2)
    assert np.abs(seen.rgba - expected.rgba).mean() < 1e-5
    np.testing.assert_array_equal(seen.counts[..., 0], expected.counts[..., 0])


def test_settings_change_the_number_of_samples() -> None:
    video, camera = make_video(seed=2), make_camera(16, 16)
    published = PublishedPipeline()
    frame = published.prepare(video, 0.0)
    plain, fine = published.render(frame, camera), published.render(frame, camera, RenderSettings(192, 0.1))
    assert fine.statistics.density_samples > 1.8 * plain.statistics.density_samples
    assert fine.statistics.color_samples < fine.statistics.density_samples / 2


def test_3d_lookups_give_the_baked_features() -> None:
    video = make_video(seed=3)
    frame = PublishedPipeline().prepare(video, 1.3)
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        looked_up = query_features(frame.frame, points, frame.hash_features)
        torch.testing.assert_close(looked_up, query_features(frame.frame, points), rtol=1e-4, atol=1e-5)


def test_a_camera_that_looks_away_sees_nothing() -> None:
    video, camera = make_video(), make_camera(8, 8)
    away = type(camera)(8, 8, camera.K, np.diag([-1.0, 1, -1]) @ camera.R, np.diag([-1.0, 1, -1]) @ camera.T)
    published = PublishedPipeline()
    assert not published.render(published.prepare(video, 0.0), away).rgba.any()
