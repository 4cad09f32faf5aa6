"""Show the result of a check as text or as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from common.numbers import counted
from common.yaml_documents import dump_yaml
from training.inspection.comparison import COVERED
from training.inspection.examine import Report
from training.inspection.findings import Finding, Severity

_VERDICTS = {0: "fine", 2: "unusable", 3: "suspicious"}
_MARKS = {Severity.NOTE: "note", Severity.SUSPICIOUS: "SUSPICIOUS", Severity.UNUSABLE: "UNUSABLE"}


@dataclass(frozen=True)
class CameraRow:
    """What was measured of one camera."""

    name: str
    """Its name."""
    center: list[float]
    """Position in the world, meters, with all remedies."""
    focal_length: float
    """Pixels, with all remedies."""
    coverage: list[float | None]
    """Share of its mask that the hull of the others covers, per compared frame, with all remedies; None without a mask."""
    disagreement: float
    """Disagreement as the capture is, as a share of the subject's radius."""
    brightness: float | None
    """Mean of the subject's colors, 0 to 255."""
    sharpness: float | None
    """Contrast of fine details, relative to the brightness."""
    gain: list[float] | None
    """Red, green and blue relative to the median camera."""
    suspect: bool
    """Whether a finding is about this camera."""

    @property
    def caption(self) -> str:
        """One line for the page."""
        known = [share for share in self.coverage if share is not None]
        parts = [f"covered {100 * float(np.mean(known)):.1f} %" if known else "no mask"]
        if self.gain is not None:
            parts.append("gain " + " ".join(f"{value:.2f}" for value in self.gain))
        if self.sharpness is not None:
            parts.append(f"sharpness {self.sharpness:.2f}")
        return ", ".join(parts)


def camera_rows(report: Report) -> list[CameraRow]:
    """Return one row per camera."""
    names = report.footage.names
    count = len(names)
    found = report.comparison.evidence(report.readings, range(count)) if count > 1 else []
    shares: list[dict[int, float]] = [{} for _ in names]
    for frame in found:
        present, gaps = frame.gaps(range(count))
        for index, gap in zip(present, gaps, strict=True):
            shares[index][frame.scene.frame] = float((gap <= COVERED).mean())
    suspects = {name for finding in report.findings for name in finding.cameras}
    rows = []
    for index, name in enumerate(names):
        model = report.comparison.model(index, report.readings[index])
        appearance = report.appearances.get(index)
        gain = report.gains.get(index)
        rows.append(
            CameraRow(
                name,
                [round(float(v), 4) for v in model.center],
                round(float(abs(model.K[0, 0])), 2),
                [shares[index].get(frame) for frame in report.comparison.frames],
                0.0 if report.disagreements is None else round(float(report.disagreements[index]), 5),
                None if appearance is None else round(appearance.brightness, 2),
                None if appearance is None else round(appearance.sharpness, 4),
                None if gain is None else [round(float(v), 3) for v in gain],
                name in suspects,
            )
        )
    return rows


def verdict(report: Report) -> str:
    """Return the result in one word."""
    return _VERDICTS[report.status]


def summary(report: Report) -> str:
    """Return the main figures in one line."""
    parts = [counted(len(report.footage.names), "camera"), counted(report.footage.num_frames, "frame")]
    if report.size is not None:
        parts.append(f"subject {report.size.extent:.2f} m, cameras {report.size.distance:.2f} m away")
    if report.after:
        parts.append(f"the hull of the other cameras covers {100 * report.before:.1f} % of the masks")
    if report.after > report.before + 1e-3:
        parts.append(f"{100 * report.after:.1f} % with the remedies")
    return ", ".join(parts)


def as_text(report: Report, name: str) -> str:
    """Return the result for a terminal."""
    lines = [f"{name}: {verdict(report)} ({summary(report)})"]
    for finding in report.findings:
        lines += ["", *_finding_lines(finding)]
    return "\n".join(lines)


def _finding_lines(finding: Finding) -> list[str]:
    confidence = f" ({finding.confidence})" if finding.confidence else ""
    lines = [f"{_MARKS[finding.severity]}: {finding.title}{confidence}"]
    for measurement in finding.measurements:
        after = "" if measurement.after is None else f", with the remedy {measurement.after:g} {measurement.unit}".rstrip()
        lines.append(f"  {measurement.name}: {measurement.before:g} {measurement.unit}".rstrip() + after)
    lines += [f"  {finding.advice}"] if finding.advice else []
    lines += [f"    {line}" for line in dump_yaml(finding.remedy).splitlines()] if finding.remedy else []
    return lines


def as_json(report: Report, name: str) -> dict[str, Any]:
    """Return the result as plain data."""
    return {
        "capture": name,
        "status": report.status,
        "verdict": verdict(report),
        "frames": report.comparison.frames,
        "coverage": report.before,
        "coverage_with_remedies": report.after,
        "subject": None
        if report.size is None
        else {"low": report.size.low.tolist(), "high": report.size.high.tolist(), "camera_distance": report.size.distance},
        "findings": [finding.to_dict() for finding in report.findings],
        "meta": report.entries,
        "cameras": [asdict(row) for row in camera_rows(report)],
    }
