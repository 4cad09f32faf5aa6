"""Choosing the layout, and what meta.yaml changes for any layout."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from tests.training.scenes import ball_capture
from training.captures import opening
from training.captures.boxes import frame_box
from training.captures.opening import open_capture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return ball_capture(tmp_path / "ball", frames=5)


def meta(folder: Path, text: str) -> Path:
    (folder / "meta.yaml").write_text("pixel_center: 0.5\n" + text)
    return folder


def test_layouts_can_be_named_and_unknown_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    assert open_capture(folder).layout == open_capture(folder, "annots").layout == "annots"
    with pytest.raises(InputError, match="--layout nonsense: is not a layout; the layouts are annots"):
        open_capture(folder, "nonsense")
    with pytest.raises(InputError, match="layout nonsense: is not a layout"):
        open_capture(meta(folder, "layout: nonsense"))
    for layout in opening.LAYOUTS[1:]:
        with pytest.raises(InputError, match=f"is not a capture of the layout {layout.name}; it needs "):
            open_capture(folder, layout.name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: is not a capture of a known layout; looked for annots\.npy"):
        open_capture(tmp_path / "empty")
    (tmp_path / "empty" / "a.mp4").touch()
    with pytest.raises(InputError, match="has videos, but no known calibration"):
        open_capture(tmp_path / "empty")


def test_a_folder_of_two_layouts_is_ambiguous(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LAYOUTS", opening.LAYOUTS[:1] * 2)
    with pytest.raises(InputError, match=r"can be read as annots \(annots\.npy\), annots.*--layout"):
        open_capture(folder)


def brightness(capture: Any, frame: int, camera: int = 0) -> int:
    return int(capture.view(frame, camera).color.max())  # 200 / (frame + 1) for the ball


def test_ranges_strides_and_offsets_choose_frames(folder: Path) -> None:
    capture = open_capture(meta(folder, "frame_start: 1\nframe_stride: 2\nfps: 30"))
    assert [brightness(capture, frame) for frame in range(capture.num_frames)] == [100, 50] and capture.fps == 15
    capture = open_capture(meta(folder, "cameras: {02: {frame_offset: 2}, 03: {frame_offset: -1}}"))
    assert capture.num_frames == 2 and len(capture.notes) == 1
    assert [brightness(capture, 0, camera) for camera in (0, 2, 3)] == [200 // 2, 200 // 4, 200]
    with pytest.raises(InputError, match=r"meta\.yaml: frame_start.*leave none of the 5 frames"):
        open_capture(meta(folder, "frame_start: 5"))


def test_exchanged_cameras(folder: Path) -> None:
    plain = open_capture(folder)
    capture = open_capture(meta(folder, "cameras: {00: {images_from: '01'}, 01: {images_from: '00'}}"))
    np.testing.assert_array_equal(capture.mask(0, 0), plain.mask(0, 1))
    np.testing.assert_array_equal(capture.view(0, 1).color, plain.view(0, 0).color)
    np.testing.assert_array_equal(capture.cameras[1].R, plain.cameras[1].R)


@pytest.mark.parametrize("flip", ["horizontal", "vertical", "both"])
def test_flipped_images(folder: Path, flip: str) -> None:
    plain = open_capture(folder).mask(0, 1)
    for kind in ("images", "mask"):
        for path in (folder / kind / "01").iterdir():
            pixels = np.asarray(Image.open(path))
            pixels = pixels[:, ::-1] if flip != "vertical" else pixels
            Image.fromarray(np.ascontiguousarray(pixels[::-1] if flip != "horizontal" else pixels)).save(path)
    capture = open_capture(meta(folder, f"cameras: {{01: {{flip: {flip}}}}}"))
    np.testing.assert_array_equal(capture.mask(0, 1), plain)
    assert capture.view(0, 1).color[plain > 0].min() > 0


@pytest.mark.slow
def test_masks_from_elsewhere(folder: Path) -> None:
    plain = open_capture(folder).mask(0, 0)
    shutil.move(folder / "mask", folder / "matte")
    with pytest.raises(InputError, match="has no folder of masks"):
        open_capture(folder)
    assert not open_capture(folder, needs_masks=False).has_masks
    np.testing.assert_array_equal(open_capture(meta(folder, "masks: matte")).mask(0, 0), plain)
    np.testing.assert_array_equal(open_capture(meta(folder, "masks: matte\nmask_inverted: true")).mask(0, 0), 255 - plain)
    assert open_capture(meta(folder, "masks: none")).mask(0, 0).min() == 255
    with pytest.raises(InputError, match="masks: there is no folder other"):
        open_capture(meta(folder, "masks: other"))
    for path in (folder / "images").glob("*/*.png"):
        matte = Image.open(folder / "matte" / path.relative_to(folder / "images"))
        image = Image.open(path)
        image.putalpha(matte)
        image.save(path)
    capture = open_capture(meta(folder, "masks: alpha"))
    np.testing.assert_array_equal(capture.mask(0, 0), plain)
    assert (capture.view(0, 0).color[plain > 0].max(0) > 0).all()


def test_thresholds_of_masks(folder: Path) -> None:
    path = folder / "mask" / "00" / "000000.png"
    Image.fromarray(np.tile(np.arange(48, dtype=np.uint8) * 5, (48, 1))).save(path)
    for threshold, count in ((0, 47), (4, 47), (5, 46), (119, 24)):
        mask = open_capture(meta(folder, f"mask_threshold: {threshold}")).mask(0, 0)
        assert (mask[0] > 0).sum() == count


def test_bounds_are_the_box(folder: Path) -> None:
    capture = open_capture(meta(folder, "bounds: [[-1, -2, 0], [1, 2, 3]]"))
    np.testing.assert_array_equal(frame_box(capture, 0), [[-1, -2, 0], [1, 2, 3]])


def test_a_transform_turns_the_vertices_with_the_cameras(folder: Path) -> None:
    (folder / "vertices").mkdir()
    np.save(folder / "vertices" / "0.npy", np.array([[100.0, 0, 0], [0, 200, 300]]))
    transform = "transform: [[0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]"
    plain, capture = open_capture(folder), open_capture(meta(folder, f"units: cm\n{transform}"))
    np.testing.assert_allclose(capture.vertices(0), [[5, 1, 0], [3, 0, 3]], atol=1e-6)  # type: ignore[arg-type]
    point, moved = plain.cameras[0].unproject([20.0, 20.0], 3.0), capture.cameras[0].unproject([20.0, 20.0], 3.0)
    np.testing.assert_allclose(moved, [5 - point[1], point[0], point[2]])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("units: inches", "units must be m, cm, mm"),
        ("units: true", "units must be m, cm, mm"),
        ("transform: [[1, 0], [0, 1]]", "transform.* must have 4 entries"),
        ("bounds: [[0, 0, 0], [0, 0, .nan]]", "bounds"),
        ("pose: sideways", "pose must be world_to_camera, camera_to_world, "),
        ("cameras: {nobody: {}}", "there is no camera nobody"),
        ("cameras: {00: {colour: 1}}", "unknown field 'colour'"),
        ("all_cameras: {fit: stretch}", "fit"),
        ("frame_stride: 0", "frame_stride must be"),
    ],
)
def test_faults_of_meta_are_named(folder: Path, text: str, fault: str) -> None:
    with pytest.raises(InputError, match=rf"meta\.yaml: .*{fault}"):
        open_capture(meta(folder, text))


def test_links_out_of_the_capture_are_refused(folder: Path, tmp_path: Path) -> None:
    image = folder / "images" / "00" / "000000.png"
    shutil.move(image, tmp_path / "secret.png")
    image.symlink_to(tmp_path / "secret.png")
    with pytest.raises(InputError, match=r"images/00/000000\.png: is a link that leads out of the capture"):
        open_capture(folder)
    image.unlink()
    shutil.copy(tmp_path / "secret.png", folder / "copy.png")
    image.symlink_to(folder / "copy.png")
    open_capture(folder)


def test_overrides_replace_what_meta_says(folder: Path) -> None:
    capture = open_capture(meta(folder, "up_axis: y"), overrides={"up_axis": "-z", "camera_units": "m"})
    assert capture.up == (0, 0, -1)
    np.testing.assert_allclose(capture.cameras[0].T, 1000 * open_capture(folder).cameras[0].T)
