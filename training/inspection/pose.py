"""Find the pose of a camera that was moved, from the silhouettes of cameras that agree."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.inspection.camera_model import CameraModel
from training.inspection.consistency import meeting_point
from training.inspection.reading import CameraReading
from training.inspection.reference_cameras import ReferenceCameras

Floats = NDArray[np.float64]

_STEPS = (6e-3, 2e-3, 8e-4)
"""Step sizes of the derivatives in each round: radians, and shares of the camera's distance. Large steps find the region of the
minimum, small ones its exact position."""
_ENOUGH = 1.5  # a rotation without a shift is preferred up to this multiple of the disagreement of both


def refine_pose(reference: ReferenceCameras, camera: int, reading: CameraReading) -> CameraReading:
    """Return the reading with the pose that agrees best: only turned if that is enough, otherwise turned and shifted."""
    start = _aimed(reference, camera, reading)
    turned = _optimized(reference, camera, reading, start, 3)
    moved = _optimized(reference, camera, reading, turned, 6)
    choices = [_with_pose(reading, model) for model in (turned, moved)]
    turned_score, moved_score = (reference.disagreement(camera, choice) for choice in choices)
    return choices[0] if turned_score <= max(_ENOUGH * moved_score, 8e-4) else choices[1]


def _aimed(reference: ReferenceCameras, camera: int, reading: CameraReading) -> CameraModel:
    """Return the camera, turned so that it sees the subject where its masks show it."""
    model = reference.comparison.model(camera, reading)
    rotations = []
    for scene in reference.scenes:
        silhouette = reference.comparison.silhouette(scene.frame, camera, reading)
        if silhouette is None:
            continue
        target = meeting_point(scene.models, scene.silhouettes)[0] - model.center
        seen = model.R @ model.directions(silhouette.center[None])[0].astype(np.float64)
        wanted = model.R @ (target / np.linalg.norm(target))
        axis = np.cross(wanted, seen)
        sine = float(np.linalg.norm(axis))
        rotations.append(axis / max(sine, 1e-12) * np.arctan2(sine, float(wanted @ seen)))
    return _moved(model, np.concatenate([np.mean(rotations, axis=0), np.zeros(3)])) if rotations else model


def _moved(model: CameraModel, motion: Floats) -> CameraModel:
    """Return a camera turned about its center by a rotation vector, then shifted by multiples of the length of T."""
    turn = cv2.Rodrigues(motion[:3])[0]
    return replace(model, R=turn @ model.R, T=turn @ model.T + motion[3:] * np.linalg.norm(model.T))


def _optimized(reference: ReferenceCameras, camera: int, reading: CameraReading, start: CameraModel, count: int) -> CameraModel:
    from scipy.optimize import least_squares  # noqa: PLC0415 - slow to load, and few captures need it

    def model(x: Floats) -> CameraModel:
        return _moved(start, np.pad(x - 1, (0, 6 - count)))  # x is near 1, because the step size is relative

    def residuals(x: Floats) -> Floats:
        parts = reference.residuals(camera, reading, model(x))
        weights = np.sqrt(reference.count)
        vectors = [
            np.concatenate([own / np.sqrt(own.size), weights * (added / np.sqrt(added.size)).ravel()]) for own, added in parts
        ]
        return np.concatenate(vectors).astype(np.float64)

    x = np.ones(count)
    for step in _STEPS:
        x = least_squares(residuals, x, diff_step=step, max_nfev=8, xtol=1e-6, ftol=1e-4).x
    return model(x)


def _with_pose(reading: CameraReading, model: CameraModel) -> CameraReading:
    return replace(reading, moved=(*model.R.ravel().tolist(), *model.T.tolist()))
