"""Describe the findings that need no comparison of masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.inspection.findings import Finding, Measurement, Severity


def missing_files(paths: list[str]) -> Finding:
    """Return the finding that files are missing."""
    number = f"{len(paths)} files are" if len(paths) > 1 else "A file is"
    advice = "Add them, or skip these frames with frame_start and frame_stop in meta.yaml. Training stops at a missing file."
    return Finding("missing_files", Severity.SUSPICIOUS, f"{number} missing. The first is {paths[0]}.", advice, "certain")


def frozen_cameras(names: list[str], frames: int) -> Finding:
    """Return the finding that frames repeat in some cameras while they change in the others."""
    title = f"Up to {frames} frames repeat in {_cameras(names)} but change in the other cameras."
    advice = "The recording dropped frames. Skip these frames with frame_start and frame_stop, or leave the camera out."
    return Finding("frozen", Severity.SUSPICIOUS, title, advice, "certain", cameras=tuple(names))


def repeated_frames(frames: list[int]) -> Finding:
    """Return the finding that frames repeat in all cameras."""
    title = f"In all cameras, {len(frames)} frames equal the frame before. The first is frame {frames[0]}."
    return Finding("repeated_frames", Severity.NOTE, title, "Use frame_stride in meta.yaml if every second frame repeats.")


def wrong_up(axis: str) -> Finding:
    """Return the finding that another axis points up."""
    title = f"The cameras are upright if {axis} points up, but another axis is set."
    advice = "Write the line below into meta.yaml, or let --fix do it. Otherwise the video opens lying on its side."
    return Finding("up_axis", Severity.SUSPICIOUS, title, advice, "likely", remedy={"up_axis": axis})


def unusual_intrinsics(names: list[str]) -> Finding:
    """Return the finding that focal length or principal point are unusual for the images."""
    title = f"Focal length or principal point are unusual for the image size in {_cameras(names)}."
    advice = "Check that images of this size were calibrated. If not, set size and fit in meta.yaml."
    return Finding("intrinsics", Severity.NOTE, title, advice, cameras=tuple(names))


def blurred(names: list[str]) -> Finding:
    """Return the finding that cameras are less sharp than the others."""
    title = f"The images of {_cameras(names)} are much less sharp than the others."
    advice = "Check focus and exposure time. Training copies the blur."
    return Finding("blurred", Severity.NOTE, title, advice, cameras=tuple(names))


def badly_exposed(names: list[str], how: str) -> Finding:
    """Return the finding that the subject is overexposed or dark."""
    title = f"The subject is {how} in {_cameras(names)}."
    return Finding(
        "exposure",
        Severity.NOTE,
        title,
        "Training cannot restore details that are too bright or too dark.",
        cameras=tuple(names),
    )


def other_color(name: str, gain: NDArray[np.float64]) -> Finding:
    """Return the finding that a camera has another exposure or white balance; `gain` is (3,), red, green, blue."""
    measurements = tuple(
        Measurement(f"gain in {c}", round(float(g), 2)) for c, g in zip(("red", "green", "blue"), gain, strict=True)
    )
    title = f"Exposure or white balance of camera {name} differ from the others."
    advice = "Divide its colors by these gains before training, or write the lines below into meta.yaml: training learns them."
    entries = {"cameras": {name: {"refine": {"colors": True}}}}
    return Finding("color", Severity.NOTE, title, advice, "likely", measurements, entries, (name,))


def _cameras(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"camera{'s' if len(names) > 1 else ''} {', '.join(names[:8])}{more}"
