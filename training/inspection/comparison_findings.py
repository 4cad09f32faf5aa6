"""Describe the findings from the comparison of masks: what is wrong, how certain that is, and what to do."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from training.inspection.camera_model import CameraModel
from training.inspection.findings import Finding, Measurement, Severity
from training.inspection.masks import MaskStatistics
from training.inspection.one_camera import Explanation
from training.inspection.scale import DISTANCES, SubjectSize
from training.inspection.shared_mistake import Outcome
from training.inspection.suspects import CLEAN

Entries = dict[str, Any]

_WRITE = "Write the lines below into meta.yaml, or let --fix do it."
_CERTAIN, _LIKELY = 4.0, 1.7  # how many times worse the next explanation must be


def _confidence(after: float, next_best: float, clean: float) -> str:
    """Return how certain an explanation is, from the gap that it leaves and from how much worse the next one is."""
    ratio = next_best / max(after, 1e-4)
    if ratio >= _CERTAIN and after <= clean:
        return "certain"
    return "likely" if ratio >= _LIKELY else "possible"


def _percent(share: float) -> float:
    return round(100 * share, 2)


def no_masks() -> Finding:
    """Return the finding that there are no masks to compare."""
    title = "There are no masks, so the cameras cannot be compared."
    return Finding("no_masks", Severity.NOTE, title, "Only files, colors and sharpness were checked.")


def useless_masks(statistics: MaskStatistics) -> Finding:
    """Return the finding that the masks mark nothing or everything."""
    what = "mark nothing" if statistics.area == 0 else f"cover {_percent(statistics.area):g} % of the images"
    return Finding(
        "masks",
        Severity.UNUSABLE,
        f"The masks {what}, however they are read.",
        "Check the folder of masks. They must be images in which the subject is bright and the background is 0.",
        "certain",
        (Measurement("image covered by the masks", _percent(statistics.area), unit="%"),),
    )


def wrong_masks(cause: str, before: MaskStatistics, after: MaskStatistics, entries: Entries) -> Finding:
    """Return the finding that the masks are stored in another form."""
    measurements = (
        Measurement("image covered by the masks", _percent(before.area), _percent(after.area), "%"),
        Measurement("image border covered by the masks", _percent(before.border), _percent(after.border), "%"),
    )
    return Finding("masks", Severity.SUSPICIOUS, f"{_sentence(cause)}", _WRITE, "likely", measurements, entries)


def shared_mistake(outcome: Outcome, before: float, after: float, entries: Entries) -> Finding:
    """Return the finding that all cameras are read in the wrong way."""
    confidence = _confidence(outcome.gap, outcome.next_gap, CLEAN)
    measurements = (_coverage(before, after),)
    title = f"{_sentence(outcome.hypothesis.cause)}"
    return Finding(outcome.hypothesis.code, Severity.SUSPICIOUS, title, _WRITE, confidence, measurements, entries)


def _coverage(before: float, after: float | None) -> Measurement:
    return Measurement(
        "share of the masks inside the hull of the other cameras",
        _percent(before),
        None if after is None else _percent(after),
        "%",
    )


def unexplained(severity: Severity, covered: float, gap: float) -> Finding:
    """Return the finding that the cameras disagree for an unknown reason."""
    return Finding(
        "disagreement",
        severity,
        "The masks of the cameras do not fit together, and no known mistake explains it.",
        "Check that calibration and images are from the same recording and list the cameras in the same order.",
        "certain",
        (
            _coverage(covered, None),
            Measurement("mean distance from the other masks, relative to the subject's radius", _percent(gap), unit="%"),
        ),
    )


def swapped(names: list[str], before: float, after: float, entries: Entries) -> Finding:
    """Return the finding that cameras have each other's calibration."""
    title = f"Cameras {_listed(names)} have each other's calibration."
    return Finding(
        "swap", Severity.SUSPICIOUS, title, _WRITE, "certain", (_disagreement(before, after),), entries, tuple(names)
    )


def _disagreement(before: float, after: float | None) -> Measurement:
    shown = None if after is None else _percent(after)
    return Measurement("disagreement with the other cameras, relative to the subject's radius", _percent(before), shown, "%")


def one_camera(
    name: str, explanation: Explanation, old: CameraModel, new: CameraModel, entries: Entries, video_rate: float | None
) -> Finding:
    """Return the finding that one camera disagrees with the others."""
    measurements: tuple[Measurement, ...] = (_disagreement(explanation.before, explanation.after),)
    if not explanation.code:
        title = f"Camera {name} disagrees with the others, and no known mistake explains it."
        advice = "Look at its masks. If they are correct, leave the camera out: list the others in train_cameras of meta.yaml."
        return Finding("camera", Severity.SUSPICIOUS, title, advice, "certain", measurements[:1], {}, (name,))
    confidence = _confidence(explanation.after, explanation.next_best, max(CLEAN, 0.1 * explanation.before))
    title = f"Camera {name}: {explanation.cause}."
    if explanation.code == "frame_offset":
        title = f"Camera {name} {explanation.cause}."
    advice = _WRITE
    if explanation.code == "moved":
        angle = np.rad2deg(np.linalg.norm(cv2.Rodrigues(new.R @ old.R.T)[0]))
        shift = float(np.linalg.norm(new.center - old.center))
        measurements += (
            Measurement("turned by", 0.0, round(float(angle), 2), "degrees"),
            Measurement("shifted by", 0.0, round(shift, 3), "m"),
        )
        confidence = "likely"  # wrong masks can have the same effect
        title = f"Camera {name} was moved after calibration: by {angle:.1f} degrees and {100 * shift:.0f} cm."
        advice = f"Calibrate it again if you can. Otherwise {_WRITE[0].lower()}{_WRITE[1:]} Training then refines the pose."
    elif explanation.code == "frame_offset" and explanation.reading.frame_offset % 1:
        advice = _fraction_advice(explanation.reading.frame_offset, video_rate)
    return Finding(explanation.code, Severity.SUSPICIOUS, title, advice, confidence, measurements, entries, (name,))


def _fraction_advice(offset: float, video_rate: float | None) -> str:
    """Return the advice for an offset that is not a whole number of frames."""
    if video_rate is not None:
        return f"Increase the camera's time_offset by {offset / video_rate:.4f}, then make its masks again."
    return f"Training can take this into account. {_WRITE}"


def wrong_unit(unit: str, size: SubjectSize, factor: float, entries: Entries) -> Finding:
    """Return the finding that translations are in another unit."""
    title = f"The cameras' translations T are in {unit}."
    measurements = (
        Measurement("size of the subject", _round(size.extent), _round(size.extent * factor), "m"),
        Measurement("distance of the cameras", _round(size.distance), _round(size.distance * factor), "m"),
    )
    return Finding("units", Severity.SUSPICIOUS, title, _WRITE, "likely", measurements, entries)


def unusual_size(size: SubjectSize) -> Finding:
    """Return the finding that the subject is very small or large, and no unit explains it."""
    usual = f"Cameras are usually {DISTANCES[0]:g} to {DISTANCES[1]:g} m away."
    title = f"The longest side of the subject is {_round(size.extent):g} m."
    advice = f"{usual} If the scale is unknown, set units in meta.yaml so that the subject has its real size."
    return Finding(
        "size_of_subject", Severity.SUSPICIOUS, title, advice, "possible", (Measurement("size", _round(size.extent), unit="m"),)
    )


def wrong_vertices(inside: float) -> Finding:
    """Return the finding that vertices and masks do not fit together."""
    return Finding(
        "vertices",
        Severity.SUSPICIOUS,
        "The vertices are not where the masks are.",
        "Check their unit and frame numbers, or remove their folder. Boxes are then made from the masks.",
        "certain",
        (Measurement("vertices inside the masks", _percent(inside), unit="%"),),
    )


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:] + "."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
