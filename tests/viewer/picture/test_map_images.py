"""Images of a frame's maps: shapes, orientation, and similar colors for similar parameters."""

from __future__ import annotations

import numpy as np
import pytest

from tests.factories import make_video
from viewer.picture.map_images import map_images, project


def test_all_maps_are_drawn() -> None:
    images = map_images(make_video().decode(1.0))
    planes = ["xy", "xz", "yz"]
    assert [(i.kind, i.plane) for i in images] == [(kind, p) for kind in ("Features", "Density", "Color") for p in planes]
    for image in images:
        side = 8 if image.kind == "Color" else 32
        assert image.pixels.shape == (side, side, 4) and image.pixels.dtype == np.uint8
        assert (image.pixels[..., 3] == 255).all() and image.pixels[..., :3].std() > 5


def test_v_points_up_and_u_to_the_right() -> None:
    frame = make_video().decode(0.0)
    frame.density_maps.zero_()
    frame.density_maps[0, :, -1, 0] = 10.0  # largest v, smallest u
    frame.color_maps.zero_()
    frame.color_maps[0, 0, -1] = 10.0  # first index runs along u
    for image in map_images(frame)[3::3]:
        different = (image.pixels != image.pixels[-1, -1]).any(axis=-1)
        np.testing.assert_array_equal(np.argwhere(different), [[0, 0]])


@pytest.mark.parametrize("planes", [("xy",), ("xy", "xy", "xy")])
def test_other_plane_layouts(planes: tuple[str, ...]) -> None:
    assert len(map_images(make_video(mlp_planes=planes).decode(0.0))) == 3 + 2 * len(planes)


def test_alike_parameters_look_alike() -> None:
    channels = np.random.default_rng(0).normal(size=(32, 6, 6)).astype(np.float32)
    channels[:, 0, 0] = channels[:, 5, 5]
    picture = project(channels)
    np.testing.assert_array_equal(picture[5, 0], picture[0, 5])
    assert (picture[5, 0] != picture[0, 0]).any()


def test_constant_maps_are_gray() -> None:
    assert set(project(np.full((5, 4, 4), 3.0, np.float32))[..., :3].ravel().tolist()) == {128}
