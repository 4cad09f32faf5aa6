"""Open captures: conventions are applied, and a fault in any file is reported in one line with the file's name."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from tests.training.scenes import (
    BALL_CENTER,
    BALL_COLOR,
    annotations_of,
    ball_capture,
    ring,
    small_capture,
    write_annotations,
)
from training.captures.meta import CaptureMeta
from training.captures.opening import open_capture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return ball_capture(tmp_path / "ball")


def test_cameras_come_in_meters_with_centers_at_one_half(folder: Path) -> None:
    for camera, expected in zip(open_capture(folder).cameras, ring(), strict=True):
        np.testing.assert_allclose(camera.K, expected.K)
        np.testing.assert_allclose(camera.T, expected.T)
        np.testing.assert_allclose(camera.R, expected.R)


def test_without_meta_pixel_centers_are_whole_numbers(folder: Path) -> None:
    (folder / "meta.yaml").unlink()
    write_annotations(folder, annotations_of(ring(), 2, pixel_center=0.0))
    capture = open_capture(folder)
    np.testing.assert_allclose(capture.cameras[0].K, ring()[0].K)
    assert capture.meta == CaptureMeta()
    assert capture.train_cameras == list(range(6)) and capture.test_cameras == []
    assert capture.name == "ball"


def test_views_are_what_was_written(folder: Path) -> None:
    view = open_capture(folder).view(1, 2)
    assert view.color.shape == (48, 48, 3) and view.mask.shape == (48, 48)
    assert set(np.unique(view.mask)) == {0, 255} and view.face is None
    assert (view.color[view.mask > 0] == np.array(BALL_COLOR) // 2).all()


def test_background_is_blackened_unless_it_is_black(folder: Path) -> None:
    for index in range(6):
        path = folder / "images" / f"{index:02d}" / "000000.png"
        pixels = np.asarray(Image.open(path)).copy()
        pixels[(pixels == 0).all(-1)] = 77
        Image.fromarray(pixels).save(path)
    assert open_capture(folder).view(0, 0).color[0, 0].tolist() == [0, 0, 0]
    (folder / "meta.yaml").write_text("pixel_center: 0.5\nbackground: black\n")
    assert open_capture(folder).view(0, 0).color[0, 0].tolist() == [77, 77, 77]


def test_parses_give_face_and_foreground(folder: Path) -> None:
    shutil.move(folder / "mask", folder / "schp")
    labels = np.zeros((48, 48), dtype=np.uint8)
    labels[10:20, 10:20], labels[12:14, 12:15] = 5, 13
    parse = Image.fromarray(labels, mode="P")
    parse.putpalette([v for label in range(256) for v in (label, 0, 0)])
    parse.save(folder / "schp" / "00" / "000000.png")
    view = open_capture(folder).view(0, 0)
    assert (view.mask > 0).sum() == 100 and view.face is not None and (view.face > 0).sum() == 6
    colors = np.zeros((48, 48, 3), dtype=np.uint8)
    colors[10:20, 10:20], colors[12:14, 12:15] = (128, 0, 128), (192, 0, 128)
    Image.fromarray(colors).save(folder / "schp" / "00" / "000000.png")
    view = open_capture(folder).view(0, 0)
    assert (view.mask > 0).sum() == 100 and view.face is not None and (view.face > 0).sum() == 6


def test_vertices_are_found_by_the_name_of_the_frame(folder: Path) -> None:
    assert open_capture(folder).vertices(0) is None
    (folder / "vertices").mkdir()
    points = np.random.default_rng().normal(size=(7, 3)).astype(np.float32)
    np.save(folder / "vertices" / "000000.npy", points)
    np.save(folder / "vertices" / "1.npy", points + 1)
    capture = open_capture(folder)
    np.testing.assert_array_equal(capture.vertices(0), points)
    np.testing.assert_array_equal(capture.vertices(1), points + 1)


def test_the_small_capture_opens(tmp_path: Path) -> None:
    capture = open_capture(small_capture(tmp_path))
    assert capture.num_frames == 8 and len(capture.cameras) == 8
    assert not set(capture.train_cameras) & set(capture.test_cameras)
    assert (capture.view(7, 7).mask > 0).mean() > 0.01


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def truncate(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:60])


def replace(name: str, size: tuple[int, int]) -> Callable[[Path], None]:
    return lambda folder: Image.new("RGB", size).save(folder / name)


VIEW_FAULTS = {
    "missing image": (remove("images/02/000001.png"), r"images/02/000001\.png: no such file \(frame 1, camera 2\)"),
    "missing mask": (remove("mask/02/000001.png"), r"mask/02/000001\.png: no such file \(frame 1, camera 2\)"),
    "truncated image": (truncate("images/02/000001.png"), r"000001\.png: .*\(frame 1, camera 2\)"),
    "truncated mask": (truncate("mask/02/000001.png"), r"000001\.png: .*\(frame 1, camera 2\)"),
    "other size": (replace("images/02/000001.png", (20, 48)), r"000001\.png: .*20x48.*48x48 \(frame 1, camera 2\)"),
    "mask of other size": (replace("mask/02/000001.png", (48, 20)), r"000001\.png: .*48x20"),
}


@pytest.mark.parametrize("fault", VIEW_FAULTS)
def test_faults_of_images_name_file_and_frame(folder: Path, fault: str) -> None:
    spoil, expected = VIEW_FAULTS[fault]
    spoil(folder)
    capture = open_capture(folder)
    with pytest.raises(InputError, match=expected):
        capture.view(1, 2)
    capture.view(0, 2)


def test_missing_files_are_found_before_training(folder: Path) -> None:
    (folder / "mask/03/000001.png").unlink()
    capture = open_capture(folder)
    capture.check_files(range(2), [0, 1, 2])
    with pytest.raises(InputError, match=r"mask/03/000001\.png: no such file \(frame 1, camera 3\)"):
        capture.check_files(range(2), [0, 3])


def spoil_annotations(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = annotations_of(ring(), 2)
        change(content)
        write_annotations(folder, content)

    return spoil


CAPTURE_FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no annotations": (remove("annots.npy"), r"not a capture of a known layout; looked for annots\.npy"),
    "no masks": (lambda folder: shutil.rmtree(folder / "mask"), "no folder of masks"),
    "no cams": (spoil_annotations(lambda c: c.pop("cams")), "cams and ims"),
    "no R": (spoil_annotations(lambda c: c["cams"].pop("R")), "cams has no R"),
    "too few T": (spoil_annotations(lambda c: c["cams"]["T"].pop()), "for every camera"),
    "K of two rows": (spoil_annotations(lambda c: c["cams"]["K"].__setitem__(1, np.eye(2))), "camera 1 must have 3x3 K"),
    "NaN in R": (spoil_annotations(lambda c: c["cams"]["R"].__setitem__(1, np.eye(3) * np.nan)), "R of camera 1"),
    "no rotation": (spoil_annotations(lambda c: c["cams"]["R"].__setitem__(1, np.eye(3) * 2)), "camera 1.*not a rotation"),
    "text in K": (spoil_annotations(lambda c: c["cams"]["K"].__setitem__(1, "hello")), "K of camera 1 is not an array"),
    "no frames": (spoil_annotations(lambda c: c["ims"].clear()), "no frames"),
    "too few images": (spoil_annotations(lambda c: c["ims"][1]["ims"].pop()), "frame 1 must have 6 images"),
    "path upwards": (spoil_annotations(lambda c: c["ims"][1]["ims"].__setitem__(0, "../x.png")), "outside the capture"),
    "absolute path": (spoil_annotations(lambda c: c["ims"][1]["ims"].__setitem__(0, "/etc/passwd")), "outside the capture"),
    "first image missing": (remove("images/02/000000.png"), r"images/02/000000\.png.*frame 0"),
    "meta not YAML": (lambda folder: (folder / "meta.yaml").write_text("a: [1"), r"meta\.yaml: is not valid YAML"),
    "meta a list": (lambda folder: (folder / "meta.yaml").write_text("- 1"), "must be a mapping"),
    "meta with code": (
        lambda folder: (folder / "meta.yaml").write_text("a: !!python/object/apply:os.getcwd []"),
        "not valid YAML",
    ),
    "camera out of range": (lambda folder: (folder / "meta.yaml").write_text("test_cameras: [6]"), "from 0 to 5"),
    "negative rate": (lambda folder: (folder / "meta.yaml").write_text("fps: -1"), "fps must be"),
    "unknown axis": (lambda folder: (folder / "meta.yaml").write_text("up_axis: w"), "up_axis must be"),
}


@pytest.mark.parametrize("fault", CAPTURE_FAULTS)
def test_faults_of_captures_are_named(folder: Path, fault: str) -> None:
    spoil, expected = CAPTURE_FAULTS[fault]
    spoil(folder)
    with pytest.raises(InputError, match=expected):
        open_capture(folder)


def test_no_folder() -> None:
    with pytest.raises(InputError, match="no such folder"):
        open_capture("/nonexistent/capture")


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.zeros((4, 2)), np.full((4, 3), np.nan), np.array([{}], dtype=object)])
def test_bad_vertices_are_refused(folder: Path, points: Any) -> None:
    (folder / "vertices").mkdir()
    np.save(folder / "vertices" / "000000.npy", points)
    with pytest.raises(InputError, match=r"vertices/000000\.npy.*frame 0"):
        open_capture(folder).vertices(0)
    with pytest.raises(InputError, match=r"vertices/000001\.npy: no such file \(frame 1\)"):
        open_capture(folder).vertices(1)


@pytest.mark.slow
def test_vertices_with_a_damaged_header_are_refused(folder: Path) -> None:
    (folder / "vertices").mkdir()
    path = folder / "vertices" / "000000.npy"
    np.save(path, np.zeros((3, 3)))
    content = path.read_bytes()
    for place in range(8, 120, 2):
        path.write_bytes(content[:place] + b"[[[[" + content[place + 4 :])
        with contextlib.suppress(InputError):
            open_capture(folder).vertices(0)


@pytest.mark.slow
def test_the_ball_is_where_the_cameras_look(folder: Path) -> None:
    for index, camera in enumerate(open_capture(folder).cameras):
        rows, columns = np.nonzero(open_capture(folder).mask(0, index))
        center = camera.K @ (camera.R @ BALL_CENTER + camera.T)
        assert np.hypot(columns.mean() + 0.5 - center[0] / center[2], rows.mean() + 0.5 - center[1] / center[2]) < 0.6


@pytest.mark.parametrize("name", ["LICENSE.txt", "meta.yaml"])
def test_no_link_takes_a_file_from_outside_into_the_bundle(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_text("name: secret")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(folder.parent / "secret")
    with pytest.raises(InputError, match=f"{name}: is a link that leads out of the capture"):
        open_capture(folder).license  # noqa: B018


def test_a_license_inside_the_capture_may_be_a_link(folder: Path) -> None:
    (folder / "terms").write_text("CC-BY")
    (folder / "LICENSE").symlink_to(folder / "terms")
    assert open_capture(folder).license == "CC-BY"
