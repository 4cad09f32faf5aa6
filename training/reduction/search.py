"""Choose the steps to which the numbers of a video are rounded, for a size or a loss.

Rounding a group of numbers (a tensor of the decoder, or a level of the hash tables) to a step adds an error of about
sensitivity x step^2 to the picture, and each of its numbers takes about log2(1/step) bits. The least error for a size has
step = scale x sqrt(count / sensitivity), with one scale for all groups. So the sensitivities are measured, and then one scale
is searched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.scores import psnr
from model.bundle.coded_layout import reduced_names
from model.bundle.coded_read import Arrays
from model.bundle.coded_write import Steps, encode_array
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES
from model.bundle.read import assemble_video
from model.hash_levels import hash_levels
from model.video import VolumetricVideo
from renderer.backend import Renderer
from training.reduction.histogram import Histogram
from training.reduction.parts import Part, Parts
from training.reduction.views import FRAMES, Views

PROBE = 0.5
"""Step for measuring a sensitivity, in standard deviations of the group."""

FINEST = 1 / 127
"""Smallest step, as a fraction of the group's largest number. One whole number beyond 127 would make all of its tensor 16 bits
wide, and the signs in the high bytes would cost up to a bit each."""

COARSEST = 4.0
"""Largest step, in standard deviations of the group: nearly everything becomes zero."""

ROUNDS = 14
"""Bisections of the scale: it is found to less than 0.1 %."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Group:
    """Numbers that share a step."""

    name: str
    """The tensor, without a segment's prefix."""
    entries: slice
    """Its part of axis 1; everything for tensors of the decoder."""
    values: Histogram
    """The numbers, of all segments."""


@dataclass(frozen=True)
class Reduced:
    """How a video is rounded, and what that costs."""

    steps: Steps
    """The steps, for `training.reduction.write.write_rounded`."""
    psnr: float
    """Of the new pictures to the original ones, dB."""


class StepSearch:
    """Measures the sensitivities of a video once, and then finds steps for any target.

    All segments of a long video have the same steps. Their sizes are counted in all segments, and the pictures are compared in
    a few of them. Only a few segments are in memory.

    Args:
        video: the original.
        renderer: any backend.
        progress: called with the number of measurements that are done, and of all.

    Raises:
        InputError: a segment is damaged.
    """

    def __init__(self, video: VolumetricVideo, renderer: Renderer, progress: Progress = lambda done, total: None) -> None:
        self.parts = Parts(video)
        self.groups = _groups(self.parts[0])
        self._fixed = 0 if video.metadata.sound is None else len(video.metadata.sound.read())
        probed = np.unique(np.linspace(0, len(self.parts) - 1, min(len(self.parts), FRAMES)).round().astype(int)).tolist()
        total = len(self.parts) + len(probed) * len(self.groups)
        for index, part in enumerate(self.parts):
            self._count(part, counts_decoder=index == 0 or self.parts.own_decoders)
            progress(index + 1, total)
        frames = max(1, FRAMES // len(probed))
        self._views = {i: Views(self.parts[i].video, renderer, frames, place * frames) for place, i in enumerate(probed)}
        self._sensitivities = self._measure(lambda done: progress(len(self.parts) + done, total))

    def _count(self, part: Part, counts_decoder: bool) -> None:
        """Count the numbers of a part; those of a decoder that all parts share are counted only once."""
        own = [group for group in self.groups if counts_decoder or group.name == HASH_TABLES]
        for group in own:
            values = _values(part.arrays, group)
            group.values.add(values, values[part.used[:, group.entries]] if group.name == HASH_TABLES else None)
        rounded = {group.name for group in self.groups}
        counted = [name for name in part.arrays if counts_decoder or not name.startswith(DECODER_PREFIX)]
        exact = [name for name in counted if name not in rounded]
        self._fixed += sum(len(encode_array(part.arrays[name], name, {}, ())[0]) for name in exact)

    def _measure(self, progress: Callable[[int], None]) -> list[float]:
        """Return the mean squared difference of pictures, divided by the square of the step, for each group."""
        errors, total = np.zeros(len(self.groups)), sum(map(len, self._views.values()))
        if not total:
            raise InputError("the video", "is seen by none of its cameras", "export it without --target-size and --target-loss")
        for place, (index, views) in enumerate(self._views.items()):
            for number, group in enumerate(self.groups):
                rounded = _rounded(self.parts[index], [(group, PROBE * group.values.deviation)])
                errors[number] += views.error(rounded) * len(views) / total
                progress(place * len(self.groups) + number + 1)
        steps = [PROBE * group.values.deviation for group in self.groups]
        return [max(float(error), 1e-12) / step**2 for error, step in zip(errors, steps, strict=True)]

    def steps(self, scale: float) -> list[float]:
        """Return the step of each group."""
        result = []
        for group, sensitivity in zip(self.groups, self._sensitivities, strict=True):
            values = group.values
            step = scale * math.sqrt(max(1, values.count) / sensitivity)
            result.append(float(np.clip(step, FINEST * values.largest, COARSEST * values.deviation)))
        return result

    def named_steps(self, scale: float) -> Steps:
        """Return the steps by tensor, for `training.reduction.write.write_rounded`."""
        named: dict[str, tuple[float, ...]] = {}
        for group, step in zip(self.groups, self.steps(scale), strict=True):
            named[group.name] = (*named.get(group.name, ()), step)
        return named

    def predicted_bytes(self, scale: float) -> int:
        """Return about how many bytes the tensors take: the entropy of the rounded numbers, and what is stored exactly."""
        groups = zip(self.groups, self.steps(scale), strict=True)
        return self._fixed + round(sum(group.values.entropy_bytes(step) for group, step in groups))

    def reduced(self, scale: float) -> Reduced:
        """Round everything, and compare the pictures."""
        pairs = list(zip(self.groups, self.steps(scale), strict=True))
        errors = [views.error(_rounded(self.parts[index], pairs)) for index, views in self._views.items()]
        error = np.average(errors, weights=[len(views) for views in self._views.values()])
        return Reduced(self.named_steps(scale), psnr(float(error)))

    def for_size(self, size: int, others: int = 0) -> float:
        """Return the smallest scale whose predicted bytes, together with `others`, are at most `size`.

        Raises:
            InputError: even the coarsest steps need more.
        """
        low, high = self._range()
        needed = self.predicted_bytes(high) + others
        if needed > size:
            fault = f"is too small: this video needs at least {math.ceil(needed / 1000)}kB"
            raise InputError(f"--target-size {size / 1000:.10g}kB", fault)
        return _bisect(low, high, lambda scale: self.predicted_bytes(scale) + others <= size)[1]

    def for_psnr(self, wanted: float) -> float:
        """Return the largest scale whose pictures have at least this PSNR to the original, dB."""
        low, high = self._range()
        return _bisect(low, high, lambda scale: self.reduced(scale).psnr < wanted, rounds=ROUNDS // 2 + 2)[0]

    def _range(self) -> tuple[float, float]:
        ratios = [
            group.values.deviation / math.sqrt(max(1, group.values.count) / sensitivity)
            for group, sensitivity in zip(self.groups, self._sensitivities, strict=True)
        ]
        return min(ratios) * 1e-3, max(ratios) * COARSEST


def needed_psnr(loss: float, quality: float) -> float:
    """Return the PSNR to the original at which a video loses `loss` dB against the truth.

    The error of rounding is independent of the video's own error, so the mean squares of both add up.

    Args:
        loss: dB.
        quality: the original's PSNR to the truth, dB.
    """
    return quality - 10 * math.log10(10 ** (loss / 10) - 1)


def _groups(part: Part) -> list[Group]:
    config = part.video.config
    decoder = [Group(name, slice(None), Histogram()) for name in reduced_names(config) if name != HASH_TABLES]
    levels = hash_levels(config.hash)
    tables = [Group(HASH_TABLES, slice(level.offset, level.offset + level.entries), Histogram()) for level in levels]
    return decoder + tables


def _values(arrays: Arrays, group: Group) -> NDArray[np.float32]:
    values: NDArray[np.float32] = arrays[group.name] if group.entries == slice(None) else arrays[group.name][:, group.entries]
    return values


def _rounded(part: Part, steps: Sequence[tuple[Group, float]]) -> VolumetricVideo:
    """Return a part whose numbers are rounded to multiples of steps."""
    arrays = dict(part.arrays)
    for name in {group.name for group, _ in steps}:
        arrays[name] = arrays[name].copy()
    for group, step in steps:
        values = _values(arrays, group)
        values[...] = np.rint(values / np.float32(step)) * np.float32(step)
    return assemble_video(part.video.config, part.video.metadata, arrays)


def _bisect(low: float, high: float, above: Callable[[float], bool], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return two close scales: for the first `above` is false, for the second it is true."""
    for _ in range(rounds):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if above(middle) else (middle, high)
    return low, high
