"""Captures with one mistake each, made by changing the files of a correct one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from PIL import Image

from tests.training.scenes import write_annotations
from training.captures.annotations import read_annotations

Change = Callable[[Path, np.random.Generator], None]

FLIP = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Fault:
    """A mistake and how the check must name it."""

    name: str
    """What is wrong."""
    change: Change
    """Makes the mistake in a capture's folder."""
    codes: tuple[str, ...]
    """Codes of the findings."""
    entries: dict[str, Any] | None = None
    """Entries of meta.yaml that the check must propose; None if they depend on random numbers."""
    files: bool = False
    """Whether images or masks are changed, not only annots.npy and meta.yaml."""


def copied(source: Path, target: Path) -> Path:
    """Copy a capture's folder so that its files can be changed."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    target.chmod(0o755)
    for folder in target.rglob("*"):
        folder.chmod(0o755 if folder.is_dir() else 0o644)
    return target


def reduced(source: Path, target: Path, frames: int = 30) -> Path:
    """Make a capture of every second camera, the first frames and images of half the size: as hard to check, but faster."""
    content, meta = read_annotations(source / "annots.npy"), yaml.safe_load((source / "meta.yaml").read_text())
    kept = [frame["ims"][::2] for frame in content["ims"][:frames]]
    for frame, images in enumerate(kept):
        for image in map(Path, images):
            _halve(source / image, target / image, quality=95)
            mask = "mask" / image.relative_to("images").with_suffix(".png")
            _halve(source / mask, target / mask)
        (target / "vertices").mkdir(exist_ok=True)
        shutil.copyfile(source / f"vertices/{frame:06d}.npy", target / f"vertices/{frame:06d}.npy")
    cams = {name: values[::2] for name, values in content["cams"].items()}
    cams["K"] = [np.diag([0.5, 0.5, 1]) @ np.array(K, dtype=float) for K in cams["K"]]
    write_annotations(target, {"cams": cams, "ims": [{"ims": images} for images in kept]})
    cameras = list(range(len(kept[0])))
    meta |= {"num_frames": len(kept), "num_cameras": len(cameras), "train_cameras": cameras, "test_cameras": []}
    meta |= {"width": meta["width"] // 2, "height": meta["height"] // 2}
    (target / "meta.yaml").write_text(yaml.safe_dump(meta))
    return target


def _halve(source: Path, target: Path, **options: Any) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        image.convert("L" if source.suffix == ".png" else "RGB").reduce(2).save(target, **options)


def with_own_numbers(source: Path, target: Path) -> Path:
    """Return a capture whose annots.npy and meta.yaml can be changed. It shares all other files with the source."""
    shutil.copytree(source, target, copy_function=os.link)
    for name in ("annots.npy", "meta.yaml"):
        (target / name).unlink()
        shutil.copyfile(source / name, target / name)
    return target


def num_cameras(folder: Path) -> int:
    """Return the number of cameras in annots.npy."""
    return len(read_annotations(folder / "annots.npy")["cams"]["K"])


def edit(folder: Path, change: Callable[[dict[str, list[Any]], int], None], cameras: list[int] | None = None) -> None:
    """Change numbers of cameras: `change` gets K, D, R and T as lists of arrays, and the index of a camera."""
    content = read_annotations(folder / "annots.npy")
    cams = {name: [np.array(value, dtype=float) for value in content["cams"][name]] for name in ("K", "D", "R", "T")}
    cams["T"] = [T.reshape(3, 1) for T in cams["T"]]
    for index in range(len(cams["K"])) if cameras is None else cameras:
        change(cams, index)
    write_annotations(folder, {**content, "cams": cams})


def _scale_T(factor: float) -> Change:
    def scale(cams: dict[str, list[Any]], i: int) -> None:
        cams["T"][i] = cams["T"][i] * factor

    return lambda folder, _: edit(folder, scale)


def _pose(make: Callable[[Any, Any], tuple[Any, Any]]) -> Change:
    def change(cams: dict[str, list[Any]], i: int) -> None:
        cams["R"][i], cams["T"][i] = make(cams["R"][i], cams["T"][i])

    return lambda folder, _: edit(folder, change)


def _in_turn(*changes: Change) -> Change:
    def change(folder: Path, random: np.random.Generator) -> None:
        for each in changes:
            each(folder, random)

    return change


def _without_vertices(folder: Path, _: np.random.Generator) -> None:
    shutil.rmtree(folder / "vertices")


def _one(folder: Path, random: np.random.Generator) -> list[int]:
    return [int(random.integers(1, num_cameras(folder)))]


def _K(matrix: Any, single: bool = False) -> Change:
    def change(cams: dict[str, list[Any]], i: int) -> None:
        cams["K"][i] = matrix @ cams["K"][i]

    return lambda folder, random: edit(folder, change, _one(folder, random) if single else None)


def _cropped(single: bool = False) -> Change:
    def cropped(folder: Path, random: np.random.Generator) -> None:
        side = _image_side(folder)
        left, top = (round(float(random.uniform(0.05, 0.12)) * side) for _ in range(2))
        shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
        _K(shift, single)(folder, random)

    return cropped


def _image_side(folder: Path) -> int:
    with Image.open(next((folder / "images").rglob("*.*g"))) as image:
        return max(image.size)


def _swapped(folder: Path, random: np.random.Generator) -> None:
    i, j = (int(value) for value in random.choice(num_cameras(folder), 2, replace=False))
    content = read_annotations(folder / "annots.npy")
    for values in content["cams"].values():
        values[i], values[j] = np.array(values[j]), np.array(values[i])
    write_annotations(folder, content)


def _off_by_one(folder: Path, _: np.random.Generator) -> None:
    content = read_annotations(folder / "annots.npy")
    content["cams"] = {name: [*values[1:], values[0]] for name, values in content["cams"].items()}
    write_annotations(folder, content)


def shifted(offset: int) -> Change:
    """Return the change that one camera shows the moments `offset` frames before those of the others."""

    def change(folder: Path, random: np.random.Generator) -> None:
        (camera,) = _one(folder, random)
        content = read_annotations(folder / "annots.npy")
        files = [list(frame["ims"]) for frame in content["ims"]]
        kept = range(max(0, offset), len(files) + min(0, offset))
        for frame in kept:
            files[frame][camera] = content["ims"][frame - offset]["ims"][camera]
        write_annotations(folder, {**content, "ims": [{"ims": files[frame]} for frame in kept]})

    return change


def knocked(degrees: float, meters: float = 0.0) -> Change:
    """Return the change that one camera was turned about a random axis and shifted after calibration."""

    def change(folder: Path, random: np.random.Generator) -> None:
        axis, shift = random.normal(size=3), random.normal(size=(3, 1))
        turn = cv2.Rodrigues(np.deg2rad(degrees) * axis / np.linalg.norm(axis))[0]

        def knock(cams: dict[str, list[Any]], i: int) -> None:
            cams["R"][i] = turn @ cams["R"][i]
            cams["T"][i] = turn @ cams["T"][i] + 1000 * meters * shift / np.linalg.norm(shift)

        edit(folder, knock, _one(folder, random))

    return change


def rewrite(folder: Path, kind: str, change: Callable[[Any], Any], cameras: list[int] | None = None) -> None:
    """Replace images or masks; those of all cameras, or of some."""
    names = sorted(path.name for path in (folder / kind).iterdir())
    for name in names if cameras is None else [names[index] for index in cameras]:
        for path in sorted((folder / kind / name).iterdir()):
            with Image.open(path) as image:
                changed = change(image.copy())
            changed.save(path, **({"quality": 95} if path.suffix == ".jpg" else {}))


def _flipped(how: Image.Transpose, single: bool = False) -> Change:
    def change(folder: Path, random: np.random.Generator) -> None:
        cameras = _one(folder, random) if single else None
        for kind in ("images", "mask"):
            rewrite(folder, kind, lambda image: image.transpose(how), cameras)

    return change


def _masks(change: Callable[[Any], Any], single: bool = False) -> Change:
    return lambda folder, random: rewrite(folder, "mask", change, _one(folder, random) if single else None)


def _inverted(image: Any) -> Any:
    return Image.fromarray(255 - np.asarray(image))


def _in_alpha(image: Any) -> Any:
    values = np.asarray(image)
    return Image.fromarray(np.stack([np.full_like(values, 200)] * 3 + [values], axis=-1))


def _in_palette(image: Any) -> Any:
    """Return a mask whose palette has the background twice: as labels 1 and 3; the subject is labels 0 and 2."""
    subject = np.asarray(image) > 0
    labels = np.where(subject, 0, 1).astype(np.uint8)
    labels[::2] += 2
    result = Image.fromarray(labels).convert("P")
    result.putdata(labels.ravel().tolist())
    result.putpalette([255, 255, 255, 0, 0, 0, 255, 255, 255, 0, 0, 0])
    return result


def _small_values_above_a_threshold(folder: Path, _: np.random.Generator) -> None:
    rewrite(folder, "mask", lambda image: Image.fromarray((np.asarray(image) > 0).astype(np.uint8)))
    meta = folder / "meta.yaml"
    meta.write_text(meta.read_text() + "mask_threshold: 127\n")


_EVERYWHERE_FLIPPED = {"all_cameras": {"flip": "horizontal"}}

FAULTS = (
    Fault("T in meters", _scale_T(0.001), ("units",), {"camera_units": "m"}),
    Fault("T in centimeters", _scale_T(0.1), ("units",), {"camera_units": "cm"}),
    Fault("T in meters, no vertices", _in_turn(_scale_T(0.001), _without_vertices), ("units",), {"camera_units": "m"}, True),
    Fault("R transposed", _pose(lambda R, T: (R.T, T)), ("pose",), {"pose": "transposed_rotation"}),
    Fault("camera to world", _pose(lambda R, T: (R.T, -R.T @ T)), ("pose",), {"pose": "camera_to_world"}),
    Fault("T is the center", _pose(lambda R, T: (R, -R.T @ T)), ("pose",), {"pose": "camera_center"}),
    Fault("OpenGL axes", _pose(lambda R, T: (FLIP @ R, FLIP @ T)), ("pose",), {"axes": "opengl"}),
    Fault("OpenGL axes of R", _pose(lambda R, T: (FLIP @ R, T)), ("pose",), {"axes": "opengl_rotation"}),
    Fault(
        "OpenGL axes, camera to world",
        _pose(lambda R, T: (R.T @ FLIP, -R.T @ T)),
        ("pose",),
        {"pose": "camera_to_world", "axes": "opengl"},
    ),
    Fault(
        "OpenGL axes, camera to world, T in meters",
        _pose(lambda R, T: (R.T @ FLIP, -R.T @ T / 1000)),
        ("pose", "units"),
        {"pose": "camera_to_world", "axes": "opengl", "camera_units": "m"},
    ),
    Fault(
        "images mirrored", _flipped(Image.Transpose.FLIP_LEFT_RIGHT), ("flip",), {"all_cameras": {"flip": "horizontal"}}, True
    ),
    Fault(
        "images mirrored top to bottom",
        _flipped(Image.Transpose.FLIP_TOP_BOTTOM),
        ("flip",),
        {"all_cameras": {"flip": "vertical"}},
        True,
    ),
    Fault("images upside down", _flipped(Image.Transpose.ROTATE_180), ("flip",), {"all_cameras": {"flip": "both"}}, True),
    Fault("one camera mirrored", _flipped(Image.Transpose.FLIP_LEFT_RIGHT, True), ("flip",), None, True),
    Fault("one camera upside down", _flipped(Image.Transpose.ROTATE_180, True), ("flip",), None, True),
    Fault("K of half the size", _K(np.diag([0.5, 0.5, 1])), ("size",)),
    Fault("K of twice the size", _K(np.diag([2.0, 2, 1])), ("size",)),
    Fault("K of another size", _K(np.diag([1.36, 1.36, 1])), ("size",)),
    Fault("K of one camera of half the size", _K(np.diag([0.5, 0.5, 1]), True), ("size",)),
    Fault("images cropped", _cropped(), ("crop",)),
    Fault("images of one camera cropped", _cropped(True), ("crop",)),
    Fault("two cameras swapped", _swapped, ("swap",)),
    Fault("masks inverted", _masks(_inverted), ("masks",), {"mask_inverted": True}, True),
    Fault("masks of one camera inverted", _masks(_inverted, True), ("mask",), None, True),
    Fault("masks in the alpha channel", _masks(_in_alpha), ("masks",), {"mask_channel": "alpha"}, True),
    Fault("masks in the colors of a palette", _masks(_in_palette), ("masks",), {"mask_channel": "palette"}, True),
    Fault("masks of 0 and 1", _small_values_above_a_threshold, ("masks",), {"mask_threshold": 0}, True),
    Fault("one camera one frame late", shifted(1), ("frame_offset",)),
    Fault("one camera two frames early", shifted(-2), ("frame_offset",)),
    Fault("one camera three frames late", shifted(3), ("frame_offset",)),
    Fault("one camera turned", knocked(3.0), ("moved",)),
    Fault("one camera turned and shifted", knocked(6.0, 0.05), ("moved",)),
)
"""The mistakes that the check must name."""

HALF_SIZE_AND_TURNED = Fault(
    "K of half the size, one camera turned", _in_turn(_K(np.diag([0.5, 0.5, 1])), knocked(3.0)), ("size", "moved")
)
"""Two mistakes. Images that were widened, which no cropping does, would explain them nearly as well."""

OFF_BY_ONE = Fault("calibrations off by one", _off_by_one, ("order",))
"""Not for rigs in which turned places look the same."""
