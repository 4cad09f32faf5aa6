"""DNA-Rendering's HDF5 files, written as its reader expects them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from tests.training.captures.layouts.scene import Recording, check_capture, check_hostile, check_links, encode, record
from training.captures.opening import open_capture

h5py = pytest.importorskip("h5py")

HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
SIZES = ((48, 56), (48, 56), (64, 48), (64, 48))
NUMBERS = (0, 7, 48, 59)  # two cameras of 5 and two of 12 megapixels


def write(folder: Path, recording: Recording) -> None:
    with h5py.File(folder / "0013_01.smc", "w") as images, h5py.File(folder / "0013_01_annots.smc", "w") as annotations:
        for index, (number, camera) in enumerate(zip(NUMBERS, recording.cameras, strict=True)):
            pose = np.eye(4)
            pose[:3, :3], pose[:3, 3] = camera.R.T, camera.center  # camera to world
            values = {"K": camera.K - HALF, "D": np.zeros((5, 1)), "RT": pose, "Color_Calibration": np.eye(3)}
            for key, value in values.items():
                annotations[f"Camera_Parameter/{number:02d}/{key}"] = value
            group = "Camera_5mp" if number < 48 else "Camera_12mp"
            for frame in range(len(recording.rgba)):
                color, mask = recording.color(frame, index), recording.mask(frame, index)
                images[f"{group}/{number}/color/{frame}"] = np.frombuffer(encode(color, "JPEG"), dtype=np.uint8)
                annotations[f"Mask/{number}/mask/{frame}"] = np.frombuffer(encode(mask, "JPEG"), dtype=np.uint8)


def test_round_trip_with_cameras_of_two_sizes(tmp_path: Path) -> None:
    write(tmp_path, record(SIZES))
    capture = open_capture(tmp_path)
    assert capture.layout == "dna-rendering" and capture.camera_names == ["0", "7", "48", "59"]
    check_capture(capture, record(SIZES), jpeg=True)


def test_the_package_h5py_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, record(SIZES))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match="needs the package h5py; pip install h5py"):
        open_capture(tmp_path)


def test_hostile_files(tmp_path: Path) -> None:
    write(tmp_path, record(SIZES))
    check_links(tmp_path, "0013_01_annots.smc")
    check_hostile(tmp_path, ["0013_01_annots.smc"], runs=30)


@pytest.mark.parametrize("kind", ["external link", "soft link", "external data", "virtual", "huge"])
def test_data_outside_of_the_file_is_refused(tmp_path: Path, kind: str) -> None:
    write(tmp_path, record(SIZES))
    secret = tmp_path.parent / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["K"] = np.eye(3)
    with h5py.File(tmp_path / "0013_01_annots.smc", "a") as file:
        group = file["Camera_Parameter/07"]
        del group["K"]
        if kind == "external link":
            group["K"] = h5py.ExternalLink(str(secret), "/K")
        elif kind == "soft link":
            group["K"] = h5py.SoftLink("/Camera_Parameter/00/K")
        elif kind == "external data":
            group.create_dataset("K", (3, 3), "f8", external=[(str(secret), 0, 72)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3, 3), "f8")
            layout[:] = h5py.VirtualSource(str(secret), "K", (3, 3))
            group.create_virtual_dataset("K", layout)
        else:
            group.create_dataset("K", (1 << 40,), "f8", chunks=(1 << 10,))
    with pytest.raises(InputError, match=r"0013_01_annots\.smc: is not a file of DNA-Rendering"):
        open_capture(tmp_path)
