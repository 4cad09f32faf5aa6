"""Files of version 2: what is written comes back, damage is found and named, and other files are refused."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.byte_source import LocalFile
from common.errors import InputError
from model.bundle.coded_write import write_coded
from model.bundle.coding import CodedSpec, decode, encode, encode_steps
from model.bundle.info import bundle_info, find_damage, read_bundle
from model.hash_levels import hash_levels
from tests.model.bundle.bundle_files import Pieces, same_tensors, take_apart, tiny_video
from tests.model.bundle.coded_files import check_refused, corrupt_coded, replace_payload
from tests.model.bundle.independent_reader import Stranger
from viewer.cli import main

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HERE = Path(__file__).parent
HEADS, TABLES = "decoder.color_head.weight", "segments.0.hash.tables"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file of version 2 with one tensor of each encoding."""
    result = tmp_path / "a.mlpvid"
    result.write_bytes((HERE / "version2.mlpvid").read_bytes())
    return result


# Coding arrays


def _stored(payload: bytes) -> Any:
    return np.frombuffer(payload, np.uint8)


def test_steps_by_hand() -> None:
    values = np.array([[0.0, 0.26, -0.74, 0.5], [1.0, -32.0, 0.1, -0.25]], np.float32)
    payload, code = encode_steps(values, (0.5,))
    assert (code.integers, code.steps, code.shape) == ("I8", (0.5,), (2, 4))
    # 0.26 and -0.74 are rounded away from and toward zero to 1 and -1 steps; halves go to the even number.
    assert zstd.decompress(payload) == np.array([0, 1, -1, 1, 2, -64, 0, 0], np.int8).tobytes()
    again = decode(_stored(payload), code, CodedSpec("F32", (2, 4), "decoder"))
    np.testing.assert_array_equal(again, [[0, 0.5, -0.5, 0.5], [1, -32, 0, 0]])


def test_wide_numbers_are_stored_as_low_bytes_and_high_bytes() -> None:
    payload, code = encode_steps(np.array([300.0, -2.0, 127.0], np.float32), (1.0,))
    assert code.integers == "I16"
    assert zstd.decompress(payload) == bytes([300 - 256, 254, 127, 1, 255, 0])
    np.testing.assert_array_equal(decode(_stored(payload), code, CodedSpec("F32", (3,), "decoder")), [300, -2, 127])


def test_no_number_changes_by_more_than_half_its_step() -> None:
    rng = np.random.default_rng()
    runs, steps = (5, 1, 40), tuple(np.exp(rng.uniform(-6, 0, 3)).tolist())
    values = rng.normal(size=(3, 46, 4)).astype(np.float32)
    payload, code = encode_steps(values, steps, runs)
    again = decode(_stored(payload), code, CodedSpec("F32", values.shape, "hash_tables", runs))
    bound = np.repeat(np.array(steps, np.float32), runs)[None, :, None] * (0.5 + 1e-3)
    assert (np.abs(again - values) <= bound).all()
    assert not np.array_equal(again, values)


def test_arrays_are_stored_exactly_and_compressed_only_where_that_is_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 500).astype(np.uint8)
    for values, encoding in ((noise, "raw"), (np.zeros(500, np.uint8), "zstd"), (np.ones((4, 9), np.float32), "zstd")):
        payload, code = encode(values)
        assert code.encoding == encoding and len(payload) <= values.nbytes
        again = decode(
            _stored(payload), code, CodedSpec("F32" if values.dtype == np.float32 else "U8", values.shape, "latents")
        )
        assert again.dtype == values.dtype
        np.testing.assert_array_equal(again, values)


def test_a_step_that_is_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tensor hash\.tables cannot be rounded: a step is too small"):
        write_coded(tiny_video(), tmp_path / "a.mlpvid", {"hash.tables": (1e-9,)})
    assert list(tmp_path.iterdir()) == []


# Whole files


def test_without_steps_everything_is_exact_and_the_bytes_are_always_the_same(tmp_path: Path) -> None:
    video = tiny_video()
    for name in ("a", "b"):
        write_coded(video, tmp_path / f"{name}.mlpvid", {})
    assert (tmp_path / "a.mlpvid").read_bytes() == (tmp_path / "b.mlpvid").read_bytes()
    again = read_bundle(tmp_path / "a.mlpvid")
    assert same_tensors(video, again)
    assert again.metadata.license == video.metadata.license and again.config == video.config
    assert bundle_info(tmp_path / "a.mlpvid")["precision"] == "float32"


def test_every_level_of_the_tables_has_its_step(tmp_path: Path) -> None:
    video, steps = tiny_video(), (0.01, 0.08)
    write_coded(video, tmp_path / "a.mlpvid", {"hash.tables": steps})
    again = read_bundle(tmp_path / "a.mlpvid")
    change = np.abs(again.hash_tables - video.hash_tables)
    for level, step in zip(hash_levels(video.config.hash), steps, strict=True):
        largest = float(change[:, level.offset : level.offset + level.entries].max())
        assert step / 4 < largest <= step / 2 * (1 + 1e-4)
    assert np.array_equal(again.decoder_weights["color_head.weight"], video.decoder_weights["color_head.weight"])


def test_the_decoder_is_first_and_the_segment_is_one_range_after_it(path: Path) -> None:
    entries = take_apart(path).entries
    order = sorted(entries, key=lambda name: entries[name]["data_offsets"])
    assert [name.startswith("decoder.") for name in order] == [True] * (len(order) - 4) + [False] * 4
    assert order[-4:] == [f"segments.0.{name}" for name in ("latents", "boxes", "occupancy", "hash.tables")]


def test_files_of_version_2_stay_readable() -> None:
    """Neither the file nor the values read from it may ever change; the independent reader sees the same pixels."""
    path, expected = HERE / "version2.mlpvid", json.loads((HERE / "version2.json").read_text())
    info, codes = bundle_info(path), take_apart(path).document["tensors"].values()
    assert (info["xxh3"], info["format_version"], info["minor_version"]) == (expected["xxh3"], 2, 0)
    assert {code["encoding"] for code in codes} == {"raw", "zstd", "steps"}
    assert {code["integers"] for code in codes if "integers" in code} == {"I8", "I16"}
    theirs = Stranger(path)
    frame, ours = theirs.frame(expected["time"]), read_bundle(path).decode(expected["time"])
    assert theirs.intact
    np.testing.assert_allclose(frame.maps[2], ours.color_maps.permute(0, 3, 1, 2), atol=1e-5)
    points, directions = np.array(expected["points"]), np.array(expected["directions"])
    np.testing.assert_allclose([frame.density(p) for p in points], expected["density"], rtol=1e-4, atol=1e-4)
    seen = [frame.color(p, d) for p, d in zip(points, directions, strict=True)]
    np.testing.assert_allclose(seen, expected["color"], atol=1e-5)
    for x, y, *values in expected["pixels"]:
        np.testing.assert_allclose(frame.pixel(expected["camera"], x, y), values, atol=2e-5)
    assert expected["pixels"][0][5] > 0.5, "the first pixel sees the subject"


def test_info_counts_the_stored_bytes(path: Path) -> None:
    info = bundle_info(path)
    assert sum(info["bytes"].values()) == info["file_size"] == path.stat().st_size
    assert info["bytes_per_frame"] == round(info["file_size"] / 2)
    assert (info["segments"], info["precision"], info["integrity"]) == (1, "steps", "ok")


# Damage


def _flip(path: Path, name: str) -> None:
    pieces, content = take_apart(path), bytearray(path.read_bytes())
    content[len(content) - len(pieces.data) + pieces.entries[name]["data_offsets"][0] + 3] ^= 16
    path.write_bytes(content)


def test_verify_names_every_damaged_tensor_with_its_frames(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(path), "--verify"]) == 0
    parts = len(take_apart(path).entries) + 1
    assert capsys.readouterr().out == f"{path}: all {parts} checksums hold\n"
    _flip(path, TABLES)
    _flip(path, HEADS)
    assert main([str(path), "--verify"]) == 2
    output = capsys.readouterr()
    fault = "frames 0 to 1: is damaged: its checksum does not match its content"
    assert output.out.splitlines() == [f"tensor {HEADS}, {fault}", f"tensor {TABLES}, {fault}"]
    assert output.err == f"error: {path}: 2 of {parts} parts are damaged; download or export it again\n"
    assert main([str(path), "--verify", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)[1]["frames"] == [0, 1]
    for action in (read_bundle, bundle_info):
        with pytest.raises(InputError, match=f"{HEADS}.*checksum does not match"):
            action(path)


def test_verify_of_version_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.mlpvid"
    path.write_bytes((HERE / "version1.mlpvid").read_bytes())
    assert main([str(path), "--verify"]) == 0
    _flip(path, "latents")
    assert main([str(path), "--verify"]) == 2
    assert capsys.readouterr().out.splitlines()[1] == "the file, frames 0 to 1: its checksum does not match its content"


def test_every_changed_byte_is_found(path: Path) -> None:
    content, random = path.read_bytes(), np.random.default_rng()
    for place in random.integers(8, len(content), 60):
        changed = bytearray(content)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        with pytest.raises(InputError):
            read_bundle(path)


# Files that are not what they should be, with right checksums


def _document(name: str, value: object) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.document.update({name: value})


def _code(tensor: str, **values: object) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.document["tensors"][tensor].update(values)


def _payload(tensor: str, payload: bytes) -> Callable[[Pieces], None]:
    return lambda pieces: replace_payload(pieces, tensor, payload)


def _bomb(pieces: Pieces) -> None:
    replace_payload(pieces, TABLES, zstd.compress(bytes(1 << 24)))


def _without_size(pieces: Pieces) -> None:
    options: dict[int, int] = {zstd.CompressionParameter.content_size_flag: 0}
    replace_payload(pieces, TABLES, zstd.compress(bytes(3 * 91 * 2), options=options))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_document("version", 3), "format version 3 is newer than 2, the newest known; update the viewer"),
        (_document("minor", -1), "the minor version is not a whole number"),
        (_document("minor", True), "the minor version is not a whole number"),
        (_document("segments", []), "segments must be a list"),
        (_document("segments", [{}, {}]), "the video has 2 segments"),
        (_document("segments", [{"first_frame": 1, "num_frames": 1, "data": 0}]), "segments must be one segment"),
        (_document("tensors", []), "tensors must be an object"),
        (_document("num_frames", 3), "segments must be one segment with first_frame 0, num_frames 3"),
        (lambda pieces: pieces.document["tensors"].pop(HEADS), f"does not say how tensor {HEADS} is stored"),
        (lambda pieces: pieces.entries.pop(HEADS), f"the header has no tensor {HEADS}"),
        (_code(HEADS, encoding="gzip"), "must have an encoding, one of raw, zstd, steps"),
        (_code(HEADS, integers="I32"), "must have integers, I8 or I16"),
        (_code(HEADS, steps=[]), "must have steps"),
        (_code(HEADS, steps=[0]), "must have steps, a list of numbers above 0"),
        (_code(HEADS, steps=[1e31]), "must have steps"),
        (_code(HEADS, steps=[True]), "must have steps"),
        (_code(HEADS, steps=[0.1, 0.1]), f"tensor {HEADS} has 2 steps"),
        (_code(TABLES, steps=[0.1, 0.1, 0.1]), f"tensor {TABLES} has 3 steps"),
        (_code(TABLES, shape=[3, 91, 4]), rf"tensor {TABLES} is F32 \[3, 91, 4\], not F32 \[3, 91, 2\]"),
        (_code("segments.0.boxes", encoding="steps", steps=[1.0], integers="I8"), "boxes cannot be rounded to steps"),
        (_payload(TABLES, b"x" * 40), "cannot be decompressed|does not hold"),
        (_payload(HEADS, b"x" * 100_000), "has 100,000 bytes for tensor"),
        (_payload("segments.0.latents", bytes(28)), "latents.*: it has 28 bytes, not 32"),
        (_payload("segments.0.latents", b"\xff" * 32), "latents.*: it holds numbers that are not finite"),
        (_payload("segments.0.boxes", bytes(48)), "the box of frame 0 is not ordered"),
        (_bomb, "does not hold 546 bytes"),
        (_without_size, "does not hold 546 bytes"),
    ],
)
def test_wrong_files(path: Path, change: Callable[[Pieces], object], fault: str) -> None:
    check_refused(path, change, fault)


def test_a_newer_minor_version_opens_with_a_notice(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = read_bundle(path)

    def change(pieces: Pieces) -> None:
        pieces.document |= {"minor": 7, "captions": ["new"]}
        pieces.document["tensors"]["normals"] = {"encoding": "wavelets", "xxh3": "0" * 16}
        pieces.entries["normals"] = {"dtype": "U8", "shape": [5], "data_offsets": [len(pieces.data), len(pieces.data) + 5]}
        pieces.data += b"abcde"

    corrupt_coded(path, change)
    with caplog.at_level(logging.WARNING):
        assert same_tensors(read_bundle(path), before)
    assert "format version 2.7 is newer than 2.3" in caplog.text
    assert "2.7 is newer" in bundle_info(path)["notice"] and find_damage(path)[0] == []
    corrupt_coded(path, _document("minor", 0))
    with pytest.raises(InputError):
        read_bundle(path)


class BrokenConnection(LocalFile):
    """A file whose bytes from a position on cannot be fetched."""

    def __init__(self, path: Path, end: int) -> None:
        super().__init__(path)
        self._end = end

    def read_into(self, start: int, buffer: memoryview) -> int:
        """Fail where the connection is broken."""
        if start + len(buffer) > self._end:
            raise InputError(self.name, "the connection broke")
        return super().read_into(start, buffer)


def test_a_broken_connection_is_not_damage(path: Path) -> None:
    with pytest.raises(InputError, match="the connection broke"):
        find_damage(BrokenConnection(path, path.stat().st_size - 1))
    assert find_damage(BrokenConnection(path, path.stat().st_size))[0] == []
