"""The OpenGL renderer in software OpenGL against the reference: the same images for all configs and cameras."""

from __future__ import annotations

import dataclasses
import threading
import time as clock
from collections.abc import Iterator
from typing import Any

import moderngl
import numpy as np
import pytest
import torch

from common.errors import InputError
from model.camera import Camera
from model.config import HashEncodingConfig, OccupancyConfig, RenderConfig
from model.occupancy import pack_occupancy
from model.video import VolumetricVideo
from renderer.backend import CancelToken, RenderCancelled, RenderedImage, RenderSettings
from renderer.cpu.renderer import CpuRenderer
from renderer.opengl import passes as passes_module
from renderer.opengl import renderer as renderer_module
from renderer.opengl.color_pass import PART_SIDE, part_side, uses_compute
from renderer.opengl.passes import RenderOptions
from renderer.opengl.programs import Program
from renderer.opengl.renderer import OpenGLRenderer
from renderer.opengl.tiles import MAX_SIDE, blocks
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_camera, make_video
from tests.renderer.clips import random_clips

COMPUTE = RenderOptions(grouped=True)
"""As on a graphics card. In software, a renderer colors samples with fragment shaders unless it is asked."""


@pytest.fixture(scope="module")
def renderer() -> Iterator[OpenGLRenderer]:
    made = OpenGLRenderer(2, COMPUTE)
    yield made
    assert made.driver_error() == "GL_NO_ERROR"
    made.close()


@pytest.fixture(scope="module", params=[False, True], ids=["fragment shaders", "compute shaders"])
def either(request: pytest.FixtureRequest) -> Iterator[OpenGLRenderer]:
    """Both color passes: that of OpenGL 3.3 and that of OpenGL 4.3."""
    made = OpenGLRenderer(2, RenderOptions(grouped=request.param))
    yield made
    assert made.driver_error() == "GL_NO_ERROR"
    made.close()


def compare(
    renderer: OpenGLRenderer,
    video: VolumetricVideo,
    camera: Camera,
    time: float = 0.0,
    settings: RenderSettings = RenderSettings(),
) -> tuple[RenderedImage, RenderedImage]:
    """Render with both backends, compare the images and return (OpenGL, reference).

    Tolerances: PSNR 45 dB, 3/255, the samples of the cpu backend but in a few rays, depth within a step where a ray is more
    than half opaque.
    """
    reference = ReferenceRenderer()
    frame = reference.prepare(video, time)
    expected = reference.render(frame, camera, settings)
    image = renderer.render(renderer.prepare(video, time), camera, settings)
    difference = image.rgba - expected.rgba
    assert np.abs(difference).max() <= 3 / 255
    assert 10 * np.log10(1 / max(float((difference**2).mean()), 1e-12)) >= 45
    opaque = expected.opacity > 0.5
    step = float(np.linalg.norm(frame.box[1] - frame.box[0])) / (
        settings.steps_per_diagonal or video.config.render.steps_per_diagonal
    )
    assert (np.abs(image.depth - expected.depth)[opaque] <= step).all()
    native = CpuRenderer(2)  # ends rays early, as this backend does and the reference does not
    culled = native.render(native.prepare(video, time), camera, settings)
    totals, wanted = (i.counts.sum((0, 1), dtype=np.int64) for i in (image, culled))
    # Half precision may end a ray earlier or later: one in a hundred rays, and one for every thousand samples. Where the
    # following samples are empty, such a ray has several more.
    others = (image.counts != culled.counts).sum((0, 1))
    assert (others <= 2 + 0.001 * wanted + 0.01 * (culled.counts[..., 0] > 0).sum()).all()
    assert image.rgba.shape == expected.rgba.shape and image.counts.dtype == np.uint16
    assert image.statistics.density_samples == totals[0] and image.statistics.color_samples == totals[1]
    return image, expected


CONFIGS: dict[str, dict[str, Any]] = {
    "paper": {},
    "bilinear harmonics": {"assignment": "bilinear", "view_encoding": "spherical_harmonics"},
    "one plane": {"mlp_planes": ("xz",)},
    "three xy planes": {"mlp_planes": ("xy", "xy", "xy"), "assignment": "bilinear"},
    "one head": {"color_map_resolution": 1, "assignment": "bilinear"},
    "32 heads along a side": {"feature_plane_resolution": 16, "density_map_resolution": 8, "color_map_resolution": 32},
    "four features": {"hash": HashEncodingConfig(5, 4, 9, 4, 40)},
    "eight features": {"hash": HashEncodingConfig(4, 8, 9, 3, 33, 5)},
    "one level": {"hash": HashEncodingConfig(1, 2, 9, 2, 2)},
    "long thin cells": {"occupancy": OccupancyConfig(resolution=(1, 3, 65))},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_configs(either: OpenGLRenderer, name: str) -> None:
    video = make_video(seed=len(name), **CONFIGS[name])
    size = (31, 22) if name == "32 heads along a side" else (61, 43)  # in software, each head costs compute shaders time
    _, expected = compare(either, video, make_camera(*size, azimuth=len(name)), time=1.3)
    assert expected.opacity.max() > 0.3, "the picture shows something"


@pytest.mark.slow
def test_crops_and_depth_ranges(either: OpenGLRenderer) -> None:
    video, camera = make_video(seed=8, occupied=0.6), make_camera(37, 29, azimuth=1.0)
    for settings in random_clips(video, camera, 8):
        _, expected = compare(either, video, camera, settings=settings)
        assert expected.counts.any(), "some samples are left"


@pytest.mark.parametrize("grouped", [False, True], ids=["fragment shaders", "compute shaders"])
def test_filtering_with_eight_bit_weights_is_good_enough(grouped: bool) -> None:
    """Graphics cards filter textures with weights of 8 bits; the driver in software uses floats."""
    compare(
        OpenGLRenderer(2, RenderOptions(rounded_weights=True, grouped=grouped)),
        make_video(seed=4),
        make_camera(61, 43),
        time=0.4,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 1795973622], ids=["fresh", "a ray that ends seven samples later"])
def test_random_views(either: OpenGLRenderer, seed: int | None) -> None:
    seed = int(clock.time()) if seed is None else seed
    random = np.random.default_rng(seed)
    video = make_video(seed=seed, occupied=float(random.uniform(0.02, 1)))
    for _ in range(4):
        camera = make_camera(*random.integers(1, 70, 2).tolist(), *random.uniform((0, -1.5, 0), (6, 1.5, 5)).tolist())
        compare(either, video, camera, time=float(random.uniform(0, 2)))


CAMERAS = {
    "inside": Camera.look_at((0, 0.1, 1), (0.5, 0.2, 1.1), (0, 0, 1), 1.2, 40, 40),
    "far": Camera.look_at((300, 200, 100), (0, 0.1, 1), (0, 0, 1), 0.008, 40, 40),
    "grazing": Camera.look_at((0.7, -4, 1.9), (0.7, 4, 2.0), (0, 0, 1), 0.2, 40, 40),
    "looking away": Camera.look_at((5, 5, 5), (6, 6, 6), (0, 0, 1), 0.5, 16, 16),
    "along x": Camera.look_at((-4, 0.15, 1.0), (-0.05, 0.15, 1.0), (0, 0, 1), 0.7, 33, 31),
    "along z": Camera.look_at((-0.05, 0.15, 5.0), (-0.05, 0.15, 1.0), (1, 0, 0), 0.7, 33, 31),
    "one pixel": make_camera(1, 1),
    "one row": make_camera(67, 1),
    "one column": make_camera(1, 35),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras(renderer: OpenGLRenderer, name: str) -> None:
    _, expected = compare(renderer, make_video(seed=5, occupied=0.9), CAMERAS[name])
    assert (expected.rgba.max() > 0) == (name != "looking away")


@pytest.mark.parametrize("occupied", [0.0, 0.01, 1.0])
def test_empty_sparse_and_full_occupancy(renderer: OpenGLRenderer, occupied: float) -> None:
    image, _ = compare(renderer, make_video(seed=4, occupied=occupied), make_camera(50, 50))
    assert (image.counts[..., 0].max() > 0) == (occupied > 0)


def test_one_cell_far_from_the_camera_is_not_leapt_over(renderer: OpenGLRenderer) -> None:
    video = make_video(seed=8, occupancy=OccupancyConfig(resolution=(40, 40, 40)))
    cells = torch.zeros(3, 40, 40, 40, dtype=torch.bool)
    cells[:, 37, 2, 20] = True
    video.occupancy = pack_occupancy(cells)
    image, _ = compare(renderer, video, make_camera(64, 64, azimuth=3.6))
    assert image.statistics.density_samples > 0


@pytest.mark.slow
@pytest.mark.parametrize("settings", [RenderSettings(31), RenderSettings(None, 0.01), RenderSettings(300, 0.0)])
def test_settings(either: OpenGLRenderer, settings: RenderSettings) -> None:
    """With tau2 = 0 and many steps rays keep far more than the eight samples of a round."""
    image, expected = compare(either, make_video(seed=9), make_camera(40, 40), settings=settings)
    if settings.weight_threshold == 0:
        assert expected.counts[..., 1].max() > 24 and image.counts[..., 1].max() > 24


@pytest.mark.slow
def test_a_region_is_a_part_of_the_image(renderer: OpenGLRenderer) -> None:
    frame, camera = renderer.prepare(make_video(seed=2), 0.0), make_camera(90, 70)
    whole = renderer.render(frame, camera)
    part = renderer.render(frame, camera, region=(17, 5, 80, 66))
    np.testing.assert_allclose(part.rgba, whole.rgba[5:66, 17:80], atol=1e-3)
    assert part.depth.shape == (61, 63) and part.counts.shape == (61, 63, 2)


def test_an_empty_region(renderer: OpenGLRenderer) -> None:
    image = renderer.render(renderer.prepare(make_video(), 0.0), make_camera(20, 20), region=(5, 5, 5, 9))
    assert image.rgba.shape == (4, 0, 4) and image.depth.shape == (4, 0)


def test_images_larger_than_a_tile(either: OpenGLRenderer) -> None:
    compare(either, make_video(seed=3, occupied=0.05), make_camera(150, 90), settings=RenderSettings(24))


@pytest.mark.slow
def test_large_images_are_rendered_in_blocks(renderer: OpenGLRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, camera = renderer.prepare(make_video(seed=2), 0.0), make_camera(70, 50)
    whole = renderer.render(frame, camera)
    monkeypatch.setattr(renderer_module, "blocks", lambda width, height: blocks(width, height, 32))
    parts = renderer.render(frame, camera)
    np.testing.assert_allclose(parts.rgba, whole.rgba, atol=1e-3)
    assert abs(parts.statistics.density_samples - whole.statistics.density_samples) <= 20
    assert parts.statistics.density_samples == parts.counts[..., 0].sum()


def test_levels_on_several_pages_of_the_atlas(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a driver whose textures hold few levels each, and the hash tables in many layers."""
    monkeypatch.setattr("renderer.opengl.bake.limit", lambda context, name: 64)
    renderer, video = OpenGLRenderer(2, COMPUTE), make_video(seed=7, hash=HashEncodingConfig(8, 2, 10, 16, 48))
    compare(renderer, video, make_camera(45, 37), time=1.2)
    assert renderer._bakers[video.config].atlas.pages > 1


@pytest.mark.parametrize("features", [2, 8])
def test_levels_larger_than_a_texture(monkeypatch: pytest.MonkeyPatch, features: int) -> None:
    monkeypatch.setattr("renderer.opengl.bake.limit", lambda context, name: 20 if name == "GL_MAX_TEXTURE_SIZE" else 2048)
    hashes = HashEncodingConfig(16 if features == 2 else 4, features, 10, 12, 70)
    renderer, video = OpenGLRenderer(2, COMPUTE), make_video(seed=7, hash=hashes)
    compare(renderer, video, make_camera(45, 37), time=1.2)
    atlas = renderer._bakers[video.config].atlas
    assert (atlas.width, atlas.height) == (20, 20) and [place.columns for place in atlas.places[:: len(atlas.places) - 1]] == [
        1,
        4,
    ]


def test_samples_are_listed_in_parts_of_a_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderer.opengl.color_pass.PART_SIDE", 16)
    compare(OpenGLRenderer(2, COMPUTE), make_video(seed=2), make_camera(45, 37))


@pytest.mark.slow
def test_configs_share_the_buffers_of_the_samples() -> None:
    """They grow for a config that needs more, and the next images with the first one are right."""
    made = OpenGLRenderer(2, COMPUTE)
    few = make_video(seed=3, mlp_planes=("xz",), color_map_resolution=4)
    many = make_video(seed=3, assignment="bilinear", color_map_resolution=16)
    sizes = []
    for video in (few, many, few):
        compare(made, video, make_camera(40, 30))
        sizes.append([buffer.size for buffer in made._shared_scratch().targets.samples._buffers])
    assert all(a < b for a, b in zip(sizes[0][1:3], sizes[1][1:3], strict=True)) and sizes[1] == sizes[2]


def test_a_tile_clears_only_its_own_pixels() -> None:
    """A driver in software takes longer to clear the textures of the largest tile than to render a small one."""
    made, video = OpenGLRenderer(2, COMPUTE), make_video(seed=2)
    compare(made, video, make_camera(20, 16))
    targets = made._shared_scratch().targets
    written = [*targets.kept, *targets.rounds, *targets.sums]
    ones = np.ones((MAX_SIDE, MAX_SIDE, 4), np.float32)
    for texture in written:
        made.run(lambda _, texture=texture: texture.write(ones))  # type: ignore[misc]
    compare(made, video, make_camera(20, 16))
    for texture in written:
        pixels = np.frombuffer(made.run(lambda _, texture=texture: texture.read()), np.float32)  # type: ignore[misc]
        outside = pixels.reshape(ones.shape).copy()
        outside[:16, :20] = 1.0
        assert (outside == 1.0).all()


def test_parts_of_a_tile_fit_the_drivers_limit() -> None:
    assert part_side(1 << 27, 3) == part_side(1 << 27, 12) == PART_SIDE
    assert part_side(1 << 24, 12) == 64, "64 x 64 pixels x 8 samples x 12 items x 16 bytes are 6 MiB, those of 128 x 128 24 MiB"


def test_cards_color_with_compute_shaders_and_drivers_in_software_with_fragments(
    renderer: OpenGLRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = (None, False, True)
    software = [renderer.run(lambda context, asked=asked: uses_compute(context, asked)) for asked in choices]  # type: ignore[misc]
    monkeypatch.setattr("renderer.opengl.color_pass.is_software", lambda _: False)
    card = [renderer.run(lambda context, asked=asked: uses_compute(context, asked)) for asked in choices]  # type: ignore[misc]
    monkeypatch.setattr("renderer.opengl.color_pass.has_compute", lambda _: False)
    assert software == [False, False, True] and card == [True, False, True]
    assert not renderer.run(lambda context: uses_compute(context, None)), "a card of OpenGL 3.3"


def test_a_driver_whose_compute_shaders_fail_colors_with_fragments(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: Any) -> None:
        raise InputError("shader scan_heads.comp", "is rejected by the graphics driver: no")

    monkeypatch.setattr("renderer.opengl.color_pass.is_software", lambda _: False)
    monkeypatch.setattr("renderer.opengl.color_pass.ComputeProgram", refuse)
    compare(OpenGLRenderer(2), make_video(seed=2), make_camera(20, 20))
    assert "shader scan_heads.comp is rejected" in caplog.text.replace(":", "")


def test_a_driver_that_refuses_is_an_error_in_words(renderer: OpenGLRenderer) -> None:
    def refuse() -> None:
        raise moderngl.Error("cannot create texture")

    with pytest.raises(InputError, match=r"the graphics driver rejected the operation \(cannot create texture"):
        renderer._gl.run(refuse)


def test_a_shader_that_the_driver_refuses(renderer: OpenGLRenderer) -> None:
    with pytest.raises(InputError, match=r"shader bake_grids\.frag: is rejected by the graphics driver"):
        renderer._gl.run(lambda: Program(renderer._gl.context, "bake_grids.frag", {"PARTS": 0, "texelFetch": 1}, layered=True))


def test_a_time_outside_the_video_is_refused(renderer: OpenGLRenderer) -> None:
    with pytest.raises(InputError, match="not in this video"):
        renderer.prepare(make_video(), 2.5)


@pytest.mark.slow
def test_cancelled_before_and_between_draw_calls(renderer: OpenGLRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, camera, token = renderer.prepare(make_video(), 0.0), make_camera(200, 200), CancelToken()
    drawn = []
    resolve = passes_module.RenderPasses.resolve

    def cancelling(self: Any, *arguments: Any) -> None:
        drawn.append(1)
        token.cancel()
        resolve(self, *arguments)

    monkeypatch.setattr(passes_module.RenderPasses, "resolve", cancelling)
    with pytest.raises(RenderCancelled):
        renderer.render(frame, camera, cancel=token)
    assert len(drawn) == 1, "no tile is drawn after the one during which the render was cancelled"
    with pytest.raises(RenderCancelled):
        renderer.render(frame, camera, cancel=token)
    assert len(drawn) == 1
    monkeypatch.undo()
    assert renderer.render(frame, camera).opacity.max() > 0, "the renderer continues"


@pytest.mark.slow
def test_prepare_and_render_from_several_threads(renderer: OpenGLRenderer) -> None:
    video, camera = make_video(seed=1), make_camera(40, 40)
    expected = [renderer.render(renderer.prepare(video, float(t)), camera).rgba for t in range(3)]
    found: dict[int, Any] = {}

    def work(t: int) -> None:
        found[t] = renderer.render(renderer.prepare(video, float(t)), camera).rgba

    threads = [threading.Thread(target=work, args=(t,)) for t in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for t in range(3):
        np.testing.assert_allclose(found[t], expected[t], atol=3 / 255)


@pytest.mark.slow
def test_changed_weights_are_uploaded_again(renderer: OpenGLRenderer) -> None:
    video, camera = make_video(seed=1), make_camera(32, 32)
    before = renderer.render(renderer.prepare(video, 0.0), camera).rgba
    with torch.no_grad():
        video.hash_encoding.tables.mul_(-1)
    after, _ = compare(renderer, video, camera)
    assert np.abs(after.rgba - before).max() > 0.05


@pytest.mark.slow
def test_a_config_with_other_thresholds_has_its_own_uniforms(renderer: OpenGLRenderer) -> None:
    video = make_video(seed=5)
    other = make_video(seed=5, config=dataclasses.replace(video.config, render=RenderConfig(48, 0.01)))
    for v in (video, other, video):
        compare(renderer, v, make_camera(30, 30))
