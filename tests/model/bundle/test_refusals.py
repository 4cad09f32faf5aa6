"""Every kind of invalid bundle raises one InputError that names the file."""

from __future__ import annotations

import functools
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from common.errors import InputError
from model.bundle.container import MAX_HEADER_BYTES
from model.bundle.info import bundle_info, read_bundle
from tests.model.bundle.bundle_files import Pieces, corrupt, resized, set_float, take_apart, tiny_bundle

ROOT = Path(__file__).parents[3]
HEADS = "decoder.color_head.weight"


def _refused(path: Path, fault: str) -> None:
    for action in (read_bundle, bundle_info):
        with pytest.raises(InputError, match=fault) as caught:
            action(path)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


# Files that are not bundles


def test_missing_file(tmp_path: Path) -> None:
    _refused(tmp_path / "a.mlpvid", "no such file")
    (tmp_path / "file").write_bytes(b"x")
    _refused(tmp_path / "file" / "a.mlpvid", "cannot be read|no such file")


def test_folder(tmp_path: Path) -> None:
    _refused(tmp_path, "is a folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mlpvid")
    _refused(tmp_path / "a.mlpvid", "is not a regular file")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="file permissions do not bind root")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path)
    path.chmod(0)
    _refused(path, "cannot be read")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"{", "is not a .mlpvid file"),
        (b"\0" * 8, "is not a .mlpvid file"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "is not a .mlpvid file"),
        (b"PK\x03\x04" + b"\0" * 100, "is not a .mlpvid file"),
        (b"\x80\x02}q\x00." + b"\0" * 100, "is not a .mlpvid file"),
        (struct.pack("<Q", 2) + b"{}", "is not a .mlpvid file"),
        (struct.pack("<Q", 1) + b"{", "is not a .mlpvid file"),
        (struct.pack("<Q", 2) + b"{ ", "the header is not valid JSON"),
        (struct.pack("<Q", 0) + b"{}", "is not a .mlpvid file"),
        (struct.pack("<Q", 2**63) + b"{}", "has a header of 9,223,372,036,854,775,808 bytes"),
        (struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{}", "has a header of"),
        (struct.pack("<Q", 100) + b"{}", "is incomplete: its header takes 100 bytes, but"),
        (struct.pack("<Q", 4) + b'{"\xff"', "the header is not valid JSON"),
        (struct.pack("<Q", 200000) + b'{"a":' * 40000, "the header is not valid JSON"),
        (struct.pack("<Q", 26) + b'{"__metadata__":{"a":"b"}}', "is not a .mlpvid file"),
        (struct.pack("<Q", 20) + b'{"__metadata__":[1]}', "is not a .mlpvid file"),
    ],
)
def test_foreign_content(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "a.mlpvid").write_bytes(content)
    _refused(tmp_path / "a.mlpvid", fault)


def test_other_safetensors_files_and_pickles_are_foreign(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "a.mlpvid", {"format": "pt"})
    _refused(tmp_path / "a.mlpvid", "is not a .mlpvid file")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "b.mlpvid")
    _refused(tmp_path / "b.mlpvid", "is not a .mlpvid file")


@pytest.mark.parametrize("content", [b"{", struct.pack("<Q", 0) + b"{}", struct.pack("<Q", 2) + b"{}"])
def test_messages_about_other_files_say_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    _refused(
        tmp_path / "a.pt", "is not a .mlpvid file.*; choose a bundle.*training.export RUN OUT.mlpvid.*training.import_release"
    )


@pytest.mark.parametrize("share", [0.0, 1e-4, 0.01, 0.3, 0.9, 1.0])
def test_truncated_anywhere(tmp_path: Path, share: float) -> None:
    path = tiny_bundle(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: 1 + int(share * (len(content) - 2))])
    _refused(path, "is incomplete" if share > 1e-3 else "is not a .mlpvid file|is incomplete")


def test_bytes_after_the_end(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path)
    path.write_bytes(path.read_bytes() + b"12345")
    _refused(path, "has 5 bytes too many")


# The document


def _set(name: str, value: object) -> Callable[[Pieces], None]:
    def change(pieces: Pieces) -> None:
        *parents, last = name.split(".")
        target: Any = pieces.document
        for parent in parents:
            target = target[int(parent)] if isinstance(target, list) else target[parent]
        target[last] = value

    return change


def _remove(name: str) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.document.pop(name)


def _many_pixels(pieces: Pieces) -> None:
    """4096 channels of 512 x 512 pixels, from a few hundred kilobytes of weights."""
    pieces.document["config"]["decoder"] |= {"backbone_channels": [1] * 9, "color_channels": [4096, 1]}


def _many_grid_nodes(pieces: Pieces) -> None:
    """16 levels of 8192 x 8192 nodes that share 16 entries each."""
    pieces.document["config"]["hash"] = {"log2_table_size": 4, "base_resolution": 8192, "finest_resolution": 8192}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_set("format", "mlpvod"), "does not name the format"),
        (_remove("format"), "does not name the format"),
        (_set("version", 3), "format version 3 is newer than 2, the newest known; update the viewer"),
        (_set("version", 0), "version is not a positive whole number"),
        (_set("version", True), "version is not a positive whole number"),
        (_set("version", "1"), "version is not a positive whole number"),
        (_remove("fps"), "the metadata has no field fps"),
        (_remove("license"), "the metadata has no field license"),
        (_set("fps", 0), "fps must be from"),
        (_set("fps", -30), "fps must be from"),
        (_set("fps", 1e300), "fps must be from"),
        (_set("fps", 1e-300), "fps must be from"),
        (_set("fps", "30"), "fps must be a finite number"),
        (_set("fps", True), "fps must be a finite number"),
        (_set("fps", None), "fps must be a finite number"),
        (_set("up", [0, 0, 2]), "up must have length 1"),
        (_set("up", [0, 0, 0]), "up must have length 1"),
        (_set("up", [0, 1]), "up must be a list of three"),
        (_set("up", "z"), "up must be a list of three"),
        (_set("up", [0, 0, "1"]), "up must be finite numbers"),
        (_set("num_frames", 0), "num_frames must be"),
        (_set("num_frames", -1), "num_frames must be"),
        (_set("num_frames", 2.0), "num_frames must be"),
        (_set("num_frames", 2**40), "num_frames must be"),
        (_set("num_frames", 3), "has shape"),
        (_set("precision", "float64"), "precision must be one of"),
        (_set("precision", ["int8"]), "precision must be one of"),
        (_set("precision", "float16"), "has type 'F32', not F16"),
        (_set("precision", "int8"), r"has no tensor .*\.scales"),
        (_set("cameras", {}), "cameras must be a list"),
        (_set("cameras", [3]), "camera 0 must be a JSON object"),
        (_set("cameras.1.width", 0), "camera 1 .*size"),
        (_set("cameras.1.width", 10**9), "camera 1 .*size"),
        (_set("cameras.1.R", [[1, 0, 0]] * 3), "camera 1 .*not a rotation"),
        (_set("cameras.1.K", [[0.0] * 3] * 3), "camera 1 .*cannot be inverted"),
        (_set("cameras.1.T", ["x", 0, 0]), "camera 1.*numbers"),
        (_set("cameras.1.T", [1, [2], 3]), "camera 1"),
        (_set("provenance", []), "provenance must be an object"),
        (_set("provenance", {"a": 1}), "provenance must be text"),
        (_set("provenance", {"a": "\x1b[31m"}), "provenance has control characters"),
        (_set("provenance", {"\x9b": "a"}), "provenance has control characters"),
        (_set("license", 7), "license must be text"),
        (_set("license", "\ud800"), "the metadata is not valid JSON"),
        (_set("config", None), "config must be a mapping"),
        (_set("config.unknown", 1), "unknown field 'unknown'"),
        (_set("config.hash.num_levels", 17), "num_levels must be 1 to 16"),
        (_set("config.hash.num_levels", "2"), "must be of type int"),
        (_set("config.hash.num_levels", 3), r"tensor hash\.tables has shape"),
        (_set("config.decoder.density_gain", 10**25), "the metadata is not valid JSON"),
        (_set("config.decoder.backbone_channels", [3, 2] * 400), "backbone_channels must have 1 to 9"),
        (_set("config.decoder.backbone_channels", [4096] * 9), "more than 536,870,912"),
        (_set("config.decoder.backbone_channels", [3, 4]), "has shape"),
        (_many_pixels, "more than 2,147,483,648 bytes to decode a frame"),
        (_many_grid_nodes, "more than 2,147,483,648 bytes to decode a frame"),
        (_set("config.render.weight_threshold", 1), "weight_threshold must be 0 to below 1"),
        (_set("config.view_encoding", "frequency"), "has shape"),
        (_set("config.mlp_planes", ["xy", "xz", "yz"]), "has shape"),
        (_set("config.occupancy.resolution", [512, 512, 512]), "tensor occupancy has shape"),
    ],
)
def test_wrong_documents(tmp_path: Path, change: Callable[[Pieces], object], fault: str) -> None:
    path = tiny_bundle(tmp_path)
    corrupt(path, change)
    _refused(path, fault)


@pytest.mark.parametrize(
    "document",
    ["", "null", "[]", '"mlpvid"', "{", '{"fps": NaN}', '{"fps": 1, "fps": 1}', '{"a": ' + "9" * 5000 + "}", "[" * 100000],
)
def test_documents_that_are_not_json_objects(tmp_path: Path, document: str) -> None:
    header = json.dumps({"__metadata__": {"mlpvid": document}}).encode()
    (tmp_path / "a.mlpvid").write_bytes(struct.pack("<Q", len(header)) + header)
    _refused(tmp_path / "a.mlpvid", "the metadata is not")


# The tensors' entries


def _entry(name: str, field: str, value: object) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.entries[name].__setitem__(field, value)


def _swap_shape(pieces: Pieces) -> None:
    pieces.entries["boxes"]["shape"] = [2, 3, 2]


def _overlap(pieces: Pieces) -> None:
    pieces.entries["latents"]["data_offsets"] = [o + 4 for o in pieces.entries["latents"]["data_offsets"]]


def _extra(pieces: Pieces) -> None:
    end = len(pieces.data)
    pieces.entries["surplus"] = {"dtype": "U8", "shape": [1], "data_offsets": [end, end + 1]}
    pieces.data += b"\0"


def _misaligned(pieces: Pieces) -> None:
    """Bytes first, floats after them: contiguous, but no float32 can be mapped there."""
    occupancy = bytes(pieces.tensor("occupancy"))
    start, _ = pieces.entries["occupancy"]["data_offsets"]
    shift = len(occupancy)
    del pieces.data[start : start + shift]
    pieces.data[:0] = occupancy
    for name, entry in pieces.entries.items():
        first, last = entry["data_offsets"]
        move = -first if name == "occupancy" else shift if first < start else 0
        entry["data_offsets"] = [first + move, last + move]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda p: p.entries.pop("latents"), "has no tensor latents"),
        (lambda p: p.entries.pop("hash.tables"), r"has no tensor hash\.tables"),
        (_extra, "has an unknown tensor 'surplus'"),
        (_entry("latents", "dtype", "F64"), "tensor latents has type 'F64', not F32"),
        (_entry("latents", "dtype", "I32"), "tensor latents has type"),
        (_entry("latents", "dtype", {"a": [1]}), "tensor latents has type"),
        (_entry("occupancy", "dtype", "BOOL"), "tensor occupancy has type 'BOOL', not U8"),
        (_entry("latents", "shape", "2,4"), "tensor latents has shape"),
        (_entry("latents", "shape", [2, 4.0]), "tensor latents has shape"),
        (_entry("latents", "shape", [2, -4]), "tensor latents has shape"),
        (_entry("latents", "shape", [2**62, 2**62]), "tensor latents has shape"),
        (_entry("latents", "shape", [[]] * 1000), "tensor latents has shape"),
        (_entry("latents", "data_offsets", [0]), "malformed offsets"),
        (_entry("latents", "data_offsets", [-8, 24]), "malformed offsets"),
        (_entry("latents", "data_offsets", [32, 0]), "malformed offsets"),
        (_entry("latents", "data_offsets", [0, 2**63]), "bytes for tensor latents, not 32"),
        (_entry("latents", "data_offsets", [0.0, 32.0]), "malformed offsets"),
        (_entry("latents", "surprise", 1), "malformed entry for tensor latents"),
        (lambda p: p.entries.update(latents=None), "malformed entry for tensor latents"),
        (_swap_shape, r"tensor boxes has shape \[2, 3, 2\], not \[2, 2, 3\]"),
        (_overlap, "overlap or leave gaps"),
        (_misaligned, "does not start at a multiple of its item size"),
        (lambda p: resized(p, "latents", [3, 4]), r"tensor latents has shape \[3, 4\], not \[2, 4\]"),
        (lambda p: resized(p, "occupancy", [2, 18]), "tensor occupancy has shape"),
        (lambda p: resized(p, HEADS, [1, 1]), rf"tensor {HEADS} has shape"),
    ],
)
def test_wrong_entries(tmp_path: Path, change: Callable[[Pieces], object], fault: str) -> None:
    path = tiny_bundle(tmp_path)
    corrupt(path, change)
    _refused(path, fault)


# The tensors' values


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["latents", "boxes", "hash.tables", HEADS, "decoder.color_head.bias"])
def test_numbers_that_are_not_finite(tmp_path: Path, name: str, value: float) -> None:
    path = tiny_bundle(tmp_path)
    corrupt(path, lambda pieces: set_float(pieces, name, 3, value))
    _refused(path, f"tensor {name} holds numbers that are not finite")


def test_nan_in_float16_and_bad_scales_in_int8(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path, "float16")
    corrupt(path, lambda pieces: pieces.tensor("hash.tables").__setitem__(slice(4, 6), b"\x00\x7e"))
    _refused(path, r"tensor hash\.tables holds numbers that are not finite")
    for value, fault in ((float("nan"), "not finite"), (-1.0, "negative or too large"), (3e38, "negative or too large")):
        path = tiny_bundle(tmp_path, "int8")
        corrupt(path, functools.partial(set_float, name="hash.tables.scales", index=1, value=value))
        _refused(path, fault)


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        ([1, 0, 0, 0, 1, 1], "the box of frame 1 is not ordered"),
        ([0, 0, 0, 1, 1, 0], "the box of frame 1 is not ordered"),
        ([0, 0, 0, 1, 1, 1e-20], "the box of frame 1 is not ordered"),
        ([-3e38, 0, 0, 3e38, 1, 1], "a box extends beyond"),
    ],
)
def test_impossible_boxes(tmp_path: Path, box: list[float], fault: str) -> None:
    path = tiny_bundle(tmp_path)
    for index, value in enumerate(box):
        corrupt(path, functools.partial(set_float, name="boxes", index=6 + index, value=value))
    _refused(path, fault)


# The checksum


@pytest.mark.parametrize("place", ["first", "last", "cameras"])
def test_info_detects_any_changed_byte_and_opening_does_not_check(tmp_path: Path, place: str) -> None:
    path = tiny_bundle(tmp_path)
    content = bytearray(path.read_bytes())
    start = len(content) - len(take_apart(path).data)
    position = {"first": start + 8, "last": len(content) - 1, "cameras": content.index(b'\\"width\\": 64') + 12}[place]
    content[position] ^= 1
    path.write_bytes(content)
    read_bundle(path)
    with pytest.raises(InputError, match="is corrupted: its checksum does not match") as caught:
        bundle_info(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", ["", "0" * 63, "0" * 63 + "G", "A" * 64, 5, None])
def test_malformed_checksums(tmp_path: Path, value: object) -> None:
    path = tiny_bundle(tmp_path)
    content = path.read_bytes()
    old = json.dumps(json.dumps({"sha256": take_apart(path).document["sha256"]}))[2:-2].encode()
    new = json.dumps(json.dumps({"sha256": value}))[2:-2].encode()
    assert old in content
    header = content[8 : 8 + struct.unpack("<Q", content[:8])[0]].replace(old, new)
    header += b" " * (-len(header) % 8)
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(take_apart(path).data))
    _refused(path, "sha256 must be 64")


# Memory


@pytest.mark.skipif(sys.platform == "win32", reason="resource usage")
def test_a_file_that_declares_huge_tensors_allocates_nothing(tmp_path: Path) -> None:
    """The limits allow 2 GiB of network and 8 GiB of frames, declared in a file of a few kilobytes."""
    path = tiny_bundle(tmp_path)

    def enlarge(pieces: Pieces) -> None:
        config = pieces.document["config"]
        config["hash"] |= {"num_levels": 4, "features_per_level": 8, "log2_table_size": 22, "base_resolution": 2048}
        config["hash"]["finest_resolution"] = 2048
        config["occupancy"]["resolution"] = [512, 512, 512]
        pieces.document["num_frames"] = 500
        for name, shape, item in (
            ("latents", [500, 4], 4),
            ("boxes", [500, 2, 3], 4),
            ("occupancy", [500, 1 << 24], 1),
            ("hash.tables", [3, 1 << 24, 8], 4),
        ):
            entry = pieces.entries[name]
            start, size = entry["data_offsets"][0], item
            for n in shape:
                size *= n
            entry["shape"], entry["data_offsets"] = shape, [start, start + size]

    corrupt(path, enlarge)
    program = (
        "import resource, sys\nfrom model.bundle.info import read_bundle\nfrom common.errors import InputError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_bundle(sys.argv[1])\n"
        "except InputError as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    result = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    message, grown = result.stdout.splitlines()
    assert message.startswith(f"{path}: has tensors that overlap") or "is incomplete" in message
    assert int(grown) < (60 << 20 if sys.platform == "darwin" else 60 << 10)
