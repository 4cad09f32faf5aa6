"""The playback clock: the time of the video to show, in step with real time however slow rendering is."""

from __future__ import annotations

import enum
import math

from common.errors import InputError
from viewer.playback.timecode import format_timecode

MIN_SPEED, MAX_SPEED = 0.1, 4.0
"""Lowest and highest playback speed, as multiples of the capture's rate."""

SUB_FRAME_STEPS = 8
"""Steps per frame in slow motion. With fixed steps, loops find their frames in the frame cache."""

_EPSILON = 1e-6  # frames; keeps sums of clock readings such as 1/60 + 1/60 + ... from falling short of a whole frame


class LoopMode(enum.Enum):
    """Action at the end of the played range."""

    LOOP = "loop"
    """Start over."""
    PING_PONG = "ping-pong"
    """Reverse the direction. The frames at both ends are shown once per turn."""
    ONCE = "once"
    """Stop on the last frame."""


class Playback:
    """A state machine over the frames `in_point` to `out_point` (both included) of a video.

    Every frame lasts 1 / (fps * speed) seconds, the last one included: a loop over n frames takes n / fps seconds, a
    ping-pong there and back (2n - 2) / fps. `advance` is given real seconds and never runs faster or slower than them.

    Args:
        num_frames: frames of the video, at least 1.
        fps: frames per second of the capture, positive.
    """

    def __init__(self, num_frames: int, fps: float) -> None:
        self.mode = LoopMode.LOOP
        """Action at the end of the range."""
        self.sub_frame = False
        """Whether slow motion and seeking show times between frames."""
        self.playing = False
        """Whether `advance` moves; set by `play`, `pause` and `toggle`."""
        self.markers: dict[int, str] = {}
        """Label of each marked frame."""
        self.dropped = 0
        """Number of frames that were due while playing and never shown, since the last `reset_dropped`."""
        self.tick = 0
        """Number of frames that were due. A render request carries it, and `record_shown` gets it back."""
        self._between = False  # `seek_between` chose the shown time
        self._speed = 1.0
        self._direction = 1
        self._resume_after_scrub: bool | None = None
        self._last_shown = 0
        self.reset(num_frames, fps)

    def reset(self, num_frames: int, fps: float) -> None:
        """Switch to another video, or to the same one reloaded. The range is kept if the length is
        the same, and the position if possible."""
        if num_frames < 1 or not (math.isfinite(fps) and fps > 0):
            raise InputError("video", f"cannot be played: {num_frames} frames at {fps:g} frames per second")
        if num_frames != getattr(self, "num_frames", None):
            self.in_point = 0
            self.out_point = num_frames - 1
        self.num_frames = num_frames
        self.fps = float(fps)
        self._position = min(getattr(self, "_position", 0.0), float(num_frames - 1))
        self.markers = {frame: label for frame, label in self.markers.items() if frame < num_frames}
        self._forget_shown()

    # What to show

    @property
    def position(self) -> float:
        """Exact position of the clock in frames. It is up to one frame beyond the range while the last frame is shown."""
        return self._position

    @property
    def time(self) -> float:
        """Frame index to show, 0 to num_frames - 1: whole, or a multiple of 1/8 frame in slow motion."""
        if self.shows_sub_frames:
            raster = self._held(self._position * SUB_FRAME_STEPS) / SUB_FRAME_STEPS
            low, high = (self.in_point, self.out_point) if self._within_range() else (0, self.num_frames - 1)
            return float(min(max(raster, low), high))
        return float(self.frame)

    @property
    def frame(self) -> int:
        """The whole frame that is due: the last one that the clock reached in its direction."""
        return int(min(max(self._held(self._position), 0), self.num_frames - 1))

    @property
    def shows_sub_frames(self) -> bool:
        """Whether `time` may be fractional: `sub_frame` is on and playback is slow or paused, or `seek_between` was called."""
        return (self.sub_frame and (not self.playing or self._speed < 1.0)) or (self._between and not self.playing)

    @property
    def seconds_to_next(self) -> float:
        """Seconds of playing until `time` changes; infinite while paused or scrubbing."""
        if not self.playing:
            return math.inf
        steps = SUB_FRAME_STEPS if self.shows_sub_frames else 1
        ahead = self._held(self._position * steps) + self._direction - self._position * steps
        return max(0.0, ahead * self._direction / (steps * self.fps * self._speed))

    @property
    def timecode(self) -> str:
        """The frame that is due as HH:MM:SS:FF."""
        return format_timecode(self.frame, self.fps)

    @property
    def range_frames(self) -> int:
        """Number of frames from the in point to the out point, both included."""
        return self.out_point - self.in_point + 1

    def upcoming(self, count: int) -> list[float]:
        """Return the next frames of playback, nearest first, including those after a loop."""
        direction, length = self._direction, self.range_frames
        if self.shows_sub_frames or length < 2:
            return []
        times: list[float] = []
        for ahead in range(1, min(count, length - 1) + 1):
            offset = self.frame - self.in_point + direction * ahead
            if not 0 <= offset < length and self.mode is LoopMode.ONCE:
                break
            if self.mode is LoopMode.PING_PONG:
                offset = offset % (2 * length - 2)
                offset = offset if offset < length else 2 * length - 2 - offset
            times.append(float(self.in_point + offset % length))
        return times

    # Motion

    def play(self) -> None:
        """Start playing. Start at the beginning of the range if the position is outside, or at its end in mode ONCE."""
        outside = not self._within_range()
        finished = self.mode is LoopMode.ONCE and self.frame == self._end_point and self.range_frames > 1
        if not self.playing and (outside or finished):
            self._jump(self._start_point)
        self.playing = True
        self._between = False
        self._resume_after_scrub = None

    def pause(self) -> None:
        """Stop at the current position."""
        self.playing = False
        self._resume_after_scrub = None

    def toggle(self) -> None:
        """Play when paused, pause when playing."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def advance(self, seconds: float) -> float:
        """Advance by real time and return the `time` to show. Does nothing while paused or scrubbing.

        Args:
            seconds: real time since the last call; values that are negative or not finite count as 0.
        """
        if self.playing and math.isfinite(seconds) and seconds > 0:
            self._run(seconds * self.fps * self._speed)
        return self.time

    def step(self, frames: int) -> None:
        """Pause and move by whole frames, within the video."""
        target = self.frame + frames
        self.pause()
        self._jump(target)

    def seek(self, frame: float) -> None:
        """Move to a frame index within the video, rounded unless `sub_frame`. Playing continues or stays paused."""
        if math.isfinite(frame):
            steps = SUB_FRAME_STEPS if self.sub_frame else 1
            self._jump(math.floor(frame * steps + _EPSILON) / steps)

    def seek_between(self, frame: float) -> None:
        """Pause at a time that may lie between frames even without `sub_frame`. Later moves follow `sub_frame` again."""
        if math.isfinite(frame):
            self.pause()
            self._jump(math.floor(frame * SUB_FRAME_STEPS + _EPSILON) / SUB_FRAME_STEPS)
            self._between = True

    def begin_scrub(self) -> None:
        """Hold the clock while the user drags the playhead and `seek` moves it."""
        if self._resume_after_scrub is None:
            self._resume_after_scrub = self.playing
            self.playing = False

    def end_scrub(self) -> None:
        """Release the playhead. Playing resumes if it played before."""
        resume, self._resume_after_scrub = self._resume_after_scrub, None
        if resume:
            self.play()

    @property
    def scrubbing(self) -> bool:
        """Whether the user is dragging the playhead."""
        return self._resume_after_scrub is not None

    # Direction and speed

    @property
    def speed(self) -> float:
        """Speed as a multiple of the capture's rate. Assigned values are clamped to 0.1 to 4."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        """Set the speed, clamped to 0.1 to 4. NaN and infinity are ignored."""
        if math.isfinite(value):
            self._speed = min(max(value, MIN_SPEED), MAX_SPEED)

    @property
    def reverse(self) -> bool:
        """Whether the clock runs backwards now; in ping-pong every other pass does."""
        return self._direction < 0

    @reverse.setter
    def reverse(self, value: bool) -> None:
        """Reverse the direction. The frame on screen stays for as long as it has already been shown."""
        direction = -1 if value else 1
        if direction == self._direction:
            return
        low, high = (self.in_point, self.out_point) if self._within_range() else (0, self.num_frames - 1)
        if self.shows_sub_frames:
            self._position = min(max(self._position, float(low)), float(high))
        elif abs(self._position - round(self._position)) > _EPSILON:
            self._position += direction  # the frame on screen stays for as long as it has already been shown
        self._direction = direction

    # Range and markers

    def set_in_point(self, frame: int | None = None) -> None:
        """Begin the range at `frame` (default: the one shown); an out point before it moves to the video's end."""
        self.in_point = self._clamp(self.frame if frame is None else frame)
        if self.out_point < self.in_point:
            self.out_point = self.num_frames - 1

    def set_out_point(self, frame: int | None = None) -> None:
        """End the range with `frame` (default: the one shown); an in point after it moves to the video's start."""
        self.out_point = self._clamp(self.frame if frame is None else frame)
        if self.in_point > self.out_point:
            self.in_point = 0

    @property
    def has_range(self) -> bool:
        """Whether less than the whole video is played. Only then are in and out points shown."""
        return (self.in_point, self.out_point) != (0, self.num_frames - 1)

    def clear_range(self) -> None:
        """Play the whole video again."""
        self.in_point, self.out_point = 0, self.num_frames - 1

    def toggle_marker(self, frame: int | None = None, label: str = "") -> None:
        """Mark `frame` (default: the one shown), or remove its marker."""
        frame = self._clamp(self.frame if frame is None else frame)
        if self.markers.pop(frame, None) is None:
            self.markers[frame] = label
            self.markers = dict(sorted(self.markers.items()))

    def move_marker(self, frame: int, target: int) -> int:
        """Move the marker at `frame` to another frame and return its new place. It is never put on another marker."""
        target = self._clamp(target)
        if frame in self.markers and target not in self.markers:
            self.markers[target] = self.markers.pop(frame)
            self.markers = dict(sorted(self.markers.items()))
            return target
        return frame

    def name_marker(self, frame: int, label: str) -> None:
        """Change the label of the marker at `frame`, if there is one."""
        if frame in self.markers:
            self.markers[frame] = label

    def seek_marker(self, direction: int) -> None:
        """Pause on the next (`direction` > 0) or previous marker; in and out points count as markers."""
        here = self.frame
        stops = sorted({*self.markers, self.in_point, self.out_point})
        ahead = [f for f in stops if f > here] if direction > 0 else [f for f in reversed(stops) if f < here]
        if ahead:
            self.pause()
            self._jump(ahead[0])

    # What was shown

    def record_shown(self, tick: int) -> None:
        """Record that the frame due at `tick` is on screen. Frames that were due since the last one count as dropped.

        Ticks from before the last jump, and earlier ticks, are ignored.
        """
        if tick > self._last_shown:
            self.dropped += tick - self._last_shown - 1
            self._last_shown = tick

    def reset_dropped(self) -> None:
        """Reset the number of dropped frames to zero."""
        self.dropped = 0

    # Inner parts

    @property
    def _start_point(self) -> int:
        return self.in_point if self._direction > 0 else self.out_point

    @property
    def _end_point(self) -> int:
        return self.out_point if self._direction > 0 else self.in_point

    def _held(self, value: float) -> int:
        # The last whole number that the clock reached in its direction.
        return math.floor(value + _EPSILON) if self._direction > 0 else math.ceil(value - _EPSILON)

    def _within_range(self) -> bool:
        return self.in_point <= self.frame <= self.out_point

    def _clamp(self, frame: int) -> int:
        return min(max(frame, 0), self.num_frames - 1)

    def _jump(self, position: float) -> None:
        self._position = float(min(max(position, 0), self.num_frames - 1))
        self._between = False
        self._forget_shown()

    def _forget_shown(self) -> None:
        # Start a new tick: images that are still being rendered belong to the time before the jump.
        self.tick += 1
        self._last_shown = self.tick - 1

    def _run(self, frames: float) -> None:
        if not self._within_range():
            self._jump(self._start_point)
        elapsed = max(abs(self._position - self._start_point), 0.0)  # frames since this pass through the range began
        before = math.floor(elapsed + _EPSILON)
        total = elapsed + frames
        if self.mode is LoopMode.ONCE and total >= self.range_frames - _EPSILON:
            self._position, self.playing = float(self._end_point), False
            self.tick += self.range_frames - 1 - before
            return
        if self.range_frames > 1:
            self.tick += math.floor(total + _EPSILON) - before
        self._position = self._wrap(total)

    def _wrap(self, total: float) -> float:
        # Position after `total` frames of passes through the range; turns around in ping-pong.
        if self.range_frames == 1:
            return float(self.in_point)
        ping_pong = self.mode is LoopMode.PING_PONG
        length = self.range_frames - 1 if ping_pong else self.range_frames
        passes = math.floor((total + _EPSILON) / length)
        if ping_pong and passes % 2:
            self._direction = -self._direction
        return self._start_point + self._direction * max(total - passes * length, 0.0)
