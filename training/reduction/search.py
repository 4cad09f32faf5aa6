"""Choose the steps to which the numbers of a video are rounded, for a size or a loss.

Rounding a group of numbers (a tensor of the decoder, or a level of the hash tables) to a step adds an error of about
sensitivity x step^2 to the picture, and each of its numbers takes about log2(1/step) bits. The least error for a size has
step = scale x sqrt(count / sensitivity), with one scale for all groups. So the sensitivities are measured, and then one scale
is searched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.scores import psnr
from model.bundle.coded_layout import reduced_names
from model.bundle.coded_read import Arrays
from model.bundle.coded_write import Steps, encode_array, video_arrays
from model.bundle.layout import HASH_TABLES
from model.bundle.read import assemble_video
from model.hash_levels import hash_levels
from model.video import VolumetricVideo
from training.reduction.read_entries import read_entries
from training.reduction.views import Views

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
    """The tensor."""
    entries: slice
    """Its part of axis 1; everything for tensors of the decoder."""
    deviation: float
    """Root of the mean square of the numbers that are read."""
    largest: float
    """Their largest magnitude."""
    count: int
    """How many are read."""


@dataclass(frozen=True)
class Reduced:
    """A video whose numbers are rounded."""

    video: VolumetricVideo
    """The video as it will be read."""
    steps: Steps
    """The steps, for `model.bundle.coded_write.write_coded`."""
    psnr: float
    """To the original, dB."""


class StepSearch:
    """Measures the sensitivities of a video once, and then finds steps for any target.

    Args:
        video: the original.
        views: views of it.
        progress: called with the number of groups that are measured, and of all.
    """

    def __init__(self, video: VolumetricVideo, views: Views, progress: Progress = lambda done, total: None) -> None:
        self._video, self._views = video, views
        self.arrays = video_arrays(video)
        used = read_entries(video)
        self.arrays[HASH_TABLES] = np.where(used[..., None], self.arrays[HASH_TABLES], np.float32(0))
        self.unread = 1 - float(used.mean())
        self.groups = list(_groups(video, self.arrays, used))
        self._sensitivities: list[float] = []
        for index, group in enumerate(self.groups):
            step = PROBE * group.deviation
            self._sensitivities.append(max(views.error(self._rounded([(group, step)])), 1e-12) / step**2)
            progress(index + 1, len(self.groups))
        exact = self.arrays.keys() - {group.name for group in self.groups}
        self._fixed = sum(len(encode_array(self.arrays[name], name, {}, ())[0]) for name in exact)
        if video.metadata.sound is not None:
            self._fixed += len(video.metadata.sound.read())

    def steps(self, scale: float) -> list[float]:
        """Return the step of each group."""
        result = []
        for group, sensitivity in zip(self.groups, self._sensitivities, strict=True):
            step = scale * math.sqrt(group.count / sensitivity)
            result.append(float(np.clip(step, FINEST * group.largest, COARSEST * group.deviation)))
        return result

    def predicted_bytes(self, scale: float) -> int:
        """Return about how many bytes the tensors take: the entropy of the rounded numbers, and what is stored exactly."""
        groups = zip(self.groups, self.steps(scale), strict=True)
        return self._fixed + round(sum(_entropy_bytes(_part(self.arrays, group), step) for group, step in groups))

    def reduced(self, scale: float) -> Reduced:
        """Round everything, and compare the pictures."""
        steps = self.steps(scale)
        video = self._rounded(list(zip(self.groups, steps, strict=True)))
        named: dict[str, tuple[float, ...]] = {}
        for group, step in zip(self.groups, steps, strict=True):
            named[group.name] = (*named.get(group.name, ()), step)
        return Reduced(video, named, psnr(self._views.error(video)))

    def for_size(self, limit: int) -> float:
        """Return the smallest scale whose predicted bytes are at most `limit`.

        Raises:
            InputError: even the coarsest steps need more.
        """
        low, high = self._range()
        if self.predicted_bytes(high) > limit:
            raise InputError(f"--target-size {limit / 1e6:.2f}MB", f"needs at least {self.predicted_bytes(high) / 1e6:.2f}MB")
        return _bisect(low, high, lambda scale: self.predicted_bytes(scale) <= limit)[1]

    def for_psnr(self, wanted: float) -> float:
        """Return the largest scale whose pictures have at least this PSNR to the original, dB."""
        low, high = self._range()
        return _bisect(low, high, lambda scale: self.reduced(scale).psnr < wanted, rounds=ROUNDS // 2 + 2)[0]

    def _range(self) -> tuple[float, float]:
        ratios = [
            (group.deviation / math.sqrt(group.count / sensitivity))
            for group, sensitivity in zip(self.groups, self._sensitivities, strict=True)
        ]
        return min(ratios) * 1e-3, max(ratios) * COARSEST

    def _rounded(self, steps: list[tuple[Group, float]]) -> VolumetricVideo:
        arrays = dict(self.arrays)
        for name in {group.name for group, _ in steps}:
            arrays[name] = arrays[name].copy()
        for group, step in steps:
            part = _part(arrays, group)
            part[...] = np.rint(part / np.float32(step)) * np.float32(step)
        return assemble_video(self._video.config, self._video.metadata, arrays)


def needed_psnr(loss: float, quality: float) -> float:
    """Return the PSNR to the original at which a video loses `loss` dB against the truth.

    The error of rounding is independent of the video's own error, so the mean squares of both add up.

    Args:
        loss: dB.
        quality: the original's PSNR to the truth, dB.
    """
    return quality - 10 * math.log10(10 ** (loss / 10) - 1)


def _groups(video: VolumetricVideo, arrays: Arrays, used: NDArray[np.bool_]) -> Iterator[Group]:
    for name in reduced_names(video.config):
        if name == HASH_TABLES:
            continue
        values = arrays[name]
        yield Group(name, slice(None), _deviation(values), float(np.abs(values).max()), values.size)
    for level in hash_levels(video.config.hash):
        part = slice(level.offset, level.offset + level.entries)
        values = arrays[HASH_TABLES][:, part][used[:, part]]
        values = values if values.size else np.zeros((1, 1), np.float32)
        yield Group(HASH_TABLES, part, _deviation(values), float(np.abs(values).max()), values.size)


def _deviation(values: NDArray[np.float32]) -> float:
    return max(float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))), 1e-12)


def _part(arrays: Arrays, group: Group) -> NDArray[np.float32]:
    part: NDArray[np.float32] = arrays[group.name] if group.entries == slice(None) else arrays[group.name][:, group.entries]
    return part


def _entropy_bytes(values: NDArray[np.float32], step: float) -> float:
    whole = np.rint(values / np.float32(step)).astype(np.int32).ravel()
    counts = np.bincount(whole - whole.min())
    counts = counts[counts > 0]
    return float(-(counts * np.log2(counts / whole.size)).sum()) / 8


def _bisect(low: float, high: float, above: Callable[[float], bool], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return two close scales: for the first `above` is false, for the second it is true."""
    for _ in range(rounds):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if above(middle) else (middle, high)
    return low, high
