"""Random rigs around the procedural scene: correct rigs have no findings; mistakes that need fractions or lenses are named."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.training.inspection.rigs import footage, random_rig
from training.captures.images import Pixels
from training.inspection.examine import examine
from training.inspection.footage import Footage
from training.inspection.scale import UNITS

LENS = (-0.35, 0.1, 0.0, 0.0, 0.0)


def calibrated_with(found: Footage, D: tuple[float, ...]) -> Footage:
    """Return a footage whose calibration has other distortion coefficients than its images."""
    return replace(found, calibrations=tuple(replace(c, D=np.array(D)) for c in found.calibrations))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count", "seed", "side"),
    [
        ("half circle", 9, 3, 128),
        ("two rings", 14, 4, 128),
        pytest.param("dome", 24, 5, 128, marks=pytest.mark.slow),
        pytest.param("dome", 64, 6, 96, marks=pytest.mark.slow),
    ],
)
def test_a_correct_rig_has_no_findings(kind: str, count: int, seed: int, side: int) -> None:
    report = examine(footage(random_rig(kind, count, seed, side)))
    assert report.status == 0, [finding.title for finding in report.findings]
    assert report.after > 0.99


@pytest.mark.slow
@pytest.mark.parametrize(
    ("late", "written"),
    [(1.0, 1), pytest.param(1.5, None, marks=pytest.mark.slow), pytest.param(-2.0, -2, marks=pytest.mark.slow)],
)
def test_a_late_camera(late: float, written: int | None) -> None:
    report = examine(footage(random_rig("half circle", 8, 7, 128), late={3: late}))
    (finding,) = report.findings
    assert finding.code == "frame_offset" and finding.cameras == ("cam3",)
    assert f"{abs(late):g} frame" in finding.title and ("late" if late > 0 else "early") in finding.title
    offset = report.readings[3].frame_offset
    assert abs(offset - late) < 0.3
    assert written is None or report.entries == {"cameras": {"cam3": {"frame_offset": written}}}


@pytest.mark.slow
def test_an_offset_of_half_a_frame_is_found() -> None:
    report = examine(footage(random_rig("half circle", 8, 3, 192), late={4: 0.5}))
    (finding,) = report.findings
    assert finding.code == "frame_offset" and finding.cameras == ("cam4",) and "about 0." in finding.title


@pytest.mark.slow
def test_training_shows_a_camera_that_is_a_part_of_a_frame_late_at_its_own_moments() -> None:
    rig = footage(random_rig("half circle", 8, 3, 192), late={4: 0.4})
    entries = examine(rig).entries["cameras"]["cam4"]  # type: ignore[index]
    assert entries["refine"] == {"times": True} and 0.2 < entries.get("frame_offset", 0) - entries["frame_fraction"] < 0.65
    known = replace(rig.calibrations[4], frame_fraction=-0.4)
    again = examine(replace(rig, calibrations=(*rig.calibrations[:4], known, *rig.calibrations[5:])))
    assert not again.findings


@pytest.mark.parametrize("unit", ["m", "cm"])
def test_vertices_that_are_seen_at_one_point_do_not_decide_the_unit(unit: str) -> None:
    """The origin is inside all masks, and so are all vertices if the cameras seem to be far away."""
    found = footage(random_rig("two rings", 6, 3, 64))
    middle = np.array([0, 0, 1.0])
    calibrations = [replace(c, T=(c.T + 1000 * c.R @ middle) / 1000 * UNITS[unit]) for c in found.calibrations]
    moved = replace(found, calibrations=tuple(calibrations), vertices=lambda frame: found.vertices(frame) - middle)  # type: ignore[operator]
    report = examine(moved)
    assert report.entries == {"camera_units": unit}, [finding.title for finding in report.findings]
    assert [finding.code for finding in report.findings] == ["units"]


@pytest.mark.slow
def test_distortion_that_the_calibration_lacks() -> None:
    report = examine(calibrated_with(footage(random_rig("two rings", 8, 2, 160, 1.3), D=LENS), (0.0,) * 5))
    assert [finding.code for finding in report.findings] == ["distortion"]
    everywhere = report.entries["all_cameras"]
    assert everywhere["lens"] == "opencv" and -0.42 < everywhere["D"][0] < -0.2  # type: ignore[index]


@pytest.mark.slow
def test_images_without_the_distortion_that_the_calibration_has() -> None:
    report = examine(calibrated_with(footage(random_rig("two rings", 8, 2, 160, 1.3)), LENS))
    assert [finding.code for finding in report.findings] == ["distortion"]
    assert report.entries == {"all_cameras": {"lens": "none"}} and report.after > 0.99


@pytest.mark.slow
def test_a_correct_lens_has_no_findings() -> None:
    assert not examine(footage(random_rig("two rings", 8, 2, 160, 1.3), D=LENS)).findings


@pytest.mark.slow
@pytest.mark.parametrize("count", [4, 9])
def test_ragged_masks_make_no_camera_a_suspect(count: int) -> None:
    random = np.random.default_rng(21)

    def ragged(mask: Pixels, _: int) -> Pixels:
        """Move the outline by up to two pixels, here in and there out."""
        noise = cv2.GaussianBlur(random.normal(size=mask.shape).astype(np.float32), (0, 0), 4)
        signed = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)
        return np.where(signed > 2 * noise / np.abs(noise).max(), 255, 0).astype(np.uint8)

    report = examine(footage(random_rig("two rings", count, 5, 160), change=ragged))
    assert report.status == 0, [finding.title for finding in report.findings]


def test_masks_that_mark_everything_are_unusable() -> None:
    report = examine(footage(random_rig("half circle", 4, 1, 48), change=lambda mask, _: np.full_like(mask, 255)))
    assert report.status == 2 and report.findings[0].code == "masks"


@pytest.mark.slow
def test_cameras_of_different_recordings_are_unusable() -> None:
    rig = random_rig("dome", 8, 11, 96)
    random = np.random.default_rng(12)
    order = random.permutation(8)
    mixed = footage(rig)
    calibrations = tuple(
        replace(mixed.calibrations[j], R=random_rotation(random) @ mixed.calibrations[j].R) for j in order.tolist()
    )
    report = examine(replace(mixed, calibrations=calibrations))
    assert report.status == 2 and report.findings[-1].code == "disagreement" and not report.findings[-1].remedy


def random_rotation(random: np.random.Generator) -> np.ndarray:
    """Return a rotation of any size."""
    Q, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return Q * np.sign(np.linalg.det(Q))
