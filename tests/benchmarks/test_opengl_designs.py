"""The designs of the OpenGL shaders: all of them render the same image, and their work is counted as by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.opengl_designs import (
    RecordingColorPass,
    Scene,
    count,
    decoding_agreement,
    draw_functions,
    listed,
    make_scene,
    pixels,
    report,
    work_of,
)
from benchmarks.opengl_waves import color_waves, head_fetches, union_of_steps, waves
from renderer.opengl.color_pass import GroupedColorPass
from renderer.opengl.frame import OpenGLFrame
from renderer.opengl.targets import TileTargets
from tests.factories import make_camera, make_video


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    made = make_scene(make_video(seed=3), 0.4, make_camera(45, 38))
    yield made
    assert made.context.error == "GL_NO_ERROR"


@pytest.mark.slow
def test_all_designs_render_the_same_image(scene: Scene) -> None:
    draws = draw_functions(scene)
    draws["color in the march"]()
    expected = [pixels(texture, scene.size).copy() for texture in scene.targets.sums]
    assert expected[0][..., 3].max() > 0.5
    for name, draw in draws.items():
        draw()
        rgba, sums = (pixels(texture, scene.size) for texture in scene.targets.sums)
        np.testing.assert_allclose(rgba, expected[0], atol=2e-3, err_msg=name)
        np.testing.assert_array_equal(sums[..., 1:3], expected[1][..., 1:3], err_msg=name)


@pytest.mark.slow
def test_the_work_of_a_view(scene: Scene) -> None:
    counts = count(scene)
    draw_functions(scene)["density first, color per ray"]()
    sums = pixels(scene.targets.sums[1], scene.size)
    assert (counts.density_samples, counts.color_samples) == (sums[..., 1].sum(), sums[..., 2].sum())
    assert counts.steps[0] > counts.steps[1] >= counts.density_samples
    assert counts.march_waves >= counts.ray_waves >= counts.color_samples / 32
    assert counts.tiles >= counts.color_samples * 3 / 64
    one, two, four = counts.fetched_heads
    assert one == 3 * color_waves(np.minimum(sums[..., 2].astype(int), 8)) and one > two > four > one / 4
    work = work_of(scene, counts)
    fetches = {name: sum(stage.texels for stage in stages) for name, (stages, _) in work.items()}
    assert fetches["density first, sorted, tiles share a head"] < fetches["density first, color per ray"]
    assert fetches["density first, color per ray"] <= fetches["color in the march"] < fetches["color in the march, no leaps"]
    text = report(scene, counts, dict.fromkeys(work, 1.0), decoding_agreement(scene, make_video(seed=3)), "random.mlpvid")
    assert all(f"| {name} |" in text for name in work)
    assert re.search(r"agrees with the CPU to [6-9]\d\.\d dB", text)


def test_waves_are_blocks_of_eight_by_four_rays() -> None:
    values = np.arange(5 * 9).reshape(5, 9, 1)
    split = waves(values)
    assert split.shape == (4, 32, 1)
    assert sorted(split[0, :, 0]) == sorted(values[:4, :8].ravel())
    assert split[3, 0, 0] == values[4, 8] and split[3, 1:].max() == 0


def test_waves_execute_the_color_in_every_step_in_which_a_ray_has_a_sample() -> None:
    steps = np.zeros((2, 32, 16), int)
    steps[0, 0, :3] = 4, 5, 9
    steps[0, 7, :2] = 5, 6
    assert union_of_steps(steps) == 4
    color = np.zeros((4, 8), int)
    color[0, 0], color[0, 7] = 3, 2
    assert color_waves(color) == 3
    color[3, 3] = 19
    assert color_waves(color) == 8 + 8 + 3


def test_samples_of_a_ray_share_a_fetch_when_they_have_the_same_head() -> None:
    heads = np.full((4, 8, 8, 1), -1)
    heads[0, 0, :4, 0] = 5, 5, 6, 6
    heads[3, 7, :3, 0] = 9, 7, 7
    assert [head_fetches(heads, group) for group in (1, 2, 4)] == [4, 2 + 1, 2]


class FirstRound(GroupedColorPass):
    """Counts the items of each head in the first round, from the tiles that the shaders list."""

    items: np.ndarray

    def draw(self, frame: OpenGLFrame, targets: TileTargets, turn: int, size: tuple[int, int]) -> None:
        super().draw(frame, targets, turn, size)
        if turn == 0:
            number = np.frombuffer(targets.samples.counters.read(), np.uint32)[2]
            tiles = np.frombuffer(targets.samples.tiles.read(), np.uint32).reshape(-1, 4)[:number]
            self.items = np.bincount(tiles[:, 0], tiles[:, 2], minlength=3 * 64)


def test_recorded_heads_are_those_that_the_shaders_count(scene: Scene) -> None:
    recording, first_round = RecordingColorPass(scene), FirstRound(scene.context, scene.frame.config, scene.definitions)
    for color_pass in (recording, first_round):
        listed(scene, color_pass).render(scene.frame, scene.targets, scene.size, scene.matrix, lambda: None)
    assert recording.heads is not None and scene.frame.config.color_map_resolution == 8
    keys = np.concatenate([plane[plane >= 0] + 64 * map_ for map_, plane in enumerate(np.moveaxis(recording.heads, -1, 0))])
    found = np.bincount(keys, minlength=3 * 64)
    assert found.sum() == first_round.items.sum() > 1000
    assert np.abs(found - first_round.items).sum() <= 4, "floats may move a sample on the border of two cells"
