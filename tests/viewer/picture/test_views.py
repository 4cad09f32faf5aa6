"""Derived views against surfaces with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.camera import Camera
from renderer.backend import RenderedImage
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_camera, make_video
from viewer.export.image_files import over_background
from viewer.picture.views import (
    View,
    ViewPixels,
    colored,
    composited_psnr,
    depth_range,
    head_colors,
    head_indices,
    make_view,
    normals_from_depth,
    surface_points,
)


def rays(camera: Camera) -> np.ndarray:
    """(H, W, 3) directions in world axes with 1 along the optical axis."""
    y, x = np.mgrid[0 : camera.height, 0 : camera.width] + 0.5
    return np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(camera.K).T @ camera.R


def sphere_depth(camera: Camera, center: np.ndarray, radius: float) -> np.ndarray:
    """Return the depth of a sphere along the optical axis, 0 outside it."""
    d, o = rays(camera), camera.center - center
    a, b, c = (d * d).sum(-1), (d * o).sum(-1), o @ o - radius**2
    root = b * b - a * c
    return np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, 0).astype(np.float32)


def plane_depth(camera: Camera, point: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return the depth of a plane along the optical axis."""
    return (((point - camera.center) @ normal) / (rays(camera) @ normal)).astype(np.float32)


def test_points_lie_on_the_surface() -> None:
    camera, center = make_camera(60, 40), np.array([0.1, 0.0, 1.1])
    depth = sphere_depth(camera, center, 0.7)
    points = surface_points(depth, camera)
    hit = depth > 0
    assert hit.any() and not hit.all()
    np.testing.assert_allclose(np.linalg.norm(points[hit] - center, axis=-1), 0.7, atol=1e-4)


def test_normals_of_a_plane_are_exact() -> None:
    camera = make_camera(50, 30)
    normal = np.array([0.6, 0.3, 0.2]) / 0.7
    found = normals_from_depth(plane_depth(camera, np.array([0.0, 0, 1]), normal), camera)
    towards = normal if normal @ camera.R[2] < 0 else -normal
    np.testing.assert_allclose(found, np.broadcast_to(towards, found.shape), atol=2e-3)


def test_normals_of_a_sphere() -> None:
    camera, center = make_camera(160, 160), np.array([0.0, 0.1, 1.0])
    depth = sphere_depth(camera, center, 0.7)
    found, hit = normals_from_depth(depth, camera), depth > 0
    expected = (surface_points(depth, camera) - center) / 0.7
    angle = np.degrees(np.arccos(np.clip((found * expected).sum(-1), -1, 1)))[hit]
    assert np.median(angle) < 1.0
    np.testing.assert_allclose(np.linalg.norm(found[hit], axis=-1), 1, atol=1e-5)
    assert not found[~hit].any()


def test_outlines_do_not_bleed() -> None:
    camera = Camera.look_at((0, 0, -5), (0, 0, 0), (0, -1, 0), 0.6, 40, 40)
    depth = np.full((40, 40), 4.0, np.float32)
    depth[:, 20:] = 8.0
    depth[:, 30:] = 0.0
    found = normals_from_depth(depth, camera)
    np.testing.assert_allclose(found[:, :30], np.broadcast_to([0, 0, -1.0], (40, 30, 3)), atol=1e-4)


def to_rgb(view: ViewPixels, color_map: str = "turbo", background: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    return over_background(colored(view, color_map), background)


def make_image() -> RenderedImage:
    alpha = np.array([[0.0, 0.5, 1.0]], np.float32)
    rgba = np.stack([alpha * 0.2, alpha * 0.4, alpha * 0.6, alpha], -1)
    counts = np.array([[[0, 0], [40, 3], [20, 5]]], np.uint16)
    return RenderedImage(rgba, np.array([[0, 2.0, 4.0]], np.float32), counts)


def test_scalar_views_by_hand() -> None:
    image, camera = make_image(), make_camera(3, 1)
    depth = make_view(View.DEPTH, image, camera, (2.0, 4.0))
    np.testing.assert_allclose(depth.pixels, np.array([[[0, 0], [1, 0.5], [4, 1]]]))
    np.testing.assert_array_equal(to_rgb(depth, "gray", (1, 1, 1)), [[[255] * 3, [128] * 3, [255] * 3]])
    opacity = make_view(View.OPACITY, image, camera)
    np.testing.assert_array_equal(to_rgb(opacity, "gray")[0, :, 0], [0, 128, 255])
    counts = make_view(View.DENSITY_SAMPLES, image, camera)
    assert counts.legend is not None and (counts.legend.low, counts.legend.high) == (0, 40)
    np.testing.assert_array_equal(to_rgb(counts, "gray")[0, :, 0], [0, 255, 128])
    colors = make_view(View.COLOR_SAMPLES, image, camera, (0, 10))
    np.testing.assert_array_equal(to_rgb(colors, "gray")[0, :, 0], [0, 76, 128])
    assert "0" in [text for _, text in counts.legend.ticks]


def test_color_view_is_the_picture() -> None:
    image = make_image()
    view = make_view(View.COLOR, image, make_camera(3, 1))
    assert view.pixels is image.rgba and view.legend is None
    np.testing.assert_array_equal(to_rgb(view, background=(1, 0, 0))[0, 1], [153, 51, 76])


def test_depth_range_ignores_what_is_nearly_transparent() -> None:
    image = make_image()
    low, high = depth_range(image)
    assert 2.0 <= low < high <= 4.0
    image.rgba[..., 3] *= 0.1
    assert depth_range(image) == (0.0, 1.0)
    flat = RenderedImage(np.ones((2, 2, 4), np.float32), np.full((2, 2), 3.0, np.float32), np.zeros((2, 2, 2), np.uint16))
    assert depth_range(flat) == (2.5, 3.5)


@pytest.mark.parametrize(("plane", "axes"), [("xy", (0, 1)), ("xz", (0, 2)), ("yz", (1, 2))])
@pytest.mark.parametrize("bilinear", [False, True])
def test_heads_are_those_of_the_surface(plane: str, axes: tuple[int, int], bilinear: bool) -> None:
    camera, box = make_camera(32, 24), np.array([[-0.8, -0.6, 0.0], [0.7, 0.9, 2.0]])
    depth = sphere_depth(camera, np.array([0.0, 0.1, 1.0]), 0.6)
    index = head_indices(depth, camera, box, 4, plane, bilinear)
    assert (index[depth == 0] == -1).all()
    points = surface_points(depth, camera)
    for row, column in np.argwhere(depth > 0)[::7]:
        p = (points[row, column] - box[0]) / (box[1] - box[0])
        u, v = (math.floor(p[a] * 3 + 0.5) if bilinear else math.floor(p[a] * 4) for a in axes)
        assert index[row, column] == u * 4 + v


def test_heads_view_shows_one_color_a_head() -> None:
    camera, box = make_camera(32, 24), np.array([[-0.8, -0.6, 0.0], [0.7, 0.9, 2.0]])
    depth = sphere_depth(camera, np.array([0.0, 0.1, 1.0]), 0.6)
    opaque = np.where(depth[..., None] > 0, np.ones(4), 0).astype(np.float32)
    image = RenderedImage(opaque, depth, np.zeros((24, 32, 2), np.uint16))
    pixels = make_view(View.HEADS, image, camera, box=box, heads=4).pixels
    seen = {tuple(color) for color in pixels[depth > 0][:, :3].round(4)}
    assert len(seen) == len(set(head_indices(depth, camera, box, 4, "xy")[depth > 0].tolist())) > 2
    assert not pixels[depth == 0].any()
    with pytest.raises(ValueError, match="box"):
        make_view(View.HEADS, image, camera)


@pytest.mark.parametrize("heads", [1, 4, 16, 64])
def test_neighboring_heads_differ(heads: int) -> None:
    colors = head_colors(heads).reshape(heads, heads, 3)
    assert colors.min() >= 0 and colors.max() <= 1
    for axis in (0, 1):
        assert np.all(np.abs(np.diff(colors, axis=axis)).max(axis=-1) > 0.1)


def test_psnr_by_hand() -> None:
    a = np.zeros((2, 2, 4), np.float32)
    b = a.copy()
    b[..., :] = [0.1, 0.0, 0.0, 1.0]
    assert composited_psnr(a, a) == math.inf
    assert composited_psnr(a, b) == pytest.approx(-10 * math.log10(0.01 / 3), abs=1e-4)
    with pytest.raises(ValueError, match="2x2 and 3x3"):
        composited_psnr(a, np.zeros((3, 3, 4), np.float32))


@pytest.mark.parametrize("view", list(View))
def test_every_view_of_a_real_render(view: View) -> None:
    video, camera = make_video(), make_camera(24, 20)
    renderer = ReferenceRenderer(threads=1)
    frame = renderer.prepare(video, 0.0)
    image = renderer.render(frame, camera)
    shown = make_view(view, image, camera, box=frame.box, heads=8)
    assert shown.pixels.dtype == np.float32 and np.isfinite(shown.pixels).all()
    assert shown.pixels.shape == (20, 24, 4 if shown.legend is None else 2)
    assert (shown.pixels[..., -1] <= 1 + 1e-5).all()
    picture = to_rgb(shown)
    assert picture.shape == (20, 24, 3) and picture.std() > 0
