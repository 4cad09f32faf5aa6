"""Scenes, their crop boxes and ground shadows with the CUDA kernels on the emulated GPU, against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from model.placement import Placement
from model.scene import PlacedVideo, Scene
from renderer import ground_shadow as shadows
from renderer.backend import RenderedImage, Renderer, RenderSettings
from renderer.cuda.renderer import CudaRenderer
from renderer.ground_shadow import GroundPlane, GroundShadow, ground_shadow
from renderer.reference.renderer import ReferenceRenderer
from renderer.scene.renderer import SceneRenderer
from tests.factories import make_camera
from tests.renderer.clips import random_clips
from tests.renderer.cuda.emulated_gpu import EmulatedDriver
from tests.renderer.cuda.small_videos import FEW_SAMPLES, psnr, small_video

pytestmark = [pytest.mark.native, pytest.mark.gpu]

CROP = ((-0.5, -0.5, 0.2), (0.6, 0.7, 1.6))


def make_scene(shift: float) -> Scene:
    """Return a scene of a whole video and of a smaller one that is turned, cropped and `shift` meters away."""
    place = Placement((shift, -0.2, 0.3), (10.0, 20.0, 30.0), 0.8)
    return Scene((PlacedVideo(small_video(1)), PlacedVideo(small_video(2), place, CROP)))


def rendered(renderer: Renderer, scene: Scene, slabs: int) -> RenderedImage:
    scenes = SceneRenderer(renderer, slabs)
    return scenes.render(scenes.prepare(scene, 0.0), make_camera(12, 9))


@pytest.mark.parametrize(("shift", "slabs"), [(0.1, 3), (6.0, 1)], ids=["overlapping", "apart"])
def test_scenes_equal_the_reference(driver: EmulatedDriver, shift: float, slabs: int) -> None:
    scene = make_scene(shift)
    image, wanted = (rendered(renderer, scene, slabs) for renderer in (CudaRenderer(driver), ReferenceRenderer()))
    assert wanted.opacity.mean() > 0.15, "an empty image proves nothing"
    assert psnr(image, wanted) > 60
    assert np.abs(image.depth - wanted.depth).max() < 5e-3
    assert image.statistics.color_samples == int(image.counts[..., 1].sum())


def shadow(renderer: Renderer, video: object, settings: RenderSettings) -> GroundShadow:
    """Return the shadow of the first frame on the ground below its box, or below what is left of it."""
    scenes = SceneRenderer(renderer)
    frame = scenes.prepare(video, 0.0)  # type: ignore[arg-type]
    axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    found = ground_shadow(scenes, frame, GroundPlane(axes, float(settings.clip(frame.box)[0, 2])), settings)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["whole", "cropped", "scene"])
def test_shadows_equal_the_reference(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(shadows, "PIXELS", 6)  # the emulated GPU is slow
    monkeypatch.setattr(shadows, "SIDES", (8, 10))
    video = small_video(3, **FEW_SAMPLES)
    settings = random_clips(video, make_camera(14, 10), 3)[0] if kind == "cropped" else RenderSettings()
    source = make_scene(0.1) if kind == "scene" else video
    found, wanted = (shadow(renderer, source, settings) for renderer in (CudaRenderer(driver), ReferenceRenderer()))
    assert wanted.darkness.max() > 0.1, "a bright ground proves nothing"
    assert (found.corner, found.size) == (pytest.approx(wanted.corner), pytest.approx(wanted.size))
    assert np.abs(found.darkness - wanted.darkness).max() < 5e-3
