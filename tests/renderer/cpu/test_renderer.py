"""The native renderer against the reference: the same images for all builds, thread counts and cameras."""

import os
import subprocess
import sys
import threading
import time as clock
from typing import Any

import numpy as np
import pytest
import torch

from common.errors import InputError
from model.camera import Camera
from model.config import HashEncodingConfig, OccupancyConfig, RenderConfig
from model.occupancy import pack_occupancy
from model.video import VolumetricVideo
from renderer.backend import CancelToken, RenderCancelled, RenderedImage, RenderSettings
from renderer.baked import describe_view, struct_bytes
from renderer.cpu.renderer import CpuRenderer
from renderer.cpu.tiles import tile_rectangles
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_camera, make_video
from tests.renderer.clips import random_clips

native = pytest.importorskip("mlpvid_kernels")


def assert_same_image(image: RenderedImage, expected: RenderedImage, step: float) -> None:
    """Check the tolerances of the backends: PSNR 50 dB, 3/255, depth within a step where the ray is more than half opaque."""
    difference = image.rgba - expected.rgba
    assert np.abs(difference).max() <= 3 / 255
    assert 10 * np.log10(1 / max(float((difference**2).mean()), 1e-12)) >= 50
    opaque = expected.rgba[..., 3] > 0.5
    assert (np.abs(image.depth - expected.depth)[opaque] <= step).all()
    assert image.rgba.shape == expected.rgba.shape
    assert image.counts.dtype == np.uint16


def compare(
    video: VolumetricVideo,
    camera: Camera,
    time: float = 0.0,
    settings: RenderSettings = RenderSettings(),
    instruction_set: str | None = None,
) -> tuple[RenderedImage, RenderedImage]:
    """Render with both backends, compare the images and return (native, reference)."""
    reference, renderer = ReferenceRenderer(), CpuRenderer(2, instruction_set)
    frame = reference.prepare(video, time)
    expected = reference.render(frame, camera, settings)
    image = renderer.render(renderer.prepare(video, time), camera, settings)
    steps = settings.steps_per_diagonal or video.config.render.steps_per_diagonal
    assert_same_image(image, expected, float(np.linalg.norm(frame.box[1] - frame.box[0])) / steps)
    return image, expected


CONFIGS: dict[str, dict[str, Any]] = {
    "paper": {},
    "bilinear": {"assignment": "bilinear"},
    "harmonics": {"view_encoding": "spherical_harmonics"},
    "bilinear harmonics": {"assignment": "bilinear", "view_encoding": "spherical_harmonics"},
    "one plane": {"mlp_planes": ("xz",)},
    "three xy planes": {"mlp_planes": ("xy", "xy", "xy"), "assignment": "bilinear"},
    "one head": {"color_map_resolution": 1, "assignment": "bilinear"},
    "unlike maps": {"feature_plane_resolution": 16, "density_map_resolution": 8, "color_map_resolution": 16},
    "four features": {"hash": HashEncodingConfig(5, 4, 9, 4, 40)},
    "eight features": {"hash": HashEncodingConfig(4, 8, 9, 3, 33, 5)},
    "one level": {"hash": HashEncodingConfig(1, 2, 9, 2, 2)},
    "long thin cells": {"occupancy": OccupancyConfig(resolution=(1, 3, 65))},
    "small threshold": {"render": RenderConfig(64, 1e-5)},
}


@pytest.mark.parametrize("instruction_set", native.instruction_sets())
@pytest.mark.parametrize("name", CONFIGS)
def test_configs(name: str, instruction_set: str) -> None:
    video = make_video(seed=len(name), **CONFIGS[name])
    _, expected = compare(video, make_camera(61, 43, azimuth=len(name)), time=1.3, instruction_set=instruction_set)
    assert expected.rgba[..., 3].max() > 0.3, "the picture shows something"


@pytest.mark.parametrize("seed", [None, 1796058409], ids=["fresh", "a crop box that begins behind a range of depths"])
def test_crops_and_depth_ranges(seed: int | None) -> None:
    seed = int(clock.time()) if seed is None else seed
    video, camera = make_video(seed=seed, occupied=0.6), make_camera(37, 29, azimuth=seed % 7)
    for settings in random_clips(video, camera, seed):
        _, expected = compare(video, camera, settings=settings)
        assert expected.counts.any(), f"seed {seed}: some samples are left"


@pytest.mark.slow
def test_fresh_random_views() -> None:
    seed = int(clock.time())
    random = np.random.default_rng(seed)
    video = make_video(seed=seed, assignment=["nearest", "bilinear"][seed % 2], occupied=float(random.uniform(0.02, 1)))
    for _ in range(4):
        camera = make_camera(*random.integers(1, 70, 2).tolist(), *random.uniform((0, -1.5, 0), (6, 1.5, 5)).tolist())
        compare(video, camera, time=float(random.uniform(0, 2)))


def axis_camera(axis: int, sign: float) -> Camera:
    """Return a camera whose center ray is exactly parallel to an axis and lies in the plane between two cells."""
    target, eye = np.array([-0.05, 0.15, 1.0]), np.array([-0.05, 0.15, 1.0])
    eye[axis] += 4 * sign
    return Camera.look_at(eye, target, np.roll([1.0, 0, 0], axis + 1), 0.7, 33, 31)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_rays_along_axes(axis: int, sign: float) -> None:
    compare(make_video(seed=3), axis_camera(axis, sign))


CAMERAS = {
    "inside": Camera.look_at((0, 0.1, 1), (0.5, 0.2, 1.1), (0, 0, 1), 1.2, 40, 40),
    "far": Camera.look_at((300, 200, 100), (0, 0.1, 1), (0, 0, 1), 0.008, 40, 40),
    "grazing": Camera.look_at((0.7, -4, 1.9), (0.7, 4, 2.0), (0, 0, 1), 0.2, 40, 40),
    "outside": Camera.look_at((5, 5, 5), (6, 6, 6), (0, 0, 1), 0.5, 16, 16),
    "one pixel": make_camera(1, 1),
    "one row": make_camera(67, 1),
    "one column": make_camera(1, 35),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras(name: str) -> None:
    _, expected = compare(make_video(seed=5, occupied=0.9), CAMERAS[name])
    assert (expected.rgba.max() > 0) == (name != "outside")


def test_camera_off_center_and_skewed() -> None:
    camera = make_camera(50, 40)
    K = camera.K + np.array([[20.0, 3.0, -11.0], [0, -8.0, 6.0], [0, 0, 0]])
    compare(make_video(seed=6), Camera(50, 40, K, camera.R, camera.T))


def test_no_sample_in_an_occupied_cell_is_missed() -> None:
    """Where nothing absorbs, no ray stops early: both backends count exactly the same samples."""
    for occupied, cells in ((0.03, (32, 20, 70)), (0.5, (5, 6, 7)), (1.0, (4, 4, 4))):
        video = make_video(seed=8, occupied=occupied, occupancy=OccupancyConfig(resolution=cells))
        for values in video.decoder.density_head.parameters():
            values.zero_()
        image, expected = compare(video, make_camera(60, 60), settings=RenderSettings(steps_per_diagonal=311))
        assert expected.counts[..., 0].sum() > 1000
        different = (image.counts != expected.counts).any(axis=2)
        assert different.mean() < 2e-3, "only rounding on a cell's face may differ"
        assert np.abs(image.counts.astype(int) - expected.counts).max() <= 1


def test_empty_occupancy_is_transparent() -> None:
    video = make_video(seed=1)
    video.occupancy = pack_occupancy(torch.zeros(3, *video.config.occupancy.resolution, dtype=torch.bool))
    image, _ = compare(video, make_camera(40, 30))
    assert not image.rgba.any()
    assert not image.depth.any()
    assert not image.counts.any()


def test_rays_stop_when_their_transmittance_is_spent() -> None:
    video = make_video(seed=2, occupied=1.0)
    video.decoder.density_head.weight *= 40
    image, expected = compare(video, make_camera(40, 40))
    assert image.counts[..., 0].sum() < 0.5 * expected.counts[..., 0].sum()
    np.testing.assert_allclose(image.counts[..., 1].sum(), expected.counts[..., 1].sum(), rtol=0.01)


def test_threshold_zero_keeps_what_an_8_bit_image_shows() -> None:
    compare(make_video(seed=4), make_camera(40, 40), settings=RenderSettings(weight_threshold=0.0))


def test_fog_of_many_samples_overflows_the_room_for_kept_samples() -> None:
    """Hundreds of samples per ray, all kept: the color pass runs in the middle of rays."""
    video = make_video(seed=9, occupied=1.0)
    video.decoder.density_head.weight *= 0.2
    image, _ = compare(video, make_camera(6, 6), settings=RenderSettings(steps_per_diagonal=2500, weight_threshold=0.0))
    assert image.statistics.color_samples > 2 * 4096


@pytest.mark.parametrize("instruction_set", native.instruction_sets())
def test_threads_and_repeats_agree_bit_for_bit(instruction_set: str) -> None:
    video, camera = make_video(seed=1, assignment="bilinear"), make_camera(101, 77)
    renderers = [CpuRenderer(threads, instruction_set) for threads in (1, 2, 7, 7)]
    images = [r.render(r.prepare(video, 0.5), camera) for r in renderers]
    assert [r.threads for r in renderers] == [1, 2, 7, 7]
    for image in images[1:]:
        assert (image.rgba == images[0].rgba).all()
        assert (image.depth == images[0].depth).all()
        assert (image.counts == images[0].counts).all()
        assert image.statistics.density_samples == images[0].counts[..., 0].sum()


def test_region_is_a_crop_of_the_whole_image() -> None:
    renderer, camera = CpuRenderer(2), make_camera(90, 70)
    frame = renderer.prepare(make_video(seed=7), 0)
    whole = renderer.render(frame, camera)
    for x0, y0, x1, y1 in ((0, 0, 90, 70), (13, 21, 64, 60), (89, 69, 90, 70), (5, 5, 5, 9)):
        part = renderer.render(frame, camera, region=(x0, y0, x1, y1))
        assert part.rgba.shape == (y1 - y0, x1 - x0, 4)
        assert (part.rgba == whole.rgba[y0:y1, x0:x1]).all()
        assert (part.depth == whole.depth[y0:y1, x0:x1]).all()


def test_statistics_add_up() -> None:
    renderer = CpuRenderer(2)
    frame = renderer.prepare(make_video(seed=1), 0)
    image = renderer.render(frame, make_camera(64, 64))
    statistics = image.statistics
    assert statistics.density_samples == image.counts[..., 0].sum() > 0
    assert statistics.color_samples == image.counts[..., 1].sum() > 0
    assert 0 < statistics.density_ms + statistics.color_ms <= statistics.total_ms
    assert frame.nbytes == sum(a.nbytes for a in vars(frame.arrays).values() if isinstance(a, np.ndarray)) + sum(
        a.nbytes for a in frame.arrays.occupancy
    )
    assert frame.decode_ms > 0
    assert frame.bake_ms > 0


def test_after_cancelling_a_thread_finishes_at_most_the_tile_it_is_at() -> None:
    side, threads = 2048, 2
    video = make_video(seed=1, occupied=1.0)
    video.decoder.density_head.weight *= 0.001
    renderer, token, tiles = CpuRenderer(threads), CancelToken(), tile_rectangles(side, side)
    frame, camera = renderer.prepare(video, 0), make_camera(side, side)
    counts = np.zeros((side, side, 2), np.uint16)
    image = RenderedImage(np.full((side, side, 4), np.nan, np.float32), np.zeros((side, side), np.float32), counts)
    when_cancelled: list[int] = []

    def finished() -> int:
        return int(np.isfinite(image.rgba[tiles[:, 1], tiles[:, 0], 3]).sum())

    def cancel_after_some() -> None:
        while finished() < 5:
            clock.sleep(0.001)
        token.cancel()
        when_cancelled.append(finished())

    watcher = threading.Thread(target=cancel_after_some)
    watcher.start()
    settings, region = RenderSettings(steps_per_diagonal=4000), (0, 0, side, side)
    with pytest.raises(RenderCancelled):
        renderer.render_tiles(frame, camera, settings, region, tiles, image, token)
    watcher.join()
    assert 5 <= when_cancelled[0] < len(tiles) - threads
    assert finished() <= when_cancelled[0] + threads


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority per thread")
def test_background_threads_have_a_lower_priority() -> None:
    def threads() -> set[int]:
        return {int(thread) for thread in os.listdir("/proc/self/task")}

    before, mine = threads(), os.getpriority(os.PRIO_PROCESS, 0)
    quiet = CpuRenderer(3, background=True)
    started = threads() - before
    assert len(started) >= 2 and {os.getpriority(os.PRIO_PROCESS, thread) for thread in started} == {max(1, mine)}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine
    image = quiet.render(quiet.prepare(make_video(), 0), make_camera())
    assert (image.rgba == CpuRenderer(1).render(quiet.prepare(make_video(), 0), make_camera()).rgba).all()


def test_cancelled_before_it_starts() -> None:
    renderer, token = CpuRenderer(1), CancelToken()
    token.cancel()
    with pytest.raises(RenderCancelled):
        renderer.render(renderer.prepare(make_video(), 0), make_camera(), cancel=token)


def test_several_callers_at_once() -> None:
    renderer, video, camera = CpuRenderer(2), make_video(seed=1), make_camera(64, 64)
    expected = renderer.render(renderer.prepare(video, 1), camera).rgba
    results: list[bool] = []

    def work() -> None:
        for _ in range(3):
            frame = renderer.prepare(video, 1)
            results.append(bool((renderer.render(frame, camera).rgba == expected).all()))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 9


def test_time_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="not in this video"):
        CpuRenderer(1).prepare(make_video(), 7)


def test_unknown_instruction_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="instruction set z80"):
        CpuRenderer(1, "z80")
    monkeypatch.setenv("MLPVID_ISA", native.instruction_sets()[-1])
    assert native.instruction_sets()[-1] in CpuRenderer(1).device


def test_without_the_native_package_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("renderer.native.import_native", missing)
    with pytest.raises(InputError, match=r"pip install \./renderer/kernels"):
        CpuRenderer()


LITTLE_MEMORY = """
import resource, mlpvid_kernels
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (96 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(mlpvid_kernels.Engine(1024).threads)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory for stacks this way")
def test_threads_that_cannot_start_are_left_out() -> None:
    ended = subprocess.run([sys.executable, "-c", LITTLE_MEMORY], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert 1 <= int(ended.stdout) < 200


def test_steps_are_not_smaller_than_the_numbers_can_resolve() -> None:
    """A small box 500 km away: without a lower limit, a ray would take 65,536 steps for each spacing of float32 numbers."""
    box = torch.tensor([[0.0, 0.0, 0.0], [3e-4, 4e-4, 0.0]])
    settings = RenderSettings(steps_per_diagonal=65536)
    assert settings.step(RenderConfig(), box, [0.0, 0.0, 1.0]) == pytest.approx(2**-23, rel=1e-3)
    assert settings.step(RenderConfig(), box, [-500_000.0, 0.0, 0.0]) == pytest.approx(500_000 / 2**23)
    assert RenderSettings(10).step(RenderConfig(), box, [0.0, 0.0, 1.0]) == pytest.approx(5e-5)


@pytest.mark.parametrize("steps", [-1, 0, 65537])
def test_impossible_steps_are_refused(steps: int) -> None:
    with pytest.raises(InputError, match="steps per diagonal: must be a whole number from 1 to 65536"):
        RenderSettings(steps_per_diagonal=steps)


@pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
def test_impossible_thresholds_are_refused(threshold: float) -> None:
    with pytest.raises(InputError, match="weight threshold: must be 0 to below 1"):
        RenderSettings(weight_threshold=threshold)


DAMAGED_FRAMES = {
    "step": ("view", "step", 0.0),
    "step that is not finite": ("view", "step", float("nan")),
    "step below 0": ("view", "step", -0.1),
    "levels": ("frame", "occupancy_levels", 0),
    "many levels": ("frame", "occupancy_levels", 5),
    "maps": ("frame", "num_color_maps", 4),
    "heads": ("frame", "color_resolution", 1 << 20),
    "planes": ("frame", "feature_resolution", 1),
    "view": ("frame", "view_channels", 16),
}


@pytest.mark.parametrize(("struct", "name", "value"), DAMAGED_FRAMES.values(), ids=list(DAMAGED_FRAMES))
def test_native_code_refuses_numbers_that_would_lead_it_astray(struct: str, name: str, value: float) -> None:
    renderer, camera = CpuRenderer(1), make_camera(4, 4)
    frame = renderer.prepare(make_video(), 0)
    view = describe_view(frame.config, frame.box, camera, RenderSettings(), (0, 0, 4, 4))
    setattr(view if struct == "view" else frame.struct, name, value)
    image = RenderedImage(np.zeros((4, 4, 4), np.float32), np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint16))
    arrays = (tile_rectangles(4, 4), image.rgba, image.depth, image.counts, np.zeros(1, np.int32))
    with pytest.raises(ValueError):
        renderer.engine.render(struct_bytes(frame.struct), struct_bytes(view), *arrays)
