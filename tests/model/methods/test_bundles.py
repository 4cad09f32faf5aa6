"""Bundles of other methods: the same container, the kind in the header, no code."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from model.bundle.info import write_bundle
from model.bundle.read import read_bundle
from model.camera import Camera
from model.methods.config import METHODS
from model.methods.video import MethodVideo
from renderer.reference.renderer import ReferenceRenderer
from tests.model.methods.small import SMALL, small_model, small_video

K = [[16.0, 0.0, 8.0], [0.0, 16.0, 8.0], [0.0, 0.0, 1.0]]
CAMERA = Camera.from_dict(
    {"width": 16, "height": 16, "K": K, "R": [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], "T": [-0.5, -0.5, 1.5]}, "camera"
)


@pytest.mark.parametrize("kind", SMALL)
def test_what_is_written_is_read(kind: str, tmp_path: Path) -> None:
    video = small_video(kind)
    write_bundle(video, tmp_path / "video.mlpvid")
    read = read_bundle(tmp_path / "video.mlpvid")
    assert isinstance(read, MethodVideo)
    assert read.config == video.config
    renderer = ReferenceRenderer()
    before, after = (renderer.render(renderer.prepare(v, 1.25), CAMERA).rgba for v in (video, read))
    np.testing.assert_array_equal(after, before)
    assert before.max() > 0.1
    small = tmp_path / "small.mlpvid"
    write_bundle(video, small, "int8")
    again = renderer.render(renderer.prepare(read_bundle(small), 1.25), CAMERA).rgba
    np.testing.assert_allclose(again, before, atol=0.1)


def replace_method(path: Path, method: object) -> None:
    """Replace the method in a bundle's header."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    document = json.loads(header["__metadata__"]["mlpvid"])
    document["config"]["method"] = method
    header["__metadata__"]["mlpvid"] = json.dumps(document)
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + content[8 + length :])


def test_an_unknown_kind_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "video.mlpvid"
    write_bundle(small_video("dynerf"), path)
    replace_method(path, {"kind": "k_planes"})
    with pytest.raises(
        InputError, match=r"video\.mlpvid: .*unknown kind 'k_planes'; the known kinds are neural_volumes, c_nerf"
    ) as error:
        read_bundle(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", [[], "dynerf", {"kind": 3}, {"kind": ["dynerf"]}, {"kind": "dynerf", "latent_channels": -1}])
def test_damaged_methods_are_refused(method: object, tmp_path: Path) -> None:
    path = tmp_path / "video.mlpvid"
    write_bundle(small_video("dynerf"), path)
    replace_method(path, method)
    with pytest.raises(InputError):
        read_bundle(path)


def test_a_volume_that_would_take_all_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.mlpvid"
    write_bundle(small_video("neural_volumes"), path)
    replace_method(path, {"kind": "neural_volumes", "volume_channels": [4096] * 8})
    with pytest.raises(InputError, match="more than"):
        read_bundle(path)


def test_own_videos_do_not_name_a_method() -> None:
    """Programs that do not know other methods read the paper's own videos as before."""
    assert "method" not in small_model(SMALL["dynerf"]).__class__().to_dict()
    assert set(METHODS) <= set(SMALL)
