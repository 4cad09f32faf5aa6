"""Images that do not last have fewer samples while dynamic resolution makes them smaller, and only then."""

from __future__ import annotations

from dataclasses import replace

from tests.viewer.conftest import open_document
from viewer.app.app import ViewerApp
from viewer.app.rendering import QUICK_THRESHOLD


def quick_threshold(app: ViewerApp) -> float | None:
    """Return tau2 of images that do not last; None if they are like the others."""
    settings = app.quality.quick_settings
    return None if settings is None else settings.weight_threshold


def test_images_are_quick_while_they_are_smaller_than_the_view(app: ViewerApp) -> None:
    open_document(app)
    assert app.rendering.resolution.scale == 1 and quick_threshold(app) is None, "the renderer has time for the best images"
    resolution = app.rendering.resolution
    resolution.enabled = True
    while resolution.scale == 1:
        resolution.measure(0.1, resolution.scale)
    assert quick_threshold(app) == QUICK_THRESHOLD
    assert app.quality.settings.weight_threshold is None, "images that last have the bundle's own"
    app.settings.rendering.dynamic_resolution = False
    app.update(0.0)
    assert quick_threshold(app) is None


def test_a_higher_threshold_stays(app: ViewerApp) -> None:
    document = open_document(app)
    resolution = app.rendering.resolution
    while resolution.scale == 1:
        resolution.measure(0.1, resolution.scale)
    document.set_sampling(replace(document.sampling, tau2=0.05))
    assert quick_threshold(app) == 0.05
