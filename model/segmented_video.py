"""A long video: a sequence of segments, of which only a few are in memory (docs/long_videos.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from common.errors import DamagedData, InputError
from model.config import ModelConfig
from model.segment_store import LEAST_SEGMENTS, LoadSegment, SegmentStore
from model.segments import Segment, SegmentPart, frames_only_in, frames_text, parts_at
from model.video import Floats, Version, VideoMetadata, VolumetricVideo

if TYPE_CHECKING:  # it loads PyTorch, which watching a video does not need
    from model.frame import Frame


Announce = Callable[[Sequence[int]], None]
"""Called with the numbers of the data that playback needs, in this order, whenever the order changes."""


class SegmentedVideo(VolumetricVideo):
    """Segments as one video. Frames are prepared from the segments that `parts` returns.

    Only `renderer.segments.SegmentRenderer` renders it. The arrays of a whole video (latents, boxes, occupancy, decoder
    weights, hash tables) are those of its segments; asking for them here is an error.

    Args:
        config: hyper-parameters, the same for all segments.
        metadata: frame rate, up, cameras, provenance, license.
        segments: in order, with bounds; see `model.segments.check_segments`.
        load: reads a segment.
        announce: told what playback will need, for instance to fetch it from a server.
        own_decoders: whether each segment has its own decoder weights. Otherwise all segments share one dictionary of them.
        in_memory: number of segments in memory, at least 2.
    """

    def __init__(
        self,
        config: ModelConfig,
        metadata: VideoMetadata,
        segments: tuple[Segment, ...],
        load: LoadSegment,
        announce: Announce = lambda _: None,
        own_decoders: bool = False,
        in_memory: int = LEAST_SEGMENTS,
    ) -> None:
        self.config, self.metadata = config, metadata
        self.segments, self.own_decoders = segments, own_decoders
        self.store = SegmentStore(load, in_memory)
        """The segments in memory."""
        self._announce = announce
        self._place: tuple[int, bool] | None = None

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse the arrays that only a segment has."""
        if name in ("latents", "boxes", "occupancy", "decoder_weights", "hash_tables"):
            raise InputError(
                f"a video of {len(self.segments)} segments", f"has no {name} of its own", "use one of its segments"
            )
        raise AttributeError(name)

    @property
    def num_frames(self) -> int:
        """T, of all segments together."""
        return self.segments[-1].last_frame + 1

    @property
    def bounds(self) -> Floats:
        """(2, 3) box around the boxes of all segments, meters."""
        corners = np.array([segment.bounds for segment in self.segments], np.float32)
        return np.stack([corners[:, 0].min(0), corners[:, 1].max(0)])

    def parts(self, time: float) -> list[tuple[SegmentPart, VolumetricVideo]]:
        """Return what shows the instant `time`, and the segments; load those that are not in memory.

        Raises:
            DamagedData: a segment is damaged, and no other one has the frame. The error names the frames.
            InputError: `time` is out of range, or a segment cannot be read.
        """
        self.check_time(time)
        while True:
            wanted = self._undamaged_parts(time)
            try:
                return [(part, self.store.get(self.segments[part.index].data)) for part in wanted]
            except DamagedData as error:
                if self._undamaged_parts(time) == wanted:
                    raise self._damage_at(time, error) from error

    def _undamaged_parts(self, time: float) -> list[SegmentPart]:
        """Return what shows an instant. Instead of a part that is known to be damaged, the other one shows its own frames."""
        parts = parts_at(self.segments, time)
        whole = [part for part in parts if self.segments[part.index].data not in self.store.damaged]
        if len(whole) == len(parts):
            return parts
        return [replace(part, weight=1.0) for part in whole if self.segments[part.index].has(time)] or parts

    def _damage_at(self, time: float, error: DamagedData) -> DamagedData:
        near = [frames for frames in self.damaged_frames() if frames.start - 1 < time < frames.stop]
        frames = near[0] if near else range(round(time), round(time) + 1)
        return DamagedData(error.subject, f"{frames_text(frames)} cannot be shown: {error.fault}", error.remedy)

    def damaged_frames(self) -> list[range]:
        """Return the frames that cannot be shown because their segment is damaged, as far as is known."""
        return frames_only_in(self.segments, set(self.store.damaged)) if self.store.damaged else []

    def is_damaged(self, time: float) -> bool:
        """Return whether an instant cannot be shown because of known damage."""
        if not self.store.damaged:
            return False
        return any(self.segments[part.index].data in self.store.damaged for part in self._undamaged_parts(time))

    def is_loaded(self, time: float) -> bool:
        """Return whether the segments of an instant are in memory. If they are damaged, there is nothing to wait for."""
        parts = self._undamaged_parts(time)
        return self.is_damaged(time) or all(self.store.peek(self.segments[part.index].data) is not None for part in parts)

    def loaded_part(self, time: float) -> tuple[VolumetricVideo, float] | None:
        """Return the segment with the larger share at `time` and its own time, or None if it is not in memory."""
        part = max(self._undamaged_parts(time), key=lambda part: part.weight)
        segment = self.store.peek(self.segments[part.index].data)
        return None if segment is None else (segment, part.time)

    def changed(self, change: Callable[[VolumetricVideo], VolumetricVideo]) -> SegmentedVideo:
        """Return the same video, whose segments are changed when they are loaded."""
        load = self.store.get
        own, count = self.own_decoders, self.store.count
        return SegmentedVideo(
            self.config, self.metadata, self.segments, lambda data, _: change(load(data)), self._announce, own, count
        )

    def load_ahead(self, times: Sequence[float]) -> None:
        """Begin to load the segment that playback needs next, on another thread.

        Args:
            times: frame indices in the order in which playback reaches them.
        """
        if not times:
            return
        shown = [part.index for part in parts_at(self.segments, times[0])]
        later = [part.index for time in times[1:] for part in parts_at(self.segments, time) if part.index not in shown]
        if not later and len(times) > 1:
            later = [max(shown) + 1 if times[-1] > times[0] else min(shown) - 1]
        self.announce_order(shown[0], backward=bool(later) and later[0] < shown[0])
        following = [self.segments[index].data for index in later[:1] if 0 <= index < len(self.segments)]
        self.store.load_ahead(following[0] if following else None, {self.segments[index].data for index in shown})

    def announce_order(self, index: int, backward: bool) -> None:
        """Announce all segments from one on in the direction of play, and then the others."""
        if self._place == (index, backward):
            return
        self._place = index, backward
        count = len(self.segments)
        order = [(index - step if backward else index + step) % count for step in range(count)]
        self._announce(list(dict.fromkeys(self.segments[place].data for place in order)))

    def weights_version(self) -> Version:
        """Return a constant: the weights do not change."""
        return ()

    def decode(self, time: float) -> Frame:
        """Decode the frame of the segment with the larger share at `time`; see `VolumetricVideo.decode`."""
        part, segment = self._main_part(time)
        return segment.decode(part.time)

    def latent(self, time: float) -> Floats:
        """Return z of the segment with the larger share at `time`, (D,)."""
        part, segment = self._main_part(time)
        return segment.latent(part.time)

    def box_and_occupancy(self, time: float) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the (2, 3) box in meters and the (X, Y, Z) bool cells of the segment with the larger share at `time`.

        This never loads a segment: without it, the result is the box around all its frames, as one occupied cell.
        """
        self.check_time(time)
        loaded = self.loaded_part(time)
        if loaded is None:
            index = max(parts_at(self.segments, time), key=lambda part: part.weight).index
            return np.array(self.segments[index].bounds, np.float32), np.ones((1, 1, 1), np.bool_)
        return loaded[0].box_and_occupancy(loaded[1])

    def _main_part(self, time: float) -> tuple[SegmentPart, VolumetricVideo]:
        self.check_time(time)
        part = max(self._undamaged_parts(time), key=lambda part: part.weight)
        try:
            return part, self.store.get(self.segments[part.index].data)
        except DamagedData:
            return self.parts(time)[0]


class LoadedSegment(VolumetricVideo):
    """One segment in memory. It is never trained, so what renderers convert is valid for all segments with its decoder."""

    def weights_version(self) -> Version:
        """Return a constant: the weights do not change."""
        return ()
