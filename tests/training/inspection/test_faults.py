"""Captures with one mistake: the check names it, and its remedy in meta.yaml mends it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.inspection.faults import (
    FAULTS,
    HALF_SIZE_AND_TURNED,
    OFF_BY_ONE,
    Fault,
    copied,
    reduced,
    with_own_numbers,
)
from tests.training.scenes import SHARED_TINY, small_capture
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.inspection.check import check
from training.inspection.fix import write_remedies

LEGIONARY = SHARED_TINY.with_name("legionary")

ON_TINY = (*FAULTS, HALF_SIZE_AND_TURNED, OFF_BY_ONE)
SLOW = (
    "one camera mirrored",
    "one camera upside down",
    "masks of one camera inverted",
    "one camera two frames early",
    "one camera three frames late",
    "one camera turned",
    "one camera turned and shifted",
    HALF_SIZE_AND_TURNED.name,
)
"""Mistakes that are not found before many explanations were tried."""
ON_LEGIONARY = [fault for fault in FAULTS if not fault.files]


def names_and_mends(folder: Path, fault: Fault, seed: int, correct: Path) -> None:
    """Make a mistake in a copy of a correct capture and check what is found, and what the written remedies do."""
    fault.change(folder, np.random.default_rng(seed))
    report = check(open_capture(folder))
    found = [finding for finding in report.findings if finding.severity]
    assert tuple(finding.code for finding in found) == fault.codes, [finding.title for finding in report.findings]
    assert report.status == 3 and all(finding.title.endswith(".") for finding in found)
    assert fault.entries is None or report.entries == fault.entries
    write_remedies(folder / "meta.yaml", report.entries)
    mended = open_capture(folder)
    if fault.entries is not None and not fault.files:
        has_the_cameras_of(mended, open_capture(correct))  # in which nothing is found
    else:
        again = check(mended)
        assert again.status == 0, [finding.title for finding in again.findings]


def has_the_cameras_of(mended: Capture, correct: Capture) -> None:
    for camera, wanted in zip(mended.cameras, correct.cameras, strict=True):
        assert (camera.width, camera.height) == (wanted.width, wanted.height)
        for name in ("K", "R", "T"):
            np.testing.assert_allclose(getattr(camera, name), getattr(wanted, name), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=pytest.mark.slow if fault.name in SLOW else ()) for fault in ON_TINY],
    ids=lambda fault: fault.name,
)
def test_a_mistake_in_a_small_capture(fault: Fault, tmp_path: Path) -> None:
    correct = small_capture(tmp_path)
    names_and_mends(copied(correct, tmp_path / "capture"), fault, 1, correct)


@pytest.fixture(scope="module")
def legionary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = reduced(LEGIONARY, tmp_path_factory.mktemp("legionary") / "capture")
    assert not check(open_capture(folder)).findings
    return folder


@pytest.mark.slow
@pytest.mark.xdist_group("large capture")  # one process reduces it once
@pytest.mark.skipif(not LEGIONARY.is_dir(), reason="needs the capture legionary next to the checkout")
@pytest.mark.parametrize("fault", ON_LEGIONARY, ids=lambda fault: fault.name)
def test_a_mistake_in_a_large_capture(fault: Fault, legionary: Path, tmp_path: Path) -> None:
    names_and_mends(with_own_numbers(legionary, tmp_path / "capture"), fault, 1, legionary)


@pytest.mark.parametrize("name", ["tiny", pytest.param("legionary", marks=pytest.mark.slow)])
def test_a_correct_capture_has_no_findings(name: str) -> None:
    folder = SHARED_TINY.with_name(name)
    if not folder.is_dir():
        pytest.skip("needs the shared captures next to the checkout")
    report = check(open_capture(folder))
    assert report.status == 0 and not report.findings and not report.entries
    assert report.after > 0.99 and report.size is not None and 1.5 < report.size.extent < 3
