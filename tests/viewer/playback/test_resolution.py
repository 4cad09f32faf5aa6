"""Dynamic resolution on simulated machines: it reaches the target, does not oscillate and cannot spiral down."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.playback.resolution import DEAD_BAND, IGNORED, IN_TIME, MAX_SCALE, MIN_SCALE, ResolutionController, aimed_rate

TARGET = 30.0


def simulate(
    fixed: float, full: float, frames: int = 300, noise: float = 0.0, stalls: float = 0.0, seed: int = 0
) -> list[float]:
    """Return the scales chosen on a machine that takes `fixed` + `full` * scale^2 seconds per frame and sometimes stalls."""
    rng = random.Random(seed)
    controller = ResolutionController(TARGET)
    scales = []
    for frame in range(frames):
        seconds = (fixed + full * controller.scale**2) * max(0.2, rng.gauss(1.0, noise))
        if frame == 0 or rng.random() < stalls:
            seconds += 1.0
        controller.measure(seconds, controller.scale)
        scales.append(controller.scale)
    return scales


def load(fixed: float, full: float, scale: float) -> float:
    return (fixed + full * scale**2) * TARGET


@given(st.floats(0.001, 0.025))
def test_a_fast_machine_keeps_full_resolution(full: float) -> None:
    assert set(simulate(0.0, full)) == {MAX_SCALE}


@given(st.floats(0.04, 1.2), st.floats(0.0, 0.3))
def test_a_slow_machine_reaches_the_target(full: float, fixed_share: float) -> None:
    fixed = fixed_share / TARGET
    final = simulate(fixed, full)[-1]
    assert DEAD_BAND[0] - 1e-9 <= load(fixed, full, final) <= DEAD_BAND[1] + 1e-9 or final == MIN_SCALE


@given(st.floats(0.0, 0.1), st.floats(0.0, 2.0))
def test_scale_settles_and_stays_within_its_bounds(fixed: float, full: float) -> None:
    scales = simulate(fixed, full, 280)
    assert all(MIN_SCALE <= scale <= MAX_SCALE for scale in scales)
    assert len(set(scales[150:])) == 1


def test_one_slow_frame_at_the_start_lowers_nothing() -> None:
    assert set(simulate(0.0, 0.03)) == {MAX_SCALE}
    controller = ResolutionController(TARGET)
    for _ in range(IGNORED):
        controller.measure(100.0, MAX_SCALE)
    assert controller.scale == MAX_SCALE


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_noise_and_stalls_do_not_spiral_down(seed: int) -> None:
    scales = simulate(0.0, 0.03, frames=600, noise=0.1, stalls=0.05, seed=seed)
    assert sum(scales) / len(scales) > 0.8
    assert min(scales) > 0.5


def test_time_that_is_not_made_of_pixels_keeps_the_resolution() -> None:
    scales = simulate(fixed=0.1, full=0.002, frames=280)
    assert scales[-1] == MAX_SCALE, "lowering was tried and taken back"
    assert min(scales) < MAX_SCALE


@pytest.mark.parametrize("fixed", [1.2, 1.6, 3.0])
def test_small_reductions_are_judged_together(fixed: float) -> None:
    scales = simulate(fixed=fixed / TARGET, full=0.0, frames=280)
    assert scales[-1] == MAX_SCALE and 0.4 < min(scales) < 0.9


@pytest.mark.parametrize("begins", range(4, 40, 2))
def test_work_of_others_that_begins_while_the_scale_falls_does_not_keep_it_up(begins: int) -> None:
    controller = ResolutionController(TARGET)
    for image in range(100):
        slower = 1.0 if image < begins else 3.0
        controller.measure(0.06 * slower * controller.scale**2, controller.scale)
    assert load(0.0, 0.18, controller.scale) <= DEAD_BAND[1] + 1e-9


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_noise_does_not_keep_the_scale_above_the_target(seed: int) -> None:
    rng = random.Random(seed)
    controller, loads = ResolutionController(TARGET), []
    for image in range(400):
        full = 0.05 if image < 100 else 0.06  # the view becomes a little more expensive
        seconds = full * controller.scale**2 * max(0.5, rng.gauss(1.0, 0.1))
        controller.measure(seconds, controller.scale)
        loads.append(load(0.0, full, controller.scale))
    assert sum(loads[150:]) / len(loads[150:]) < 1.05


def test_recovers_when_the_machine_gets_free() -> None:
    controller = ResolutionController(TARGET)
    for _ in range(100):
        controller.measure(0.2 * controller.scale**2, controller.scale)
    assert controller.scale < 0.5
    for _ in range(200):
        controller.measure(0.01 * controller.scale**2, controller.scale)
    assert controller.scale == MAX_SCALE


def test_pictures_of_another_scale_are_ignored() -> None:
    controller = ResolutionController(TARGET)
    for _ in range(100):
        controller.measure(5.0, 0.5)
    assert controller.scale == MAX_SCALE


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_broken_measurements_are_ignored(seconds: float) -> None:
    controller = ResolutionController(TARGET)
    for _ in range(100):
        controller.measure(seconds, controller.scale)
    assert controller.scale == MAX_SCALE


def test_can_be_switched_off() -> None:
    controller = ResolutionController(TARGET)
    for _ in range(50):
        controller.measure(controller.scale**2, controller.scale)
    assert controller.scale < 0.3
    controller.enabled = False
    assert controller.scale == MAX_SCALE
    controller.enabled = True
    assert controller.scale < 0.3


def test_heavy_overload_is_answered_soon() -> None:
    controller = ResolutionController(TARGET)
    spent = 0.0
    while controller.scale**2 > 0.2:
        seconds = 0.5 * controller.scale**2
        spent += seconds
        controller.measure(seconds, controller.scale)
    assert spent < 3.5


def test_restart_forgets_measurements_and_keeps_the_scale() -> None:
    controller = ResolutionController(TARGET)
    for _ in range(50):
        controller.measure(0.1 * controller.scale**2, controller.scale)
    scale = controller.scale
    controller.restart()
    controller.measure(50.0, scale)
    controller.measure(50.0, scale)
    assert controller.scale == scale < MAX_SCALE


@given(st.floats(0.045, 0.3), st.floats(0.3, 0.84))
def test_time_that_becomes_free_is_used(full: float, cheaper: float) -> None:
    controller = ResolutionController(TARGET)
    for factor in (1.0, cheaper):
        for _ in range(200):
            controller.measure(factor * full * controller.scale**2, controller.scale)
    assert load(0.0, cheaper * full, controller.scale) >= 0.85 - 1e-9 or controller.scale == MAX_SCALE


@pytest.mark.parametrize(
    ("target", "video", "aimed"),
    [(24.0, None, 24.0), (24.0, 29.0, 29.0), (24.0, 20.0, 20.0), (24.0, 60.0, 30.0), (24.0, 3.0, 12.0), (10.0, 30.0, 12.5)],
)
def test_a_video_that_plays_alone_has_its_own_rate_within_limits(target: float, video: float | None, aimed: float) -> None:
    assert aimed_rate(target, video) == pytest.approx(aimed if video is None else IN_TIME * aimed)


@given(st.floats(0.0, 0.005), st.floats(0.02, 0.5), st.floats(16.0, 30.0))
def test_a_settled_scale_drops_no_frame_of_a_video(fixed: float, full: float, video: float) -> None:
    controller = ResolutionController(aimed_rate(24.0, video))
    for _ in range(400):
        controller.measure(fixed + full * controller.scale**2, controller.scale)
    assert (fixed + full * controller.scale**2) * video <= 1.0 or controller.scale == MIN_SCALE
