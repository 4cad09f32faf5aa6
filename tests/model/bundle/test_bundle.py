"""Bundles store videos faithfully, and a failed save changes nothing."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

import model.bundle.write
from common.errors import InputError
from model.bundle.info import bundle_info, read_bundle, write_bundle
from model.bundle.layout import MAX_DECODED_BYTES, TensorSpec, decoded_bytes, network_shapes, tensor_layout
from model.bundle.read import open_any
from model.config import DecoderConfig, ModelConfig
from model.frame import Frame
from model.video import VolumetricVideo
from tests.factories import make_video
from tests.model.bundle.bundle_files import same_tensors, take_apart, tiny_bundle, tiny_config, tiny_video

ROOT = Path(__file__).parents[3]


def _relative_error(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / a.norm())


def _frame_errors(a: Frame, b: Frame) -> list[float]:
    maps = [(getattr(a, n), getattr(b, n)) for n in ("feature_planes", "density_maps", "color_maps")]
    return [_relative_error(x, y) for x, y in [*maps, *zip(a.grids, b.grids, strict=True)]]


@pytest.mark.parametrize(("precision", "bound"), [("float32", 0.0), ("float16", 1e-3), ("int8", 2e-2)])
@pytest.mark.parametrize("overrides", [{}, {"mlp_planes": ("yz",), "view_encoding": "spherical_harmonics"}])
def test_round_trip(tmp_path: Path, precision: Any, bound: float, overrides: dict[str, Any]) -> None:
    video = make_video(seed=5, num_frames=4, **overrides)
    path = tmp_path / "a.mlpvid"
    write_bundle(video, path, precision)
    again = read_bundle(path)
    assert again.config == video.config
    assert json.dumps(_plain(again)) == json.dumps(_plain(video))
    assert np.array_equal(again.latents, video.latents)
    assert np.array_equal(again.boxes, video.boxes)
    assert np.array_equal(again.occupancy, video.occupancy)
    errors = [max(_frame_errors(video.decode(time), again.decode(time))) for time in (0.0, 1.4, 3.0)]
    assert max(errors) <= bound
    assert bound == 0 or min(errors) > 0  # a lossy precision that lost nothing would not have been applied
    assert same_tensors(video, again) == (precision == "float32")


def _plain(video: VolumetricVideo) -> dict[str, Any]:
    metadata = video.metadata
    return {f.name: getattr(metadata, f.name) for f in dataclasses.fields(metadata) if f.name != "cameras"} | {
        "cameras": [camera.to_dict() for camera in metadata.cameras]
    }


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_same_video_gives_the_same_bytes_even_when_it_replaces_its_own_file(tmp_path: Path, precision: Any) -> None:
    path = tiny_bundle(tmp_path, precision)
    content = path.read_bytes()
    write_bundle(tiny_video(), path, precision)
    assert path.read_bytes() == content
    video = read_bundle(path)
    write_bundle(video, path, "float32")
    assert same_tensors(read_bundle(path), video)


def test_bytes_shrink_with_precision(tmp_path: Path) -> None:
    video = make_video()
    sizes = {}
    for precision in ("float32", "float16", "int8"):
        write_bundle(video, tmp_path / "a.mlpvid", precision)  # type: ignore[arg-type]
        info = bundle_info(tmp_path / "a.mlpvid")
        sizes[precision] = info["bytes"]["hash_tables"]
    assert sizes["float16"] == sizes["float32"] // 2
    assert sizes["int8"] == pytest.approx(sizes["float32"] * 17 / 64, rel=0.01)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_info(tmp_path: Path, precision: Any) -> None:
    path = tiny_bundle(tmp_path, precision)
    info = bundle_info(path)
    assert json.dumps(info)
    assert info["integrity"] == "ok" and info["format_version"] == 1 and info["precision"] == precision
    assert sum(info["bytes"].values()) == info["file_size"] == path.stat().st_size
    assert all(info["bytes"][part] > 0 for part in ("header", "latents", "boxes", "occupancy", "decoder", "hash_tables"))
    assert info["bytes"]["latents"] == 2 * 4 * 4 and info["bytes"]["occupancy"] == 2 * 3  # 18 cells per frame
    video = tiny_video()
    assert (info["num_frames"], info["fps"], info["duration"]) == (2, 30.0, 2 / 30)
    assert torch.equal(torch.tensor(info["bounds"]), torch.from_numpy(video.bounds))
    assert json.dumps(info["config"]) == json.dumps(tiny_config().to_dict())
    assert info["parameters"] == sum(p.numel() for m in (video.decoder, video.hash_encoding) for p in m.parameters())
    assert (info["license"], info["cameras"]) == ("CC0-1.0", 3)


def test_info_shows_the_first_line_of_the_license_and_the_bundle_stores_all_of_it(tmp_path: Path) -> None:
    video = tiny_video()
    video.metadata.license = "\nCC-BY-SA-3.0 “ä”\nCopyright\tthem\f\n"
    write_bundle(video, tmp_path / "a.mlpvid")
    assert bundle_info(tmp_path / "a.mlpvid")["license"] == "CC-BY-SA-3.0 “ä”"
    assert read_bundle(tmp_path / "a.mlpvid").metadata.license == video.metadata.license


def test_the_default_config_has_the_papers_sizes() -> None:
    shapes = network_shapes(ModelConfig())
    assert shapes["hash.tables"] == (3, 5_710_022, 2)
    layout = tensor_layout(ModelConfig(), 300, "float32")
    parts = {part: sum(s.nbytes for s in layout.values() if s.part == part) for part in ("latents", "hash_tables", "decoder")}
    assert parts["latents"] == 300 * 1024  # the paper's 300 KB
    assert parts["hash_tables"] / 2**20 == pytest.approx(131, abs=0.5)
    assert parts["decoder"] / 2**20 == pytest.approx(105, abs=0.5)


def test_decoded_bytes_by_hand() -> None:
    config = tiny_config()
    backbone = 3 * 4 * 4 + 2 * 8 * 8
    trunks = 2 * 4 * 4 + 2 * 4 * 4  # density and color, each halved once
    heads = 96 * 8 * 8 + 32 * 4 * 4 + 2432 * 4 * 4
    grids = 3 * 2 * (3 * 3 + 6 * 6)
    assert decoded_bytes(config) == 4 * (backbone + trunks + heads + grids)
    assert decoded_bytes(ModelConfig()) < MAX_DECODED_BYTES / 10


@pytest.mark.parametrize("head_source", ["final", "matching"])
def test_decoded_bytes_match_the_outputs_of_the_layers(head_source: Any) -> None:
    decoder = DecoderConfig(8, (9, 8, 7, 6), head_source, color_channels=(5, 4, 3))
    video = make_video(decoder=decoder, color_map_resolution=4, density_map_resolution=16)
    counted: list[int] = []
    for layer in video.decoder.modules():
        if next(layer.parameters(recurse=False), None) is not None:
            layer.register_forward_hook(lambda _layer, _inputs, output: counted.append(output.nbytes))
    frame = video.decode(0)
    assert decoded_bytes(video.config) == sum(counted) + sum(grid.nbytes for grid in frame.grids)


def test_opening_does_not_load_pytorchs_compiler() -> None:
    """Some operations on the device "meta" do, for two seconds."""
    program = (
        "import sys\nfrom model.bundle.info import bundle_info, read_bundle\n"
        "read_bundle(sys.argv[1])\nbundle_info(sys.argv[1])\n"
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(Path(__file__).with_name("version1.mlpvid"))], cwd=ROOT, check=True)


def test_names_and_shapes_of_the_format_are_fixed() -> None:
    """Format version 1 consists of these: a change here makes old files unreadable."""
    layout = tensor_layout(ModelConfig(), 7, "int8")
    assert layout["latents"] == TensorSpec("F32", (7, 256), "latents")
    assert layout["boxes"] == TensorSpec("F32", (7, 2, 3), "boxes")
    assert layout["occupancy"] == TensorSpec("U8", (7, 3456), "occupancy")
    assert layout["hash.tables"] == TensorSpec("I8", (3, 5_710_022, 2), "hash_tables")
    assert layout["hash.tables.scales"] == TensorSpec("F32", (535_315,), "hash_tables")
    shapes = network_shapes(ModelConfig())
    del shapes["hash.tables"]
    expected = {"decoder.backbone.linear.weight": (4096, 256), "decoder.backbone.linear.bias": (4096,)}
    channels = (256, 256, 128, 128, 64, 64, 64)
    for i in range(6):
        expected[f"decoder.backbone.upsamples.{i}.weight"] = (channels[i], channels[i + 1], 4, 4)
        expected[f"decoder.backbone.upsamples.{i}.bias"] = (channels[i + 1], 8 << i, 8 << i)
    for i, (inputs, outputs) in enumerate(((64, 64), (64, 128), (128, 128), (128, 256))):
        expected[f"decoder.color_trunk.{2 * i}.weight"] = (outputs, inputs, 3, 3)
        expected[f"decoder.color_trunk.{2 * i}.bias"] = (outputs,)
    for name, inputs, outputs in (("feature", 64, 96), ("density", 64, 96), ("color", 256, 7872)):
        expected[f"decoder.{name}_head.weight"] = (outputs, inputs, 3, 3)
        expected[f"decoder.{name}_head.bias"] = (outputs,)
    assert shapes == expected


@pytest.mark.parametrize("old", [None, b"precious"])
@pytest.mark.parametrize("moment", ["save_arrays", "replace_in_header"])
def test_an_error_while_writing_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes | None, moment: str
) -> None:
    path = tmp_path / "a.mlpvid"
    if old is not None:
        path.write_bytes(old)

    def fail(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model.bundle.write, moment, fail)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(tiny_video(), path)
    assert [p.name for p in tmp_path.iterdir()] == ([] if old is None else ["a.mlpvid"])
    assert old is None or path.read_bytes() == old


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="file size limits")
def test_a_full_disk_gives_one_line_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mlpvid"
    path.write_bytes(b"precious")
    program = (
        "import resource, sys\nfrom tests.model.bundle.bundle_files import tiny_video\n"
        "from model.bundle.info import write_bundle\n"
        "from common.errors import InputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try:\n    write_bundle(tiny_video(), sys.argv[1])\n"
        "except InputError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"{path}: cannot be written")
    assert [p.name for p in tmp_path.iterdir()] == ["a.mlpvid"] and path.read_bytes() == b"precious"


def _nan_latent(video: VolumetricVideo) -> None:
    video.latents[1, 2] = float("nan")


def _infinite_weight(video: VolumetricVideo) -> None:
    video.decoder.color_head.weight.view(-1)[7] = float("inf")


def _infinite_table(video: VolumetricVideo) -> None:
    video.hash_encoding.tables[1, 4, 0] = -float("inf")


def _inverted_box(video: VolumetricVideo) -> None:
    video.boxes[1] = video.boxes[1, ::-1].copy()


def _missing_box(video: VolumetricVideo) -> None:
    video.boxes = video.boxes[:1]


def _nan_frame_rate(video: VolumetricVideo) -> None:
    video.metadata.fps = float("nan")


def _no_frame(video: VolumetricVideo) -> None:
    video.latents = video.latents[:0]


def _escape_sequence(video: VolumetricVideo) -> None:
    video.metadata.license = "\x1b[2Jhello"


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_nan_latent, "latents holds numbers that are not finite"),
        (_infinite_weight, r"tensor decoder\.color_head\.weight"),
        (_infinite_table, r"tensor hash\.tables"),
        (_inverted_box, "the box of frame 1 is not ordered"),
        (_missing_box, r"tensor boxes has shape \[1, 2, 3\], not \[2, 2, 3\]"),
        (_nan_frame_rate, "not finite"),
        (_no_frame, "num_frames"),
        (_escape_sequence, "license has control characters"),
    ],
)
def test_impossible_videos_are_not_written(tmp_path: Path, spoil: Any, fault: str, precision: Any) -> None:
    video = tiny_video()
    spoil(video)
    with pytest.raises(InputError, match=fault) as caught:
        write_bundle(video, tmp_path / "a.mlpvid", precision)
    assert str(caught.value).startswith(f"{tmp_path / 'a.mlpvid'}: ")
    assert list(tmp_path.iterdir()) == []


def test_weights_beyond_float16_are_refused_only_in_float16(tmp_path: Path) -> None:
    video = tiny_video()
    video.hash_encoding.tables[0, 0, 0] = 1e5
    with pytest.raises(InputError, match=r"hash\.tables does not fit into float16; use float32 or int8"):
        write_bundle(video, tmp_path / "a.mlpvid", "float16")
    write_bundle(video, tmp_path / "a.mlpvid", "int8")
    assert float(read_bundle(tmp_path / "a.mlpvid").hash_encoding.tables[0, 0, 0]) == pytest.approx(1e5)


def test_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="precision: must be one of float32, float16, int8, not 'float8'"):
        write_bundle(tiny_video(), tmp_path / "a.mlpvid", "float8")  # type: ignore[arg-type]


def test_a_description_reads_the_header_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a network, each reading is a request."""
    path, spy = tiny_bundle(tmp_path), Mock(side_effect=open_any)
    monkeypatch.setattr("model.bundle.info.open_any", spy)
    assert bundle_info(path)["integrity"] == "ok"
    spy.assert_called_once_with(path)


def test_additional_fields_of_the_document_are_ignored(tmp_path: Path) -> None:
    from tests.model.bundle.bundle_files import corrupt

    path = tiny_bundle(tmp_path)
    corrupt(path, lambda pieces: pieces.document.update(thumbnail="later versions of 1 may add facts"))
    assert bundle_info(path)["integrity"] == "ok"
    assert same_tensors(read_bundle(path), tiny_video())


def test_the_test_tools_take_apart_and_put_together_faithfully(tmp_path: Path) -> None:
    from tests.model.bundle.bundle_files import put_together

    path = tiny_bundle(tmp_path)
    pieces = take_apart(path)
    put_together(pieces, path)
    assert bundle_info(path)["integrity"] == "ok"
