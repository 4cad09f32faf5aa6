"""The playback clock: exact cases, edges of the loop modes, reversal, scrubbing, dropped frames."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from viewer.playback.clock import LoopMode, Playback


def playing(num_frames: int = 10, fps: float = 10.0, mode: LoopMode = LoopMode.LOOP) -> Playback:
    playback = Playback(num_frames, fps)
    playback.mode = mode
    playback.play()
    return playback


def shown(playback: Playback, ticks: int) -> list[int]:
    """Return the frame that is due now and after each of `ticks` frame durations."""
    frames = [playback.frame]
    for _ in range(ticks):
        playback.advance(1 / (playback.fps * playback.speed))
        frames.append(playback.frame)
    return frames


def test_runs_by_the_clock_at_any_refresh_rate() -> None:
    for refresh in (7, 24, 60, 144):
        playback = playing(1000, 30.0)
        for _ in range(refresh * 10):
            playback.advance(1 / refresh)
        assert playback.frame == 300, refresh


def test_does_nothing_while_paused() -> None:
    playback = Playback(10, 10.0)
    assert playback.advance(5.0) == 0.0
    playback.play()
    playback.advance(0.3)
    playback.pause()
    playback.advance(5.0)
    assert playback.frame == 3


def test_holds_a_frame_until_the_next_is_due() -> None:
    playback = playing()
    assert playback.advance(0.0999) == 0.0
    assert playback.advance(0.0002) == 1.0


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, -math.inf, 0.0])
def test_ignores_a_broken_clock(seconds: float) -> None:
    playback = playing()
    playback.advance(0.25)
    assert playback.advance(seconds) == 2.0


def test_loop_takes_its_number_of_frames() -> None:
    playback = playing()
    playback.set_in_point(2)
    playback.set_out_point(5)
    playback.seek(2)
    assert shown(playback, 9) == [2, 3, 4, 5, 2, 3, 4, 5, 2, 3]


def test_ping_pong_shows_the_ends_once_a_turn() -> None:
    playback = playing(4, mode=LoopMode.PING_PONG)
    assert shown(playback, 12) == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0]


def test_ping_pong_over_several_turns_in_one_step() -> None:
    playback = playing(4, mode=LoopMode.PING_PONG)
    playback.advance(0.1 * (6 * 1000 + 4))
    assert (playback.frame, playback.reverse) == (2, True)


def test_once_shows_the_last_frame_for_its_time_and_stops() -> None:
    playback = playing(3, mode=LoopMode.ONCE)
    playback.advance(0.299)
    assert playback.playing and playback.frame == 2
    playback.advance(0.002)
    assert not playback.playing and playback.time == 2.0
    playback.play()
    assert playback.frame == 0, "playing again starts over"


def test_once_backwards_stops_on_the_in_point() -> None:
    playback = playing(5, mode=LoopMode.ONCE)
    playback.set_in_point(1)
    playback.seek(3)
    playback.reverse = True
    assert shown(playback, 4) == [3, 2, 1, 1, 1]
    assert not playback.playing


def test_reverse_loop() -> None:
    playback = playing(4)
    playback.reverse = True
    assert shown(playback, 6) == [0, 3, 2, 1, 0, 3, 2]


def test_reversal_keeps_the_frame_on_screen_and_leaves_it_when_it_came() -> None:
    playback = playing()
    playback.advance(0.53)
    playback.reverse = True
    assert playback.frame == 5
    playback.advance(0.029)
    assert playback.frame == 5
    playback.advance(0.002)
    assert playback.frame == 4
    playback.reverse = False
    assert playback.frame == 4


@pytest.mark.parametrize("mode", list(LoopMode))
@pytest.mark.parametrize("reverse", [False, True])
def test_equal_in_and_out_point(mode: LoopMode, reverse: bool) -> None:
    playback = playing(10, mode=mode)
    playback.set_in_point(4)
    playback.set_out_point(4)
    playback.seek(4)
    playback.reverse = reverse
    for seconds in (0.05, 0.1, 1e6):
        playback.advance(seconds)
        assert playback.frame == 4
    assert playback.playing is (mode is not LoopMode.ONCE)
    assert playback.dropped == 0


@pytest.mark.parametrize("mode", list(LoopMode))
def test_video_of_one_frame(mode: LoopMode) -> None:
    playback = playing(1, mode=mode)
    for seconds in (0.05, 0.1, 1e9):
        assert playback.advance(seconds) == 0.0
    playback.step(1)
    playback.step(-1)
    assert playback.time == 0.0


def test_huge_step_is_exact() -> None:
    playback = playing(7, 10.0)
    playback.advance(3600.0 * 24)  # 864000 frames
    assert playback.frame == 864000 % 7


def test_speed_is_clamped_and_scales_time() -> None:
    playback = playing(100)
    playback.speed = 0.01
    assert playback.speed == 0.1
    playback.speed = 100.0
    assert playback.speed == 4.0
    playback.speed = math.nan
    assert playback.speed == 4.0
    playback.advance(1.0)
    assert playback.frame == 40


def test_slow_motion_shows_instants_between_frames() -> None:
    playback = playing(10)
    playback.speed = 0.25
    playback.sub_frame = True
    assert playback.advance(1.0) == 2.5
    assert playback.advance(0.02) == 2.5, "times lie on a raster of 1/8 frame"
    assert playback.advance(0.03) == 2.625
    playback.speed = 1.0
    assert playback.time == 2.0, "at full speed only whole frames"


def test_sub_frame_time_never_leaves_the_range() -> None:
    playback = playing(4)
    playback.speed, playback.sub_frame = 0.5, True
    times = [playback.advance(0.025) for _ in range(200)]
    assert min(times) == 0.0 and max(times) == 3.0
    assert times.count(3.0) > times.count(2.0), "the last frame is held while its time runs"


def test_reversal_in_slow_motion_does_not_jump() -> None:
    playback = playing(10)
    playback.speed, playback.sub_frame = 0.5, True
    playback.advance(1.05)
    before = playback.time
    playback.reverse = True
    assert abs(playback.time - before) <= 1 / 8


def test_an_instant_between_frames_can_be_shown_without_the_mode() -> None:
    playback = Playback(12, 24.0)
    playback.play()
    playback.seek_between(4.7)
    assert playback.time == 4.625 and not playback.playing and not playback.sub_frame
    playback.seek_between(math.nan)
    assert playback.time == 4.625
    for leave in (lambda: playback.seek(5.5), playback.play, lambda: playback.step(1), playback.toggle_marker):
        playback.pause()
        playback.seek_between(4.625)
        leave()
        assert (playback.time % 1 > 0) == (leave == playback.toggle_marker), "only a move leaves it"


def test_seek_goes_to_whole_frames_unless_sub_frame() -> None:
    playback = Playback(10, 10.0)
    playback.seek(3.7)
    assert playback.time == 3.0
    playback.sub_frame = True
    playback.seek(3.75)
    assert playback.time == 3.75
    playback.seek(99)
    assert playback.time == 9.0
    playback.seek(-5)
    assert playback.time == 0.0
    playback.seek(math.nan)
    assert playback.time == 0.0


def test_scrubbing_holds_the_clock_and_resumes() -> None:
    playback = playing()
    playback.begin_scrub()
    playback.seek(6)
    assert playback.advance(1.0) == 6.0 and playback.scrubbing
    playback.end_scrub()
    assert playback.playing and not playback.scrubbing
    assert playback.advance(0.1) == 7.0


def test_scrubbing_while_paused_stays_paused() -> None:
    playback = Playback(10, 10.0)
    playback.begin_scrub()
    playback.end_scrub()
    assert not playback.playing
    playback.play()
    playback.begin_scrub()
    playback.pause()
    playback.end_scrub()
    assert not playback.playing, "pausing while scrubbing counts"


def test_step_pauses_and_stays_within_the_video() -> None:
    playback = playing(5)
    playback.step(3)
    assert playback.frame == 3 and not playback.playing
    playback.step(99)
    assert playback.frame == 4
    playback.step(-99)
    assert playback.frame == 0


def test_playing_from_outside_the_range_starts_at_its_beginning() -> None:
    playback = Playback(10, 10.0)
    playback.set_in_point(4)
    playback.set_out_point(6)
    playback.seek(9)
    playback.play()
    assert playback.frame == 4
    playback.seek(1)
    playback.advance(0.1)
    assert playback.frame == 5


def test_range_points_push_each_other_out() -> None:
    playback = Playback(10, 10.0)
    playback.set_out_point(3)
    playback.set_in_point(7)
    assert (playback.in_point, playback.out_point) == (7, 9)
    playback.set_out_point(5)
    assert (playback.in_point, playback.out_point) == (0, 5) and playback.has_range
    playback.clear_range()
    assert playback.range_frames == 10 and not playback.has_range and not Playback(1, 10.0).has_range


def test_markers() -> None:
    playback = Playback(10, 10.0)
    playback.toggle_marker(6, "jump")
    playback.toggle_marker(3)
    playback.toggle_marker(3)
    assert playback.markers == {6: "jump"}
    playback.seek_marker(1)
    assert playback.frame == 6
    playback.seek_marker(1)
    assert playback.frame == 9
    playback.seek_marker(1)
    assert playback.frame == 9
    playback.seek_marker(-1)
    assert playback.frame == 6


def test_counts_the_frames_that_were_not_shown() -> None:
    playback = playing(100)
    playback.record_shown(playback.tick)
    for _ in range(5):
        playback.advance(0.3)  # three frames come due, the last of them is shown
        playback.record_shown(playback.tick)
    assert playback.dropped == 10
    playback.record_shown(playback.tick)
    assert playback.dropped == 10, "shown again is not dropped"
    playback.reset_dropped()
    assert playback.dropped == 0


def test_a_late_picture_drops_nothing_and_a_jump_neither() -> None:
    playback = playing(100)
    first = playback.tick
    playback.record_shown(first)
    playback.advance(0.1)
    late = playback.tick
    playback.advance(0.1)
    playback.record_shown(late)
    assert playback.dropped == 0
    playback.seek(50)
    playback.record_shown(late)
    playback.record_shown(playback.tick)
    assert playback.dropped == 0


def test_loop_and_turn_are_no_drops() -> None:
    for mode in (LoopMode.LOOP, LoopMode.PING_PONG):
        playback = playing(5, mode=mode)
        playback.record_shown(playback.tick)
        for _ in range(37):
            playback.advance(0.1)
            playback.record_shown(playback.tick)
        assert playback.dropped == 0, mode


def test_reset_keeps_what_fits() -> None:
    playback = playing(10)
    playback.toggle_marker(2)
    playback.toggle_marker(8)
    playback.seek(9)
    playback.reset(5, 25.0)
    assert (playback.frame, playback.out_point, playback.fps, list(playback.markers)) == (4, 4, 25.0, [2])
    for num_frames, fps in ((0, 25.0), (5, 0.0), (5, math.nan), (5, -1.0)):
        with pytest.raises(InputError):
            playback.reset(num_frames, fps)


operation = st.one_of(
    st.tuples(st.just("advance"), st.floats(0, 30)),
    st.tuples(st.just("seek"), st.floats(-3, 40)),
    st.tuples(st.just("seek_between"), st.floats(-3, 40)),
    st.tuples(st.just("step"), st.integers(-5, 5)),
    st.tuples(st.just("reverse"), st.booleans()),
    st.tuples(st.just("mode"), st.sampled_from(list(LoopMode))),
    st.tuples(st.just("speed"), st.floats(0.1, 4)),
    st.tuples(st.just("sub_frame"), st.booleans()),
    st.tuples(st.just("set_in_point"), st.integers(-2, 40)),
    st.tuples(st.just("set_out_point"), st.integers(-2, 40)),
    st.tuples(st.sampled_from(["play", "toggle", "begin_scrub", "end_scrub", "clear_range"])),
)


@given(st.integers(1, 30), st.lists(operation, max_size=40))
def test_any_sequence_stays_within_the_video(num_frames: int, operations: list[tuple]) -> None:
    playback = Playback(num_frames, 24.0)
    for name, *arguments in operations:
        if name in ("reverse", "mode", "speed", "sub_frame"):
            setattr(playback, name, *arguments)
        else:
            getattr(playback, name)(*arguments)
        assert 0 <= playback.time <= num_frames - 1
        assert 0 <= playback.frame < num_frames
        assert 0 <= playback.in_point <= playback.out_point < num_frames
        if playback.playing and name == "advance" and arguments[0] > 0:
            assert playback.in_point <= playback.time <= playback.out_point
        assert playback.time == playback.frame or playback.shows_sub_frames
        assert playback.time == playback.frame or playback.sub_frame or not playback.playing


@given(
    st.sampled_from([LoopMode.LOOP, LoopMode.PING_PONG]),
    st.booleans(),
    st.integers(2, 20),
    st.lists(st.floats(0.001, 1.0), min_size=1, max_size=30),
)
def test_many_small_steps_equal_one_large_one(mode: LoopMode, reverse: bool, num_frames: int, steps: list[float]) -> None:
    pieces, whole = playing(num_frames, 25.0, mode), playing(num_frames, 25.0, mode)
    for playback in (pieces, whole):
        playback.seek(num_frames // 2)
        playback.reverse = reverse
    for step in steps:
        pieces.advance(step)
    whole.advance(sum(steps))
    cycle = num_frames if mode is LoopMode.LOOP else 2 * num_frames - 2
    difference = abs(pieces.position - whole.position)
    assert min(difference, abs(cycle - difference)) < 1e-3


def test_markers_are_carried_and_named() -> None:
    clock = Playback(10, 30.0)
    clock.toggle_marker(2, "a")
    clock.toggle_marker(5)
    assert clock.move_marker(2, 7) == 7 and clock.markers == {5: "", 7: "a"}
    assert clock.move_marker(7, 5) == 7, "there is one already"
    assert clock.move_marker(7, 99) == 9 and clock.move_marker(1, 3) == 1
    clock.name_marker(5, "b")
    clock.name_marker(6, "nothing is there")
    assert clock.markers == {5: "b", 9: "a"}
