"""A scene that is kilometers from the origin of its world looks as if it were at the origin."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import RenderedImage, RenderSettings
from renderer.baked import describe_frame, describe_view
from renderer.select import create_renderer
from tests.factories import make_camera, make_video

native = pytest.importorskip("mlpvid_kernels")

FAR = np.array([8192.0, -16384.0, 4096.0])
"""Meters. Boxes that are multiples of 1/256 m keep their exact size there in float32."""

SETTINGS = (RenderSettings(), RenderSettings(crop=((-0.5, -0.25, 0.25), (0.5, 0.75, 1.5))))


def moved_video(offset: NDArray[np.float64]) -> VolumetricVideo:
    """Return a random video, moved in its world."""
    video = make_video(seed=4)
    video.boxes[:] = np.round(video.boxes * 256) / 256 + offset
    return video


def moved_camera(offset: NDArray[np.float64]) -> Camera:
    """Return a camera that sees the moved video as the first camera sees the first one."""
    camera = make_camera(48, 40)
    return Camera(camera.width, camera.height, camera.K, camera.R, camera.T - camera.R @ offset)


def moved_settings(settings: RenderSettings, offset: NDArray[np.float64]) -> RenderSettings:
    """Return the settings with their crop box moved."""
    crop = settings.crop and tuple(tuple((np.array(corner) + offset).tolist()) for corner in settings.crop)
    return RenderSettings(crop=crop or None)  # type: ignore[arg-type]


def image(backend: str, offset: NDArray[np.float64], settings: RenderSettings) -> RenderedImage:
    """Return an image of the moved video."""
    renderer = create_renderer(backend, 1)
    frame = renderer.prepare(moved_video(offset), 1.0)
    return renderer.render(frame, moved_camera(offset), moved_settings(settings, offset))


@pytest.mark.parametrize("settings", SETTINGS, ids=["whole", "cropped"])
@pytest.mark.parametrize("backend", ["reference", pytest.param("cpu", marks=pytest.mark.slow)])
def test_a_far_scene_looks_as_at_the_origin(backend: str, settings: RenderSettings) -> None:
    near, far = (image(backend, offset, settings) for offset in (np.zeros(3), FAR))
    assert near.opacity.max() > 0.5
    np.testing.assert_allclose(far.rgba, near.rgba, atol=2e-3)
    np.testing.assert_allclose(far.depth, near.depth, atol=2e-3)


@pytest.mark.parametrize("settings", SETTINGS, ids=["whole", "cropped"])
def test_kernels_get_the_same_numbers(settings: RenderSettings) -> None:
    """CUDA and OpenGL read the same structs."""
    structs = []
    for offset in (np.zeros(3), FAR):
        video, camera = moved_video(offset), moved_camera(offset)
        box, place = video.boxes[1], moved_settings(settings, offset)
        frame = describe_frame(video.config, box, (1.0, 1.0, 1.0))
        view = describe_view(video.config, box, camera, place, (0, 0, 48, 40))
        structs.append([*frame.box_lower, *frame.box_upper, *view.origin, *view.clip_lower, *view.clip_upper, view.step])
    np.testing.assert_allclose(structs[1], structs[0], rtol=0, atol=1e-6)


def test_boxes_are_reported_in_the_world() -> None:
    video = moved_video(FAR)
    assert (create_renderer("cpu", 1).prepare(video, 1.0).box == video.boxes[1]).all()
