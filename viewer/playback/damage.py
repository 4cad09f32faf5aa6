"""Damaged frames of a long video, in words."""

from __future__ import annotations

from model.segments import frames_text
from model.video import VolumetricVideo


def damage_text(frames: range) -> str:
    """Return a sentence such as "Frames 4 to 7 are damaged."."""
    return f"{frames_text(frames).capitalize()} {'is' if len(frames) == 1 else 'are'} damaged."


def damage_at(video: VolumetricVideo, time: float) -> str:
    """Return the damaged frames of a video at a time as a sentence; empty if there are none."""
    if not video.is_damaged(time):
        return ""
    near = [frames for frames in video.damaged_frames() if frames.start - 1 < time < frames.stop]
    return damage_text(near[0] if near else range(round(time), round(time) + 1))
