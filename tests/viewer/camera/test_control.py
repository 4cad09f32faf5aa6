"""Camera moves: what stays fixed, where points land on the screen, undo, snapping."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from model.camera import Camera
from tests.factories import make_camera
from tests.viewer.camera.test_state import odd_camera
from viewer.camera.control import MAX_PITCH, OrbitCamera, fitting_distance, nearest_camera
from viewer.camera.rotations import angles_from_rotation

BOX = np.array([[-0.6, -0.4, 0.0], [0.5, 0.7, 1.9]])
WIDTH, HEIGHT = 640, 360
small = st.floats(-1.0, 1.0)


class Clock:
    """Seconds under a test's control."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def orbit_camera(up: tuple[float, float, float] = (0, 0, 1), clock: Callable[[], float] | None = None) -> OrbitCamera:
    return OrbitCamera(BOX, up, clock or Clock())


def pixel(camera: Camera, point: np.ndarray) -> np.ndarray:
    """Return where a world point is on the screen, pixels."""
    x, y, z = camera.K @ (camera.R @ point + camera.T)
    assert z > 0
    return np.array([x / z, y / z])


def roll_of(control: OrbitCamera) -> float:
    return angles_from_rotation(control.state.rotation, control.up)[2]


@given(st.lists(st.tuples(small, small), min_size=1, max_size=30), st.booleans(), st.sampled_from([(0, 0, 1), (0, -1, 0)]))
def test_orbit_stays_on_its_sphere(turns: list[tuple[float, float]], locked: bool, up: tuple[float, float, float]) -> None:
    control = orbit_camera(up)
    control.roll_locked = locked
    target, distance = control.state.target, control.state.distance
    for yaw, pitch in turns:
        control.orbit(yaw, pitch)
        np.testing.assert_array_equal(control.state.target, target)
        assert np.linalg.norm(control.state.eye - target) == pytest.approx(distance)
        np.testing.assert_allclose(control.state.rotation @ control.state.rotation.T, np.eye(3), atol=1e-9)
        if locked:
            assert roll_of(control) == pytest.approx(0, abs=1e-6)
            assert abs(angles_from_rotation(control.state.rotation, up)[1]) <= MAX_PITCH + 1e-9


def test_orbit_directions() -> None:
    control = orbit_camera()
    before = control.state
    control.orbit(0.1, 0.0)
    assert (control.state.eye - before.eye) @ before.right > 0, "positive yaw moves the camera to its right"
    control.orbit(0.0, 0.1)
    assert control.state.eye[2] > before.eye[2], "positive pitch moves it up"
    assert np.linalg.norm(control.state.eye - before.eye) == pytest.approx(2 * math.sin(0.05) * before.distance, rel=0.5)


def test_orbit_keeps_the_roll_of_a_tilted_camera() -> None:
    control = orbit_camera()
    control.snap_to(odd_camera())
    roll = roll_of(control)
    assert abs(roll) > 0.3
    control.orbit(0.5, 0.2)
    assert roll_of(control) == pytest.approx(roll)
    control.level()
    assert roll_of(control) == pytest.approx(0, abs=1e-9)


def test_tumbling_goes_over_the_pole() -> None:
    control = orbit_camera()
    control.roll_locked = False
    for _ in range(4):
        control.orbit(0.0, math.pi / 4)
    assert roll_of(control) == pytest.approx(math.pi, abs=1e-6) or roll_of(control) == pytest.approx(-math.pi, abs=1e-6)


@given(small, small)
def test_look_turns_around_the_eye(yaw: float, pitch: float) -> None:
    control = orbit_camera()
    eye, forward = control.state.eye, control.state.forward
    control.look(yaw, pitch)
    np.testing.assert_allclose(control.state.eye, eye, atol=1e-9)
    if abs(pitch) < 1e-9:
        assert forward @ control.state.forward == pytest.approx(math.cos(yaw) * (1 - forward[2] ** 2) + forward[2] ** 2)


def test_look_directions() -> None:
    control = orbit_camera()
    before = control.state
    control.look(0.1, 0.0)
    assert control.state.forward @ before.right < 0, "positive yaw looks to the left"
    control.look(0.0, 0.1)
    assert control.state.forward[2] > before.forward[2], "positive pitch looks up"


@given(st.floats(-300, 300), st.floats(-200, 200), st.floats(0.5, 20))
def test_pan_moves_with_the_cursor(right: float, down: float, depth: float) -> None:
    control = orbit_camera()
    grabbed = control.to_camera(WIDTH, HEIGHT).unproject((200.0, 150.0), depth)
    control.pan(right, down, WIDTH, HEIGHT, depth)
    moved = pixel(control.to_camera(WIDTH, HEIGHT), grabbed)
    np.testing.assert_allclose(moved, [200 + right, 150 + down], atol=1e-6)


def test_pan_is_at_the_depth_of_the_target_by_default() -> None:
    control = orbit_camera()
    target = control.state.target
    control.pan(30, -20, WIDTH, HEIGHT)
    np.testing.assert_allclose(pixel(control.to_camera(WIDTH, HEIGHT), target), [350, 160], atol=1e-9)


def test_dolly_is_exponential_and_bounded() -> None:
    control = orbit_camera()
    distance = control.state.distance
    control.dolly(3)
    assert control.state.distance == pytest.approx(distance * math.exp(-0.3))
    control.dolly(-3)
    assert control.state.distance == pytest.approx(distance)
    control.dolly(1e4)
    assert control.state.distance == pytest.approx(1e-3)
    control.dolly(-1e9)
    assert control.state.distance == pytest.approx(1e5)


@given(st.floats(-5, 5), st.floats(10, 600), st.floats(10, 350))
def test_dolly_keeps_the_pixel_of_its_anchor(steps: float, x: float, y: float) -> None:
    control = orbit_camera()
    anchor = control.to_camera(WIDTH, HEIGHT).unproject((x, y), 0.9 * control.state.distance)
    control.dolly(steps, anchor)
    np.testing.assert_allclose(pixel(control.to_camera(WIDTH, HEIGHT), anchor), [x, y], atol=1e-5)


@given(st.floats(5, 635), st.floats(5, 355), st.floats(0.1, 50))
def test_focus_lands_on_the_point(x: float, y: float, depth: float) -> None:
    control = orbit_camera()
    control.snap_to(odd_camera())
    rotation = control.state.rotation
    point = control.to_camera(WIDTH, HEIGHT).unproject((x, y), depth)
    control.focus(point)
    np.testing.assert_allclose(control.state.target, point)
    np.testing.assert_allclose(pixel(control.to_camera(WIDTH, HEIGHT), point), [WIDTH / 2, HEIGHT / 2], atol=1e-6)
    assert control.state.distance == pytest.approx(depth)
    np.testing.assert_array_equal(control.state.rotation, rotation)


def test_focus_behind_the_camera_keeps_the_distance() -> None:
    control = orbit_camera()
    distance = control.state.distance
    point = control.state.eye - control.state.forward
    control.focus(point)
    np.testing.assert_allclose(control.state.target, point)
    assert control.state.distance == distance


@pytest.mark.parametrize("size", [(640, 360), (200, 800), (512, 512)])
@pytest.mark.parametrize("direction", [(1, 0.2, -0.3), (0, 0, -1), (-1, -1, 1)])
def test_fit_shows_the_whole_box_and_touches_the_margin(size: tuple[int, int], direction: tuple[float, float, float]) -> None:
    control = orbit_camera()
    control.look_along(direction)
    control.dolly(-7)
    control.pan(99, 99, *size)
    control.fit(*size)
    camera = control.to_camera(*size)
    corners = np.array([[BOX[i, 0], BOX[j, 1], BOX[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    pixels = np.array([pixel(camera, corner) for corner in corners]) / size
    assert pixels.min() == pytest.approx(0.05, abs=1e-6) or pixels.max() == pytest.approx(0.95, abs=1e-6)
    assert pixels.min() >= 0.05 - 1e-6 and pixels.max() <= 0.95 + 1e-6


def test_fitting_distance_by_hand() -> None:
    points = np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    assert fitting_distance(points, np.eye(3), 0.5, 0.5, margin=0.0) == 2.0
    assert fitting_distance(points, np.eye(3), 0.5, 0.5, margin=0.25) == 4.0


@pytest.mark.parametrize("direction", [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
def test_look_along_the_axes(direction: tuple[float, float, float]) -> None:
    control = orbit_camera()
    control.look_along(direction)
    np.testing.assert_allclose(control.state.forward, direction, atol=1e-9)
    control.orbit(0.2, 0.1)
    np.testing.assert_allclose(control.state.rotation @ control.state.rotation.T, np.eye(3), atol=1e-9)


def test_set_up_levels_the_horizon_on_it() -> None:
    control = orbit_camera()
    control.set_up((0, -1, 0))
    assert control.state.right @ np.array([0, 1, 0]) == pytest.approx(0, abs=1e-9)
    assert control.state.down @ np.array([0, -1, 0]) < 0
    with pytest.raises(ValueError, match="direction"):
        control.set_up((0, 0, 0))


def test_roll_turns_about_the_axis() -> None:
    control = orbit_camera()
    forward = control.state.forward
    control.roll(0.3)
    np.testing.assert_allclose(control.state.forward, forward, atol=1e-12)
    assert roll_of(control) == pytest.approx(0.3)


def test_field_of_view_is_clamped() -> None:
    control = orbit_camera()
    eye = control.state.eye
    control.set_field_of_view(math.radians(30))
    assert control.to_camera(100, 100).K[1, 1] == pytest.approx(50 / math.tan(math.radians(15)))
    control.set_field_of_view(10.0)
    assert control.state.field_of_view == pytest.approx(math.radians(150))
    control.set_field_of_view(math.nan)
    np.testing.assert_array_equal(control.state.eye, eye)


def test_fly_moves_along_the_view_and_stops() -> None:
    control = orbit_camera()
    eye, forward = control.state.eye, control.state.forward
    assert control.fly(0.5, (0, 0, 1))
    way = control.state.eye - eye
    np.testing.assert_allclose(way / np.linalg.norm(way), forward, atol=1e-9)
    for _ in range(200):
        control.fly(0.05, (0, 0, 0))
    assert not control.fly(0.05, (0, 0, 0))


def test_snap_reproduces_the_camera_until_moved() -> None:
    control = orbit_camera()
    camera = odd_camera()
    control.snap_to(camera)
    assert control.to_camera(640, 480) is camera
    control.orbit(0.01, 0.0)
    assert control.state.snapped is None


def test_clipboard_round_trip() -> None:
    control = orbit_camera()
    text = control.to_json(WIDTH, HEIGHT)
    assert set(json.loads(text)) == {"width", "height", "K", "R", "T"}
    other = orbit_camera()
    other.orbit(1.0, 0.2)
    other.from_json(text)
    before, after = control.to_camera(WIDTH, HEIGHT), other.to_camera(WIDTH, HEIGHT)
    for name in ("K", "R", "T"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    other.undo()
    assert other.state.snapped is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "nonsense", '{"width": 1}', "[" * 100000])
def test_clipboard_refuses_other_text(text: str) -> None:
    control = orbit_camera()
    state = control.state
    with pytest.raises(InputError, match="clipboard"):
        control.from_json(text)
    assert control.state is state


def test_undo_and_redo() -> None:
    control = orbit_camera()
    states = [control.state]
    for move in (lambda: control.orbit(0.3, 0), lambda: control.pan(5, 5, WIDTH, HEIGHT), lambda: control.dolly(2)):
        move()
        states.append(control.state)
    for expected in reversed(states[:-1]):
        control.undo()
        assert control.state is expected
    control.undo()
    assert control.state is states[0]
    for expected in states[1:]:
        control.redo()
        assert control.state is expected
    control.redo()
    assert control.state is states[-1]
    control.undo()
    control.orbit(0.1, 0.1)
    assert not control.history.can_redo


def test_a_drag_is_one_entry() -> None:
    clock = Clock()
    control = orbit_camera(clock=clock)
    start = control.state
    control.begin_gesture()
    for _ in range(50):
        clock.now += 1.0
        control.orbit(0.01, 0.0)
        control.pan(1.0, 0.0, WIDTH, HEIGHT)
    control.end_gesture()
    control.undo()
    assert control.state is start
    control.begin_gesture()
    control.end_gesture()
    assert not control.history.can_undo, "a click moves nothing"
    assert control.history.can_redo


def test_a_burst_of_the_wheel_is_one_entry() -> None:
    clock = Clock()
    control = orbit_camera(clock=clock)
    start = control.state
    for _ in range(20):
        clock.now += 0.3
        control.dolly(1)
    middle = control.state
    clock.now += 2.0
    control.dolly(1)
    control.undo()
    assert control.state is middle
    control.undo()
    assert control.state is start


def test_quick_snaps_are_entries_of_their_own() -> None:
    clock = Clock()
    control = orbit_camera(clock=clock)
    states = [control.state]
    for azimuth in (0.5, 1.0, 1.5):
        clock.now += 0.1
        control.snap_to(make_camera(azimuth=azimuth))
        states.append(control.state)
    for expected in reversed(states[:-1]):
        control.undo()
        assert control.state is expected


def test_history_is_bounded() -> None:
    clock = Clock()
    control = orbit_camera(clock=clock)
    for _ in range(500):
        clock.now += 10.0
        control.orbit(0.01, 0.0)
    undone = 0
    while control.history.can_undo:
        control.undo()
        undone += 1
    assert undone == 200


def test_nearest_camera() -> None:
    cameras = [Camera.look_at((x, 0, 0), (0, 0, 5), (0, 1, 0), 0.8, 8, 8) for x in (-3, 1, 4)]
    assert nearest_camera(cameras, (2, 0, 0)) == 1
    with pytest.raises(ValueError, match="no cameras"):
        nearest_camera([], (0, 0, 0))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_scenes_of_any_size_are_shown_whole(scale: float) -> None:
    """From micrometers to thousands of kilometers."""
    ordinary, control = orbit_camera(), OrbitCamera(scale * BOX)
    ordinary.fit(64, 48)
    control.fit(64, 48)
    assert control.state.distance == pytest.approx(scale * ordinary.state.distance)
    target = control.state.target + 0.1 * scale * control.state.right
    control.focus(target)
    assert control.state.distance == pytest.approx(scale * ordinary.state.distance)
