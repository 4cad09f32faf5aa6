"""Names the damaged frames of a long video, whose other frames are played, each range once."""

from __future__ import annotations

from model.video import VolumetricVideo
from viewer.playback.damage import damage_text


class DamageNotes:
    """Remembers which damaged frames were named."""

    def __init__(self) -> None:
        self._named: list[range] = []

    def new(self, video: VolumetricVideo) -> list[str]:
        """Return a sentence for each range of damaged frames that was found since the last call."""
        found = [frames for frames in video.damaged_frames() if frames not in self._named]
        self._named += found
        return [f"{damage_text(frames)} The other frames are played." for frames in found]

    def all(self) -> str:
        """Return all that were named, in one line."""
        return " ".join(damage_text(frames) for frames in sorted(self._named, key=lambda frames: frames.start))
