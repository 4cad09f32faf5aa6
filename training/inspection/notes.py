"""The findings of plain measures in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.inspection.findings import Figure, Finding, Severity


def missing_files(paths: list[str]) -> Finding:
    """Return the finding that files are missing."""
    number = f"{len(paths)} files are" if len(paths) > 1 else "A file is"
    advice = (
        "Add them, or leave these frames out with frame_start and frame_stop in meta.yaml. Training stops at a missing file."
    )
    return Finding("missing_files", Severity.SUSPICIOUS, f"{number} missing, the first is {paths[0]}.", advice, "certain")


def frozen_cameras(names: list[str], frames: int) -> Finding:
    """Return the finding that cameras repeat frames while others move."""
    title = f"Camera {_listed(names)} repeats up to {frames} frames that change in the other cameras."
    advice = "The recording dropped frames. Leave these frames out with frame_start and frame_stop, or leave the camera out."
    return Finding("frozen", Severity.SUSPICIOUS, title, advice, "certain", cameras=tuple(names))


def repeated_frames(frames: list[int]) -> Finding:
    """Return the finding that frames repeat in all cameras."""
    title = f"{len(frames)} frames are the same as the frame before in all cameras, the first is frame {frames[0]}."
    return Finding("repeated_frames", Severity.NOTE, title, "Use frame_stride in meta.yaml if every second frame repeats.")


def wrong_up(axis: str) -> Finding:
    """Return the finding that another axis points up."""
    title = f"The cameras are upright if {axis} points up, not the axis that is set."
    advice = "Write the line below into meta.yaml, or let --fix do it. Otherwise the video opens lying on its side."
    return Finding("up_axis", Severity.SUSPICIOUS, title, advice, "likely", remedy={"up_axis": axis})


def unusual_intrinsics(names: list[str]) -> Finding:
    """Return the finding that focal length or principal point do not fit the images."""
    title = f"Focal length or principal point of camera {_listed(names)} are unusual for its image size."
    advice = "Check that the calibration is of images of this size; size and fit in meta.yaml say if it is not."
    return Finding("intrinsics", Severity.NOTE, title, advice, cameras=tuple(names))


def blurred(names: list[str]) -> Finding:
    """Return the finding that cameras are less sharp than the others."""
    title = f"The images of camera {_listed(names)} are much less sharp than those of the others."
    advice = "Check focus and exposure time. Training copies the blur."
    return Finding("blurred", Severity.NOTE, title, advice, cameras=tuple(names))


def badly_exposed(names: list[str], how: str) -> Finding:
    """Return the finding that the subject is overexposed or dark."""
    title = f"The subject is {how} in camera {_listed(names)}."
    return Finding("exposure", Severity.NOTE, title, "Colors that are cut off cannot be restored.", cameras=tuple(names))


def other_color(name: str, gain: NDArray[np.float64]) -> Finding:
    """Return the finding that a camera has another exposure or white balance."""
    figures = tuple(Figure(f"gain in {c}", round(float(g), 2)) for c, g in zip(("red", "green", "blue"), gain, strict=True))
    title = f"Camera {name} has another exposure or white balance than the others."
    advice = "Correct its colors before training: divide them by these gains."
    return Finding("color", Severity.NOTE, title, advice, "likely", figures, cameras=(name,))


def _listed(names: list[str]) -> str:
    shown = names[:8]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (shown[0] if len(shown) == 1 else ", ".join(shown)) + more
