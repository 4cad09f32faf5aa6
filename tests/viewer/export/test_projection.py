"""Panoramas, VR180 and stereo: directions computed by hand, invisible seams, depth along rays, eyes, sizes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from common.errors import InputError
from model.camera import Camera
from model.config import DecoderConfig, HashEncodingConfig
from renderer.backend import RenderedImage, RenderSettings
from renderer.reference.renderer import ReferenceRenderer, render_rays
from tests.factories import make_camera, make_config, make_video
from tests.viewer.fakes import FakeFrame, FakeRenderer
from viewer.export.cube_map import FACES, face_camera, face_side, may_see
from viewer.export.projection import Projection, converging, directions, level, moved_right
from viewer.export.projection_renderer import ProjectionRenderer, check_projection
from viewer.settings import DisplaySettings

UP = (0.0, 0.0, 1.0)
IDENTITY = Camera(8, 8, np.diag([8.0, 8.0, 1.0]), np.eye(3), np.zeros(3))


class DirectionRenderer(FakeRenderer):
    """Colors are a smooth function of the ray's direction; the surface is a sphere of 2 m around the camera."""

    def render(self, frame: FakeFrame, camera: Camera, *arguments: object, **options: object) -> RenderedImage:  # type: ignore[override]
        """Return the image of one camera."""
        self.cameras.append(camera)
        x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
        _, rays = camera.rays(np.stack([x, y], axis=-1))
        depth = 2 * (rays @ camera.R[2])
        rgba = np.concatenate([color_of(rays), np.ones_like(rays[..., :1])], axis=-1)
        counts = np.full((*depth.shape, 2), 7, np.uint16)
        return RenderedImage(rgba.astype(np.float32), depth.astype(np.float32), counts)


def color_of(rays: np.ndarray) -> np.ndarray:
    return 0.5 + 0.25 * np.sin(3 * rays) + 0.2 * np.cos(2 * np.roll(rays, 1, axis=-1))


def big_frame() -> FakeFrame:
    return FakeFrame(0.0, np.array([[-9, -9, -9], [9, 9, 9]], np.float32))


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        (0, 0, (-0.5, -math.sqrt(0.5), -0.5)),  # 4 x 2 pixels: longitude -135 degrees, latitude 45
        (0, 2, (0.5, -math.sqrt(0.5), 0.5)),  # 45 and 45
        (1, 1, (-0.5, math.sqrt(0.5), 0.5)),  # -45 and -45
        (1, 3, (0.5, math.sqrt(0.5), -0.5)),  # 135 and -45
    ],
)
def test_directions_of_a_panorama(row: int, column: int, expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(directions(4, 2, 2 * math.pi)[row, column], expected, atol=1e-12)


def test_directions_of_vr180() -> None:
    """2 x 2 pixels of one eye: longitudes -45 and 45 degrees."""
    half = math.sqrt(0.5)
    np.testing.assert_allclose(directions(2, 2, math.pi)[0], [(-0.5, -half, 0.5), (0.5, -half, 0.5)], atol=1e-12)


def test_the_faces_cover_all_directions_once() -> None:
    for face in FACES:
        np.testing.assert_array_equal(face @ face.T, np.eye(3))
        assert np.linalg.det(face) == 1
    forward = {tuple(face[2]) for face in FACES}
    assert forward == {(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)}


@pytest.mark.parametrize("name", ["equirectangular", "vr180"])
def test_every_pixel_has_the_color_of_its_direction(name: str) -> None:
    """The bilinear error of a function with second derivatives f'' is at most h^2 |f''| / 4; here h = 2 / 98 and |f''| < 6."""
    projection, size = Projection(name), (204, 102) if name == "equirectangular" else (102, 102)
    camera = Camera(*size, np.diag([50.0, 50.0, 1.0]), level(make_camera(), UP).R, np.zeros(3))
    image = ProjectionRenderer(DirectionRenderer(), projection, UP, (0, 0, 0)).render(big_frame(), camera)
    rays = directions(*size, projection.span) @ camera.R
    expected = np.concatenate([color_of(rays)] * len(projection.eyes), axis=1)
    assert image.rgba.shape == (102, 204, 4)
    np.testing.assert_allclose(image.rgba[..., :3], expected, atol=(2 / 98) ** 2 * 6 / 4 + 1e-6)
    np.testing.assert_allclose(image.rgba[..., 3], 1, atol=1e-6)
    np.testing.assert_allclose(image.depth, 2, rtol=1e-3)  # along the ray, whatever the face
    assert set(np.unique(image.counts)) == {7}


def test_a_panorama_agrees_with_rays_of_the_reference_renderer() -> None:
    """From inside a smooth fog: no pixel differs by more than about 1/255 from its own ray, at seams or elsewhere."""
    decoder = DecoderConfig(latent_channels=16, backbone_channels=(16,) * 4, color_channels=(16, 16), density_gain=1.0)
    smooth = HashEncodingConfig(num_levels=16, log2_table_size=10, base_resolution=2, finest_resolution=4)
    config = make_config(assignment="bilinear", hash=smooth, decoder=decoder, color_map_resolution=2)
    video, renderer = make_video(seed=3, num_frames=1, occupied=1.0, config=config), ReferenceRenderer(1)
    frame, settings = renderer.prepare(video, 0.0), RenderSettings(weight_threshold=0.0, steps_per_diagonal=32)
    camera = make_camera(64, 32, distance=0.3, elevation=0.9)
    image = ProjectionRenderer(renderer, Projection("equirectangular"), UP, (0, 0, 0)).render(frame, camera, settings)
    upright = level(camera, UP)
    rays = torch.tensor(directions(64, 32, 2 * math.pi).reshape(-1, 3) @ upright.R, dtype=torch.float32)
    with torch.no_grad():
        direct = render_rays(frame.frame, torch.tensor(upright.center, dtype=torch.float32), rays, settings).rgba.numpy()
    assert direct[:, :3].std(axis=0).max() > 0.02, "there is something to see"
    np.testing.assert_allclose(image.rgba.reshape(-1, 4), direct.clip(0, 1), atol=1.1 / 255)


def test_empty_pixels_do_not_change_the_depth_next_to_them() -> None:
    class HalfRenderer(DirectionRenderer):
        def render(self, frame: FakeFrame, camera: Camera, *arguments: object, **options: object) -> RenderedImage:  # type: ignore[override]
            image = super().render(frame, camera)
            x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
            empty = camera.rays(np.stack([x, y], axis=-1))[1][..., 2] > 0.3
            return RenderedImage(np.where(empty[..., None], 0, image.rgba), np.where(empty, 0, image.depth), image.counts)

    camera = Camera(64, 32, np.diag([32.0, 32.0, 1.0]), level(make_camera(), UP).R, np.zeros(3))
    image = ProjectionRenderer(HalfRenderer(), Projection("equirectangular"), UP, (0, 0, 0)).render(big_frame(), camera)
    seen = image.opacity > 0
    assert 0.5 < seen.mean() < 0.8
    np.testing.assert_allclose(image.depth[seen], 2, rtol=0.08)
    assert (image.depth[~seen] == 0).all()


def test_faces_that_cannot_see_the_box_are_not_rendered() -> None:
    """From 10 m away, a box of 2 m is in front only; a camera in its middle sees it on all six faces."""
    for distance, count in ((10.0, 1), (0.0, 6)):
        camera = Camera(32, 16, np.diag([16.0, 16.0, 1.0]), level(make_camera(), UP).R, np.zeros(3))
        eye = np.array([0.0, 0.0, 1.0]) - distance * camera.R[2]
        renderer = DirectionRenderer()
        placed = Camera(32, 16, camera.K, camera.R, -camera.R @ eye)
        ProjectionRenderer(renderer, Projection("equirectangular"), UP, (0, 0, 0)).render(FakeFrame(0.0), placed)
        assert len(renderer.cameras) == count


def test_may_see_never_misses_a_point() -> None:
    generator = np.random.default_rng()
    for _ in range(200):
        camera = face_camera(make_camera(azimuth=generator.uniform(0, 6)), int(generator.integers(6)), 16)
        low = generator.uniform(-4, 4, 3)
        box = np.stack([low, low + generator.uniform(0.01, 4, 3)])
        points = generator.uniform(box[0], box[1], (50, 3))
        pixels, depth = camera.project(points)
        seen = (depth > 0) & (pixels > 0).all(axis=1) & (pixels < camera.width).all(axis=1)
        assert may_see(camera, box) or not seen.any()


def test_images_are_level_and_keep_the_heading() -> None:
    for elevation, azimuth in itertools.product((-0.7, 0.0, 1.2), (0.3, 4.0)):
        camera = make_camera(azimuth=azimuth, elevation=elevation)
        found = level(camera, UP)
        np.testing.assert_allclose(found.center, camera.center, atol=1e-9)
        np.testing.assert_allclose(found.R[1], (0, 0, -1), atol=1e-9)  # down
        heading = camera.R[2] * (1, 1, 0)
        np.testing.assert_allclose(found.R[2], heading / np.linalg.norm(heading), atol=1e-9)


def test_the_left_eye_is_at_the_left() -> None:
    assert Projection("vr180", 0.064).eyes == (-0.032, 0.032)
    np.testing.assert_allclose(moved_right(make_camera(), 0.5).center, make_camera().center + 0.5 * make_camera().R[0])
    renderer = DirectionRenderer()
    camera = Camera(16, 16, np.diag([8.0, 8.0, 1.0]), level(make_camera(), UP).R, np.zeros(3))
    ProjectionRenderer(renderer, Projection("vr180", 0.064), UP, (0, 0, 0)).render(big_frame(), camera)
    places = [float(seen.center @ camera.R[0]) for seen in renderer.cameras]
    assert places == pytest.approx([-0.032] * (len(places) // 2) + [0.032] * (len(places) // 2))


def test_eyes_converge_at_the_target() -> None:
    """f = 8 pixels, eyes at -1 and 1 m, target 20 m ahead: images shift by 8/20 pixels, a point at 10 m by 8/10 - 8/20."""
    for offset in (-1.0, 1.0):
        eye = converging(IDENTITY, offset, (0, 0, 20), 2.0)
        assert eye.project([0, 0, 20])[0] == pytest.approx([0, 0])
        assert eye.project([0, 0, 10])[0] == pytest.approx([-offset * (0.8 - 0.4), 0])
        assert eye.K[0, 2] == pytest.approx(offset * 0.4)


def test_eyes_do_not_cross_before_a_near_target() -> None:
    """A target 1 m ahead counts as ten eye distances away: 20 m."""
    np.testing.assert_allclose(converging(IDENTITY, 1.0, (0, 0, 1), 2.0).K, converging(IDENTITY, 1.0, (0, 0, 20), 2.0).K)
    np.testing.assert_allclose(converging(IDENTITY, 0.0, (0, 0, 0), 0.0).K, IDENTITY.K)


def test_stereo_images_are_side_by_side() -> None:
    renderer, camera = FakeRenderer(), make_camera(20, 16)
    image = ProjectionRenderer(renderer, Projection("stereo", 0.1), UP, (0, 0, 1)).render(big_frame(), camera)
    assert image.rgba.shape == (16, 40, 4) and image.depth.shape == (16, 40)
    for part, eye in zip((np.s_[:, :20], np.s_[:, 20:]), renderer.cameras, strict=True):
        np.testing.assert_array_equal(image.rgba[part], FakeRenderer().render(big_frame(), eye).rgba)
    apart = renderer.cameras[1].center - renderer.cameras[0].center
    np.testing.assert_allclose(apart, 0.1 * camera.R[0], atol=1e-9)


def test_faces_are_finer_than_the_panorama() -> None:
    """2048 pixels over 360 degrees are 326 per radian; a face of side N has N / 2 per radian in its middle."""
    assert face_side(2048, 2 * math.pi) == math.ceil(2 * 1.5 * 2048 / (2 * math.pi)) == 978


@pytest.mark.parametrize(("name", "size"), [("equirectangular", (100, 60)), ("vr180", (64, 64)), ("stereo", (33, 20))])
def test_sizes_that_do_not_fit(name: str, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="size"):
        check_projection(Projection(name), size, DisplaySettings())


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(InputError, match="normals"):
        check_projection(Projection("stereo"), (4, 2), DisplaySettings(mode="normals"))
    with pytest.raises(InputError, match="shadow"):
        check_projection(Projection("vr180"), (4, 2), DisplaySettings(show_shadow=True))
    check_projection(Projection(), (5, 3), DisplaySettings(mode="normals", show_shadow=True))
    with pytest.raises(InputError, match="unknown"):
        Projection("fisheye")
    for distance in (-1.0, math.nan, 11.0):
        with pytest.raises(InputError, match="eye distance"):
            Projection("stereo", distance)
