"""What played on the screen while it was recorded, and the sound of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.video import VolumetricVideo
from viewer.camera_path.frame_schedule import IN_TIME, PlayedRange
from viewer.export.sound_track import SoundTrack, sound_track


@dataclass
class _Part:
    video: VolumetricVideo
    start: float
    scene_start: float
    seconds: float = 0.0


class PlayedParts:
    """Collects the parts of a recording in which a video plays forward at its own speed."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._videos: list[VolumetricVideo] = []
        self._going = False  # whether the last part still plays

    def follow(self, video: VolumetricVideo, seconds: float | None, now: float) -> None:
        """Take note of what is on the screen.

        Args:
            video: the video.
            seconds: its time; None while it does not play forward at its own speed.
            now: time of the recording, seconds.
        """
        if not any(known is video for known in self._videos):
            self._videos.append(video)
        last = self._parts[-1] if self._going else None
        if last is not None:
            goes_on = last.video is video and seconds is not None
            if goes_on and abs(last.scene_start + now - last.start - (seconds or 0.0)) <= IN_TIME:
                last.seconds = now - last.start
                return
            if goes_on:  # a loop or a seek, somewhere since the last call
                last.seconds = now - last.start
        self._going = seconds is not None
        if seconds is not None:
            self._parts.append(_Part(video, now, seconds))

    def track(self, seconds: float) -> SoundTrack:
        """Return the sound of a recording of this length; never fails. Decodes the sounds of the videos."""
        result = SoundTrack()
        for video in self._videos:
            ranges = [PlayedRange(part.start, part.scene_start, part.seconds) for part in self._parts if part.video is video]
            track = sound_track(video, ranges, seconds)
            if result.samples is None:
                result = SoundTrack(track.samples, result.note or track.note)
            elif track.samples is not None:  # no two videos play at the same time
                result = SoundTrack(np.add(result.samples, track.samples), result.note)
        return result
