"""Pictures of a frame's maps: shapes, orientation, and that they show differences."""

from __future__ import annotations

import numpy as np
import pytest

from tests.factories import make_video
from viewer.map_images import map_images, principal_colors


def test_all_maps_are_drawn() -> None:
    pictures = map_images(make_video().decode(1.0))
    for images, side in ((pictures.feature_planes, 32), (pictures.density_maps, 32), (pictures.color_maps, 8)):
        assert list(images) == ["xy", "xz", "yz"]
        for image in images.values():
            assert image.shape == (side, side, 3) and image.dtype == np.uint8 and image.std() > 5


def test_v_points_up_and_u_to_the_right() -> None:
    frame = make_video().decode(0.0)
    frame.density_maps.zero_()
    frame.density_maps[0, :, -1, 0] = 10.0  # largest v, smallest u
    frame.color_maps.zero_()
    frame.color_maps[0, 0, -1] = 10.0  # first index runs along u
    pictures = map_images(frame)
    for image in (pictures.density_maps["xy"], pictures.color_maps["xy"]):
        bright = np.argwhere(np.abs(image.astype(int) - image[-1, -1]).sum(-1) > 0)
        np.testing.assert_array_equal(bright, [[0, 0]])


@pytest.mark.parametrize("planes", [("xy",), ("xy", "xy", "xy")])
def test_other_plane_layouts(planes: tuple[str, ...]) -> None:
    pictures = map_images(make_video(mlp_planes=planes).decode(0.0))
    assert len(pictures.color_maps) == len(pictures.density_maps) == len(planes)
    assert len(pictures.feature_planes) == 3


def test_main_component_becomes_green() -> None:
    ramp = np.linspace(0, 1, 100, dtype=np.float32).reshape(1, 10, 10, 1)
    picture = principal_colors(ramp * np.array([1.0, 2.0, 3.0, 4.0], np.float32))
    assert (np.diff(picture.reshape(-1, 3)[:, 1].astype(int)) >= 0).all() and picture[..., 1].max() == 255


def test_constant_maps_are_gray() -> None:
    assert set(principal_colors(np.full((2, 4, 4, 5), 3.0, np.float32)).ravel().tolist()) == {128}
