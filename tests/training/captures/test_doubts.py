"""Wrong holes in masks are found by what the other cameras see, and right masks are left alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.scenes import BALL_CENTER, BALL_RADIUS, ball_capture, ball_mask, ring
from training.captures.doubts import doubted_pixels
from training.captures.images import Pixels
from training.captures.opening import open_capture
from training.config import DataConfig, RayConfig, TrainingConfig
from training.loop.dataset import Dataset
from training.loop.rays import draw_pixels
from training.loop.scene import build_scene, load_scene, save_scene
from training.loop.workers import worker_pool

CAMERAS = ring(8, 96)
BOX = np.stack([BALL_CENTER - 1.5 * BALL_RADIUS, BALL_CENTER + 1.5 * BALL_RADIUS])
META = f"pixel_center: 0.5\ntest_cameras: [1]\nbounds: {BOX.tolist()}\n"


def ball_masks(center: np.ndarray = BALL_CENTER) -> list[Pixels]:
    return [(ball_mask(camera, center) * 255).astype(np.uint8) for camera in CAMERAS]


@pytest.mark.parametrize("seed", range(4))
def test_right_masks_are_not_doubted(seed: int) -> None:
    center = BALL_CENTER + np.random.default_rng(seed).uniform(-0.1, 0.1, 3)
    assert doubted_pixels(CAMERAS, ball_masks(center), BOX) is None


@pytest.mark.parametrize("camera", range(0, 8, 3))
@pytest.mark.parametrize("part", ["upper half", "everything", "left half"])
def test_a_part_that_one_mask_lacks_is_found(camera: int, part: str) -> None:
    masks = ball_masks()
    rows, columns = np.nonzero(masks[camera])
    right = masks[camera].copy()
    if part == "upper half":
        masks[camera][: int(np.median(rows))] = 0
    elif part == "left half":
        masks[camera][:, : int(np.median(columns))] = 0
    else:
        masks[camera][:] = 0
    found = doubted_pixels(CAMERAS, masks, BOX)
    assert found is not None
    wrong = (right > 0) & (masks[camera] == 0)
    assert found[camera][wrong].mean() > 0.8
    assert (found[camera] & ~wrong).sum() < 0.4 * (right > 0).sum(), "much more than the hole is doubted"
    others = sum(int(pixels.sum()) for index, pixels in enumerate(found) if index != camera)
    assert others < 0.1 * wrong.sum()


def test_a_part_that_two_masks_lack_is_taken_as_background() -> None:
    masks = ball_masks()
    masks[0][:], masks[4][:] = 0, 0  # nothing is removed by only one of them
    assert doubted_pixels(CAMERAS, masks, BOX) is None


def test_three_cameras_have_no_majority() -> None:
    masks = ball_masks()[:3]
    masks[0][:] = 0
    assert doubted_pixels(CAMERAS[:3], masks, BOX) is None


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A capture in which camera 2 sees only the lower half of the ball in frame 1."""
    folder = ball_capture(tmp_path / "ball", frames=2, meta=META, count=8, size=96)
    path = folder / "mask/02/000001.png"
    mask = np.asarray(Image.open(path)).copy()
    mask[: int(np.median(np.nonzero(mask)[0]))] = 0
    Image.fromarray(mask).save(path)
    return folder


def test_a_run_survives_a_wrong_mask(damaged: Path, tmp_path: Path) -> None:
    capture, config = open_capture(damaged), DataConfig(hull_resolution=32)
    with worker_pool(2) as pool:
        scene = build_scene(capture, config, pool)
        believing = build_scene(capture, dataclasses.replace(config, doubt_masks=False), pool)
        right = build_scene(open_capture(ball_capture(tmp_path / "right", meta=META, count=8, size=96)), config, pool)
    assert scene.doubted_frames == (1,) and believing.doubted_frames == right.doubted_frames == ()
    save_scene(scene, tmp_path)
    assert load_scene(tmp_path).doubted_frames == (1,)
    cells = [int(one.hull(1).sum()) for one in (scene, believing)]  # type: ignore[union-attr]
    assert cells[1] < 0.75 * cells[0], "the wrong mask has cut the hull"


@pytest.mark.parametrize("region", ["box", "mask"])
def test_no_rays_go_through_doubted_pixels(damaged: Path, region: str) -> None:
    rays = RayConfig(region=region, foreground=0.2, face=0.0, views_per_frame=0)  # type: ignore[arg-type]
    capture, config = open_capture(damaged), TrainingConfig(rays=rays)
    boxes = np.stack([BOX, BOX]).astype(np.float32)
    views = Dataset(capture, config, range(2), boxes, [1]).frame(1, half=False)
    assert views.doubted is not None and int(views.doubted[1].sum()) > 50, "camera 2 is the second one that is trained on"
    drawn = draw_pixels(views, rays, 5000, torch.Generator().manual_seed(1))
    assert not views.doubted.flatten()[drawn].any()
    assert Dataset(capture, config, range(2), boxes, [1]).frame(0, half=False).doubted is None
