"""Masks by the difference from the background, on the procedural scene in front of a noisy textured wall."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.training.captures.layouts.scene import Pixels, Recording, record, save
from tests.training.captures.layouts.test_easymocap import write_cameras
from training.captures.background import background_of, subject_mask
from training.captures.opening import open_capture
from training.masks import DEFAULT_THRESHOLD, main

SIZES = ((160, 192), (192, 160))

RIG = 2
"""Seed of the rig. From some places the subject has the colors of the wall, and no difference shows it."""


def wall(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Return a textured gray-brown wall, (H, W, 3), 0 to 255."""
    texture = cv2.resize(rng.uniform(-25, 25, (height // 12, width // 12)), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.array([120, 110, 95]) + texture[..., None]


def seen(rng: np.random.Generator, background: NDArray[np.float64], color: Pixels, mask: Pixels, noise: float = 3.0) -> Pixels:
    """Return an image of the subject in front of a background, with the noise of a camera."""
    alpha = mask[..., None] / 255.0
    pixels = background * (1 - alpha) + color * alpha + rng.normal(0, noise, color.shape)
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def overlap(found: Pixels, expected: Pixels) -> float:
    """Return intersection over union of two masks."""
    a, b = found > 127, expected > 127
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_plate_gives_the_subject(seed: int) -> None:
    rng, recording = np.random.default_rng(seed), record(SIZES, seed=RIG)
    color, mask = recording.color(0, 0), recording.mask(0, 0)
    background = wall(rng, *mask.shape)
    plate = seen(rng, background, np.zeros_like(color), np.zeros_like(mask))
    found = subject_mask(seen(rng, background, color, mask), background_of([plate]), DEFAULT_THRESHOLD)
    assert overlap(found, mask) > 0.9
    assert 0 < ((found > 0) & (found < 255)).mean() < 0.1, "the edges are not soft"


def test_a_median_over_time_and_shadows() -> None:
    rng, recording = np.random.default_rng(), record(SIZES, seed=RIG)
    color, mask = recording.color(0, 0), recording.mask(0, 0)
    background, shadow = wall(rng, *mask.shape), np.ones(mask.shape)
    shadow[-30:, 10:60] = 0.75
    moved = [np.roll(color, 45 * i, axis=1) for i in range(-2, 3)]
    masks = [np.roll(mask, 45 * i, axis=1) for i in range(-2, 3)]
    images = [seen(rng, background * shadow[..., None], c, m) for c, m in zip(moved, masks, strict=True)]
    images += [seen(rng, background, color, np.zeros_like(mask)) for _ in range(6)]
    found = subject_mask(images[2], background_of(images), DEFAULT_THRESHOLD)
    assert overlap(found, mask) > 0.88
    assert not found[-25:, 15:55][mask[-25:, 15:55] == 0].any(), "a shadow is taken for the subject"


def write_capture(folder: Path, recording: Recording, rng: np.random.Generator) -> None:
    """Write images in front of walls, and clean plates, without masks."""
    folder.mkdir()
    write_cameras(folder, recording, np.zeros(5))
    for camera, view in enumerate(recording.cameras):
        background = wall(rng, view.height, view.width)
        nothing = np.zeros((view.height, view.width), dtype=np.uint8)
        save(folder.parent / "plates" / f"{camera:02d}.png", seen(rng, background, recording.color(0, camera), nothing))
        for frame in range(len(recording.rgba)):
            pixels = seen(rng, background, recording.color(frame, camera), recording.mask(frame, camera))
            save(folder / f"images/{camera:02d}/{frame:06d}.png", pixels)


def test_the_command_completes_a_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = record(SIZES, seed=RIG)
    write_capture(tmp_path / "shoot", recording, np.random.default_rng(5))
    kept = tmp_path / "shoot/masks/01/000001.png"
    kept.parent.mkdir(parents=True)
    Image.fromarray(recording.mask(1, 1)).save(kept)
    before = kept.read_bytes()
    assert main([str(tmp_path / "shoot"), "--plates", str(tmp_path / "plates")]) == 0
    assert "wrote 3 masks; the subject covers" in capsys.readouterr().err
    assert kept.read_bytes() == before, "an existing mask was replaced"
    capture = open_capture(tmp_path / "shoot")
    for frame, camera in recording.each():
        assert overlap(capture.mask(frame, camera), recording.mask(frame, camera)) > 0.9
    assert main([str(tmp_path / "shoot"), "--plates", str(tmp_path / "plates"), "--overwrite"]) == 0
    assert kept.read_bytes() != before


def test_faults_name_the_plate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_capture(tmp_path / "shoot", record(SIZES, seed=RIG), np.random.default_rng(6))
    command = [str(tmp_path / "shoot"), "--plates", str(tmp_path / "plates")]
    save(tmp_path / "plates/01.png", np.zeros((8, 9, 3), dtype=np.uint8))
    assert main(command) == 2
    assert "01.png: is 9x8 but its images are 160x192" in capsys.readouterr().err.replace("192x160", "160x192")
    (tmp_path / "plates/01.png").unlink()
    assert main(command) == 2
    assert "has no image of camera 01; add 01.png, an image without the subject" in capsys.readouterr().err


def test_masks_are_not_written_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_capture(tmp_path / "shoot", record(SIZES, seed=RIG), np.random.default_rng(6))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shoot/masks").mkdir()
    (tmp_path / "shoot/masks/00").symlink_to(tmp_path / "elsewhere")
    assert main([str(tmp_path / "shoot")]) == 2
    assert "masks/00/000000.png: leads out of the capture through a link; remove the link" in capsys.readouterr().err
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_still_subject_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_capture(tmp_path / "shoot", record(SIZES, seed=RIG), np.random.default_rng(7))
    for camera in range(2):
        (tmp_path / f"shoot/images/{camera:02d}/000001.png").write_bytes(
            (tmp_path / f"shoot/images/{camera:02d}/000000.png").read_bytes()
        )
    assert main([str(tmp_path / "shoot")]) == 0
    assert "warning: that is almost nothing" in capsys.readouterr().err
