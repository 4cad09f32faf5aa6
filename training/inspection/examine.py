"""The check itself: compare the masks, explain why they disagree, and propose entries for meta.yaml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from training.inspection import comparison_findings
from training.inspection.appearance import Appearance
from training.inspection.comparison import Comparison, FrameEvidence, Readings, coverage, mean_gap
from training.inspection.findings import Finding, Severity, exit_status
from training.inspection.footage import Footage
from training.inspection.masks import better_masks, mask_statistics
from training.inspection.one_camera import Explanation, explain, find_swaps, timing_explanation
from training.inspection.reference_cameras import ReferenceCameras
from training.inspection.remedy import remedy
from training.inspection.scale import SIZES, UNITS, SubjectSize, fitting_unit, likely_unit, subject_size, vertices_inside
from training.inspection.shared_mistake import GlobalSearch, Outcome
from training.inspection.suspects import CLEAN, MIN_DISAGREEMENT, disagreements, find_suspects
from training.inspection.timing import MIN_FRACTION

NUM_FRAMES = 5
"""Frames in which cameras are compared."""

MAX_EXPLAINED = 4
"""Maximum number of cameras whose disagreement is explained one by one; more take too long."""

_RAYS = (24, 96)  # minimum and maximum number of subject pixels per camera and frame
_RAYS_IN_ALL = 2000
_MANY = 32  # cameras; with more, fewer frames are compared
_TIMED_RATIO = 1.25  # cameras above this multiple of the median disagreement are compared at other moments
_MAX_REFERENCE = 14  # cameras to compare another one with; more only take longer
_MIN_SEARCHED_GAP = 0.0006  # above this mean gap, mistakes of all cameras are tried; correct captures stay below half of it
_MAX_UNEXPLAINED_GAP = 0.01  # larger mean gaps, as a share of the subject's radius, are reported
_MIN_COVERAGE = 0.3  # coverage below which training is useless

Announce = Callable[[str], None]


@dataclass
class Report:
    """The result of a check."""

    footage: Footage
    """The capture."""
    comparison: Comparison
    """Frames and silhouettes that were compared."""
    readings: Readings
    """How the capture is read if all remedies are applied."""
    findings: list[Finding] = field(default_factory=list)
    """What was found."""
    size: SubjectSize | None = None
    """Where the subject is, and its size."""
    disagreements: NDArray[np.float64] | None = None
    """How much each camera disagrees as the capture is, (n,), as a share of the subject's radius."""
    before: float = 0.0
    """Share of the masks that the hulls of the other cameras cover, as the capture is."""
    after: float = 0.0
    """The same with all remedies."""
    appearances: dict[int, Appearance] = field(default_factory=dict)
    """Sharpness, exposure and color of cameras in one frame."""
    gains: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """Red, green and blue of cameras relative to the median camera."""

    @property
    def status(self) -> int:
        """Exit status of the command."""
        return exit_status(self.findings)

    @property
    def cameras_fit(self) -> bool:
        """Whether the cameras fit together with all remedies. Otherwise nothing that depends on their places is known."""
        return all(finding.code != "disagreement" for finding in self.findings)

    @property
    def entries(self) -> dict[str, object]:
        """Entries of meta.yaml that correct everything that can be corrected."""
        merged: dict[str, object] = {}
        for finding in self.findings:
            merged = merge(merged, finding.remedy)
        return merged


def merge(first: dict[str, object], second: dict[str, object]) -> dict[str, object]:
    """Merge two nested mappings. Where both have a value, the second one's is taken."""
    result = dict(first)
    for key, value in second.items():
        old = result.get(key)
        result[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def examine(footage: Footage, announce: Announce = lambda _: None) -> Report:
    """Check a capture.

    Args:
        footage: the capture.
        announce: is called with the name of each step.
    """
    report = Report(footage, _comparison(footage), footage.reading)
    if not footage.has_masks:
        report.findings.append(comparison_findings.no_masks())
        return report
    announce("comparing the masks")
    if not _check_masks(report):
        return report
    cameras = range(len(footage.calibrations))
    if len(cameras) >= 2:
        _check_geometry(report, announce)
    return report


def _comparison(footage: Footage) -> Comparison:
    count = len(footage.calibrations)
    frames = NUM_FRAMES if count <= _MANY else 3
    chosen = sorted({round(i) for i in np.linspace(0, footage.num_frames - 1, min(frames, footage.num_frames))})
    return Comparison(footage, chosen, int(np.clip(_RAYS_IN_ALL // count, *_RAYS)))


def _check_masks(report: Report) -> bool:
    """Check the masks themselves; return whether they can be compared."""
    statistics = mask_statistics(report.comparison, report.readings)
    if statistics.plausible:
        return True
    found = better_masks(report.comparison, report.readings)
    if found is None:
        report.findings.append(comparison_findings.useless_masks(statistics))
        return False
    cause, readings = found
    after = mask_statistics(report.comparison, readings)
    report.findings.append(
        comparison_findings.wrong_masks(cause, statistics, after, remedy(report.footage, report.readings, readings))
    )
    report.readings = readings
    return True


def _check_geometry(report: Report, announce: Announce) -> None:
    count = len(report.readings)
    found = report.comparison.evidence(report.readings, range(count))
    report.disagreements = disagreements(found, range(count), count)
    report.before = coverage(found, range(count))
    trusted, suspects = find_suspects(found, range(count), count)
    if mean_gap(found, range(count)) > _MIN_SEARCHED_GAP:
        announce("the cameras disagree; trying explanations")
        limit = mean_gap(found, trusted) if _is_local(found, trusted, suspects) else np.inf
        outcome = GlobalSearch(report.comparison, report.readings).best(limit)
        if outcome is not None:
            found, (trusted, suspects) = _adopt(report, outcome)
    compared = report.readings
    _check_scale(report, trusted)
    if suspects:
        announce(f"{len(suspects)} of {count} cameras disagree; trying explanations")
        _explain_suspects(report, found, trusted, suspects)
    _check_timing(report, found, trusted)
    if report.readings != compared:
        found = report.comparison.evidence(report.readings, range(count))
    report.after = coverage(found, range(count))
    gap = mean_gap(found, range(count))
    named = any(finding.code == "camera" for finding in report.findings)  # a camera that nothing explains has a finding already
    if gap > _MAX_UNEXPLAINED_GAP and not named:
        severity = Severity.UNUSABLE if report.after < _MIN_COVERAGE else Severity.SUSPICIOUS
        report.findings.append(comparison_findings.unexplained(severity, report.after, gap))


def _is_local(found: list[FrameEvidence], trusted: list[int], suspects: list[int]) -> bool:
    """Return whether the disagreement is due to few cameras among many that agree well."""
    few = len(suspects) <= max(2, len(trusted) // 5) and len(trusted) >= 4
    return bool(suspects) and few and mean_gap(found, trusted) < CLEAN


def _adopt(report: Report, outcome: Outcome) -> tuple[list[FrameEvidence], tuple[list[int], list[int]]]:
    """Apply a hypothesis about all cameras, and look for suspects again."""
    count = len(report.readings)
    found = report.comparison.evidence(outcome.readings, range(count))
    entries = remedy(report.footage, report.readings, outcome.readings)
    report.findings.append(comparison_findings.shared_mistake(outcome, report.before, coverage(found, range(count)), entries))
    report.readings = outcome.readings
    return found, find_suspects(found, range(count), count)


def _explain_suspects(report: Report, found: list[FrameEvidence], trusted: list[int], suspects: list[int]) -> None:
    frames = report.comparison.frames[:: max(1, len(report.comparison.frames) // 3)]
    chosen = [trusted[round(i)] for i in np.linspace(0, len(trusted) - 1, min(len(trusted), _MAX_REFERENCE))]
    reference = ReferenceCameras(report.comparison, report.readings, chosen, frames)
    noise = float(np.median(disagreements(found, trusted, len(report.readings))[trusted]))
    swaps = find_swaps(reference, report.readings, suspects)
    if swaps:
        readings = list(report.readings)
        for index, calibration in swaps.items():
            readings[index] = replace(readings[index], calibration=calibration)
        entries = remedy(report.footage, report.readings, tuple(readings))
        before, after = ([reference.disagreement(i, r[i]) for i in swaps] for r in (report.readings, readings))
        report.findings.append(
            comparison_findings.swapped([report.footage.names[i] for i in swaps], max(before), max(after), entries)
        )
        report.readings = tuple(readings)
    acceptable = max(MIN_DISAGREEMENT, 2.5 * noise)
    left = [i for i in suspects if i not in swaps and reference.disagreement(i, report.readings[i]) > acceptable]
    for index in left[:MAX_EXPLAINED]:
        _explain(report, index, explain(reference, index, report.readings, noise))


def _explain(report: Report, index: int, explanation: Explanation) -> None:
    """Report the explanation of one camera and apply its reading."""
    readings = (*report.readings[:index], explanation.reading, *report.readings[index + 1 :])
    entries = remedy(report.footage, report.readings, readings)
    old, new = (report.comparison.model(index, reading) for reading in (report.readings[index], explanation.reading))
    calibration = report.footage.calibrations[index]
    known = calibration.frame_fraction
    if explanation.code == "frame_offset" and known and abs(explanation.reading.frame_offset + known) < MIN_FRACTION:
        return  # meta.yaml has it already
    if calibration.video_rate is not None and explanation.reading.frame_offset % 1:
        entries = {}  # time_offset is exact, but the masks have to be made again after it
    report.findings.append(
        comparison_findings.one_camera(calibration.name, explanation, old, new, entries, calibration.video_rate)
    )
    report.readings = readings


def _check_timing(report: Report, found: list[FrameEvidence], trusted: list[int]) -> None:
    """Find small offsets in time of cameras that otherwise agree with the others."""
    values = disagreements(found, trusted, len(report.readings))
    noise = float(np.median(values[trusted]))
    timed = [i for i in sorted(trusted, key=lambda i: -values[i]) if values[i] > _TIMED_RATIO * noise][: len(trusted) // 3]
    reference = ReferenceCameras(
        report.comparison, report.readings, [i for i in trusted if i not in timed], report.comparison.frames
    )
    for index in timed:
        explanation = timing_explanation(reference, index, report.readings[index], noise, reach=2)
        if explanation is not None:
            _explain(report, index, explanation)


def _check_scale(report: Report, trusted: list[int]) -> None:
    """Compare the subject's size with usual sizes, and the vertices with the masks."""
    found = report.comparison.evidence(report.readings, trusted, report.comparison.frames[:1])
    size = subject_size(found)
    if size is None:
        return
    vertices = report.footage.vertices(report.comparison.frames[0])
    current = report.readings[0].meters_per_unit
    unit = likely_unit(size, current) if vertices is None else fitting_unit(found[0], size, vertices, current)
    if unit is not None:
        factor = 1 / UNITS[unit] / current
        readings = tuple(replace(reading, meters_per_unit=reading.meters_per_unit * factor) for reading in report.readings)
        report.findings.append(
            comparison_findings.wrong_unit(unit, size, factor, remedy(report.footage, report.readings, readings))
        )
        report.readings, size = readings, size.scaled(factor)
    elif vertices is not None and (inside := vertices_inside(found[0], vertices)) < 0.5:
        report.findings.append(comparison_findings.wrong_vertices(inside))
    if unit is None and not SIZES[0] <= size.extent <= SIZES[1]:
        report.findings.append(comparison_findings.unusual_size(size))
    report.size = size
