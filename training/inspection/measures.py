"""Measure what needs no hypotheses: files, color, sharpness, up direction, focal length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.inspection import image_findings
from training.inspection.appearance import color_gains, measure_appearance
from training.inspection.camera_model import CameraModel
from training.inspection.examine import Report
from training.inspection.findings import Finding
from training.inspection.scale import camera_up, nearest_axis
from training.inspection.views import carve

MAX_GAIN, MIN_SHARPNESS = 1.35, 0.35
"""Larger gains relative to the median camera, and smaller shares of the median camera's sharpness, are reported."""

MAX_CLIPPED, MIN_BRIGHTNESS = 0.25, 12.0
"""Larger shares of overexposed pixels, and darker subjects (of 255), are reported."""

FOCAL_LENGTHS = (0.3, 10.0)
"""Usual focal lengths, in multiples of the image's longer side."""

_MIN_FROZEN = 2  # fewer repeated frames of a camera are not reported
_MAX_FRAMES = 600  # frames whose files are checked, evenly distributed


def measure(report: Report, announce: Callable[[str], None] = lambda _: None) -> None:
    """Measure a capture whose masks were compared, and add what is unusual to the report."""
    announce("measuring images and files")
    report.findings += _file_findings(report)
    report.findings += _camera_findings(report)
    _measure_appearance(report)
    report.findings += _appearance_findings(report)


def _file_findings(report: Report) -> list[Finding]:
    footage, names = report.footage, report.footage.names
    frames = sorted({round(i) for i in np.linspace(0, footage.num_frames - 1, min(footage.num_frames, _MAX_FRAMES))})
    missing = [path for frame in frames for camera in range(len(names)) for path in footage.missing(frame, camera)]
    findings = [image_findings.missing_files(missing)] if missing else []
    later = [frame for frame in frames if frame > 0]
    repeated = np.array([[footage.repeats(frame, camera) for camera in range(len(names))] for frame in later], dtype=bool)
    if repeated.size:
        alone = repeated & (repeated.mean(axis=1, keepdims=True) < 0.5)
        frozen = [name for name, column in zip(names, alone.T, strict=True) if column.sum() >= _MIN_FROZEN]
        still = [frame for frame, row in zip(later, repeated, strict=True) if row.all()]
        findings += [image_findings.frozen_cameras(frozen, int(alone.sum(axis=0).max()))] if frozen else []
        findings += [image_findings.repeated_frames(still)] if len(still) > _MIN_FROZEN else []
    return findings


def _camera_findings(report: Report) -> list[Finding]:
    models = report.comparison.models(report.readings)
    up, agreement = camera_up(np.stack([model.R for model in models]))
    findings = []
    transformed = any(calibration.transform is not None for calibration in report.footage.calibrations)
    known = report.cameras_fit and agreement > 0.6 and not transformed
    if known and float(up @ report.footage.up) < 0.3 and np.abs(up).max() > 0.8:
        findings.append(image_findings.wrong_up(nearest_axis(up)))
    unusual = [n for n, model in zip(report.footage.names, models, strict=True) if not _usual_intrinsics(model)]
    return findings + ([image_findings.unusual_intrinsics(unusual)] if unusual else [])


def _usual_intrinsics(model: CameraModel) -> bool:
    side = max(model.width, model.height)
    focal = abs(model.K[0, 0]) / side
    center = np.abs(model.K[:2, 2] - np.array([model.width, model.height]) / 2).max() / side
    return FOCAL_LENGTHS[0] <= focal <= FOCAL_LENGTHS[1] and center < 0.3


def _measure_appearance(report: Report) -> None:
    if not report.footage.has_masks:
        return
    frame = report.comparison.frames[len(report.comparison.frames) // 2]
    scene = report.comparison.scene(frame, report.readings, range(len(report.readings)))
    if scene is None:
        return
    images = [report.footage.image(frame, int(camera)) for camera in scene.present]
    for camera, silhouette, image in zip(scene.present, scene.silhouettes, images, strict=True):
        if image is not None:
            report.appearances[int(camera)] = measure_appearance(image, silhouette)
    complete = [image for image in images if image is not None]
    if report.size is None or not report.cameras_fit or len(complete) < len(images):
        return
    hull = carve(scene, report.size.low, report.size.high, ignored=0)
    if len(hull.points):
        gains = color_gains(scene, complete, hull.points)
        report.gains = {int(c): g for c, g in zip(scene.present, gains, strict=True) if np.isfinite(g).all()}


def _appearance_findings(report: Report) -> list[Finding]:
    names, found = report.footage.names, report.appearances
    if not found:
        return []
    sharpness = float(np.median([appearance.sharpness for appearance in found.values()]))
    blurred = [names[i] for i, appearance in found.items() if appearance.sharpness < MIN_SHARPNESS * sharpness]
    clipped = [names[i] for i, appearance in found.items() if appearance.clipped > MAX_CLIPPED]
    dark = [names[i] for i, appearance in found.items() if appearance.brightness < MIN_BRIGHTNESS]
    findings = [image_findings.blurred(blurred)] if blurred and len(blurred) < len(found) / 2 else []
    findings += [image_findings.badly_exposed(clipped, "overexposed")] if clipped else []
    findings += [image_findings.badly_exposed(dark, "very dark")] if dark else []
    limit = np.log(MAX_GAIN)
    findings += [
        image_findings.other_color(names[i], gain) for i, gain in report.gains.items() if np.abs(np.log(gain)).max() > limit
    ]
    return findings
