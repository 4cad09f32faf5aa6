"""MP4 files say that they are panoramas or in stereo; FFmpeg, as an independent reader, finds it, and every frame."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from renderer.backend import RenderedImage
from tests.factories import make_camera
from tests.viewer.videos import decode
from viewer.export.image_files import save_render
from viewer.export.projection import Projection
from viewer.export.spherical_metadata import add_spherical_metadata, spherical_boxes
from viewer.export.video_sink import VideoSink

pytest.importorskip("av")


def write(path: Path, projection: Projection, frames: int = 5) -> list[np.ndarray]:
    sink = VideoSink(path, 64, 32, 30.0, quality=4, projection=projection)
    images = [np.full((32, 64, 3), 40 * k + 20, np.uint8) for k in range(frames)]
    for image in images:
        sink.write(image)
    sink.finish()
    return images


def side_data(path: Path) -> dict[str, bytes]:
    import av

    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        entries: list[Any] = list(frame.side_data)
        return {entry.type.name: bytes(entry) for entry in entries}


@pytest.mark.parametrize(
    ("name", "spherical", "stereo"),
    # AVSphericalMapping: projection (0 whole, 2 cropped), yaw, pitch, roll, then the bounds left, top, right, bottom.
    # AVStereo3D: 0 mono, 1 side by side.
    [("equirectangular", (0, 0, 0), 0), ("vr180", (2, 1 << 30, 1 << 30), 1), ("stereo", None, 1)],
)
def test_ffmpeg_reads_it(tmp_path: Path, name: str, spherical: tuple[int, ...] | None, stereo: int) -> None:
    images = write(tmp_path / "a.mp4", Projection(name))
    found = side_data(tmp_path / "a.mp4")
    assert struct.unpack_from("=I", found["STEREO3D"])[0] == stereo
    if spherical is None:
        assert "SPHERICAL" not in found
    else:
        projection, _, _, _, left, top, right, bottom = struct.unpack_from("=Iiii4I", found["SPHERICAL"])
        assert (projection, left, right, top, bottom) == (*spherical, 0, 0)
    frames = decode(tmp_path / "a.mp4")
    assert len(frames) == len(images)
    for frame, image in zip(frames, images, strict=True):
        assert np.abs(frame.astype(int) - image).max() <= 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_ordinary_videos_have_none(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", Projection())
    assert not {"SPHERICAL", "STEREO3D"} & set(side_data(tmp_path / "a.mp4"))


def test_the_boxes_by_hand() -> None:
    assert spherical_boxes(Projection("stereo")) == bytes.fromhex("0000000d") + b"st3d" + bytes.fromhex("0000000002")
    boxes = spherical_boxes(Projection("vr180"))
    assert boxes.endswith(b"equi" + bytes.fromhex("00000000 00000000 00000000 40000000 40000000"))


def test_large_files_have_wide_positions(tmp_path: Path) -> None:
    """A table of positions with 64 bits is moved by the length of the boxes, as one with 32 bits is."""
    for kind, letter in ((b"stco", "I"), (b"co64", "Q")):
        entry = box(b"avc1", bytes(78))
        table = box(kind, struct.pack(f">II{letter}", 0, 1, 5000))
        content = box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1) + entry) + table)
        for name in (b"minf", b"mdia", b"trak", b"moov"):
            content = box(name, content)
        path = tmp_path / kind.decode()
        path.write_bytes(box(b"ftyp", b"isom") + content + box(b"mdat", b"data"))
        before = path.stat().st_size
        add_spherical_metadata(path, Projection("vr180"))
        added = len(spherical_boxes(Projection("vr180")))
        assert path.stat().st_size == before + added
        position = path.read_bytes().index(kind) + 12
        assert struct.unpack_from(f">{letter}", path.read_bytes(), position) == (5000 + added,)
        assert path.read_bytes().endswith(box(b"mdat", b"data"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"abcd", box(b"moov", b""), box(b"moov", box(b"trak", b"")), b"\0\0\0\0moov"):
        (tmp_path / "a.mp4").write_bytes(content)
        with pytest.raises(InputError):
            add_spherical_metadata(tmp_path / "a.mp4", Projection("vr180"))
        assert (tmp_path / "a.mp4").read_bytes() == content
        assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_png_of_a_panorama_says_so(tmp_path: Path) -> None:
    image = RenderedImage(np.zeros((2, 4, 4), np.float32), np.zeros((2, 4), np.float32), np.zeros((2, 4, 2), np.uint16))
    save_render(tmp_path / "a.png", image, make_camera(4, 2), 0.0, False, Projection("equirectangular"))
    with Image.open(tmp_path / "a.png") as opened:
        opened.load()
        packet = opened.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]
    (description,) = (element for element in ElementTree.fromstring(packet).iter() if element.tag.endswith("Description"))
    found = {name.rpartition("}")[2]: value for name, value in description.items()}
    assert (found["ProjectionType"], found["FullPanoWidthPixels"], found["FullPanoHeightPixels"]) == (
        "equirectangular",
        "4",
        "2",
    )


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
