"""Bundles of several segments: what is written comes back, damage is found, and wrong tables are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.bundle.coded_write import encode_array, write_coded
from model.bundle.info import bundle_info, find_damage, read_bundle, write_bundle
from model.bundle.segment_write import contents_of_video, join_bundles, row_of_segments, write_segments
from tests.factories import make_video
from tests.model.bundle.bundle_files import Pieces, same_tensors, take_apart, tiny_config
from tests.model.bundle.coded_files import check_refused, corrupt_coded
from tests.model.bundle.independent_reader import Stranger, blended_pixel
from tests.model.bundle.make_golden import SEGMENTS
from tests.model.bundle.segment_files import opened, segment_videos, write_row
from viewer.cli import main

HERE = Path(__file__).parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file of three segments, one of which is repeated."""
    result = tmp_path / "long.mlpvid"
    result.write_bytes((HERE / "version2_segments.mlpvid").read_bytes())
    return result


@pytest.mark.parametrize("own_decoders", [False, True])
def test_segments_are_read_as_they_were_written(tmp_path: Path, own_decoders: bool) -> None:
    videos = segment_videos([3, 2, 4], own_decoders=own_decoders)
    video = opened(write_row(tmp_path / "a.mlpvid", videos, repeats=2))
    assert video.num_frames == 18 and [s.first_frame for s in video.segments] == [0, 3, 5, 9, 12, 14]
    for time, data, local in ((1.0, 0, 1.0), (3.5, 1, 0.5), (17.0, 2, 3.0), (9.0, 0, 0.0)):
        [(part, segment)] = video.parts(time)
        assert part.time == local and same_tensors(segment, videos[data])
    first, second = (video.store.get(data).decoder_weights for data in (0, 1))
    assert (first is not second) == video.own_decoders == own_decoders
    with pytest.raises(InputError, match="has no decoder_weights of its own"):
        print(video.decoder_weights)
    every = np.concatenate([v.boxes for v in videos])
    np.testing.assert_array_equal(video.bounds, [every[:, 0].min(0), every[:, 1].max(0)])


def test_the_file_is_the_same_every_time_and_only_the_decoder_and_one_segment_are_read(tmp_path: Path) -> None:
    videos = segment_videos([2, 2, 2])
    first, second = (write_row(tmp_path / f"{name}.mlpvid", videos) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert opened(first).store.loaded == [0]
    order = sorted(take_apart(first).entries, key=lambda name: take_apart(first).entries[name]["data_offsets"])
    parts = [name.split(".")[1] if name.startswith("segments.") else "decoder" for name in order]
    assert [part for index, part in enumerate(parts) if index == 0 or parts[index - 1] != part] == ["decoder", "0", "1", "2"]


@pytest.mark.parametrize(("name", "minor"), [("version2_segments", 1), ("version2_decoders", 3)])
def test_the_golden_files_with_segments_stay_readable(name: str, minor: int) -> None:
    """The independent reader, written from docs/format.md, sees the pixels that ours saw when the file was made."""
    path = HERE / f"{name}.mlpvid"
    expected = json.loads(path.with_suffix(".json").read_text())
    info = bundle_info(path)
    assert (info["xxh3"], info["format_version"], info["minor_version"]) == (expected["xxh3"], 2, minor)
    assert info.get("own_decoders", False) == (minor == 3)
    assert opened(path).segments == tuple(
        type(segment)(segment.first_frame, segment.num_frames, segment.data, read.bounds)
        for segment, read in zip(SEGMENTS, opened(path).segments, strict=True)
    )
    assert all(Stranger(path, index).intact for index in range(len(SEGMENTS)))
    seen = 0.0
    for time, x, y, *values in expected["pixels"]:
        np.testing.assert_allclose(blended_pixel(path, time, expected["camera"], x, y), values, atol=5e-5)
        seen = max(seen, values[3])
    assert seen > 0.5, "some pixels see the subject"


def test_info_and_verify_list_the_segments(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info = bundle_info(path)
    assert info["segments"] == 4 and info["num_frames"] == 9
    sizes = [entry["bytes"] for entry in info["segment_list"]]
    assert [entry["first_frame"] for entry in info["segment_list"]] == [0, 1, 4, 6]
    assert sizes[3] == 0 and sum(sizes) == sum(info["bytes"][part] for part in ("latents", "boxes", "occupancy", "hash_tables"))
    assert main([str(path), "--info"]) == 0
    assert "first_frame: 1, num_frames: 3, data: 1, bytes: " in capsys.readouterr().out
    pieces, content = take_apart(path), bytearray(path.read_bytes())
    start = len(content) - len(pieces.data) + pieces.entries["segments.1.hash.tables"]["data_offsets"][0]
    content[start + 3] ^= 16
    path.write_bytes(content)
    assert main([str(path), "--verify"]) == 2
    out = capsys.readouterr().out.splitlines()
    fault = "its checksum does not match its content"
    assert out == [f"tensor segments.1.hash.tables, frames {frames}: is damaged: {fault}" for frames in ("1 to 3", "6 to 8")]
    video = opened(path)  # the first segment is undamaged
    assert video.parts(0.0) and video.parts(4.0)
    with pytest.raises(InputError, match=r"tensor segments\.1\.hash\.tables is damaged"):
        video.parts(2.0)


def _entry(index: int, **values: object) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.document["segments"][index].update(values)


def _document(**values: object) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.document.update(values)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_document(minor=0), "the video has 4 segments, but its minor version 0 allows one"),
        (_document(num_frames=8), "segments do not have the frames 0 to 7"),
        (_entry(1, first_frame=3), "segment 1 does not continue"),
        (_entry(1, first_frame=True), "segment 1 must have first_frame, num_frames and data, whole numbers"),
        (_entry(1, data=1.0), "segment 1 must have first_frame, num_frames and data"),
        (_entry(2, data=-1), "segment 2 must have first_frame"),
        (_entry(2, num_frames=1 << 40), "segment 2 must have first_frame"),
        (_entry(2, data=3), "segment 2 has data 3, but the next new number is 2"),
        (_entry(3, data=0), "segment 3 has 3 frames, but its data have 2"),
        (_entry(0, bounds=None), "segment 0 must have bounds"),
        (_entry(0, bounds=[[0, 0, 0], [1, 0, 1]]), "segment 0 must have bounds"),
        (_entry(0, bounds=[[0, 0], [1, 1]]), "segment 0 must have bounds"),
        (_entry(0, bounds=[[0, 0, 0], [1, 1, 1e10]]), "segment 0 must have bounds"),
        (_entry(0, bounds=[[0, 0, 0], [1, 1, float("inf")]]), "Infinity|must have bounds|metadata"),
        (_document(segments=[1, 2]), "segments must be a list of objects"),
        (_entry(0, bounds=[[-0.1, -0.1, 0.5], [0.1, 0.1, 1.0]]), "boxes extend beyond the bounds of frames 0 to 1"),
        (lambda pieces: pieces.document["tensors"].pop("segments.2.boxes"), "does not say how tensor segments.2.boxes"),
        (lambda pieces: pieces.document["tensors"]["segments.1.latents"].update(shape=[2, 4]), r"latents is F32 \[2, 4\]"),
    ],
)
def test_wrong_files(path: Path, change: Callable[[Pieces], object], fault: str) -> None:
    check_refused(path, change, fault)


def test_every_changed_byte_is_found(path: Path) -> None:
    content, random = path.read_bytes(), np.random.default_rng()
    for place in random.integers(8, len(content), 40):
        changed = bytearray(content)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        with pytest.raises(InputError):
            bundle_info(path)


def test_a_changed_file_is_not_played_on(path: Path) -> None:
    video = opened(path)
    corrupt_coded(path, _document(fps=12.0))
    with pytest.raises(InputError, match="changed while it was read"):
        video.parts(4.0)


# Joining


def test_bundles_of_any_version_are_joined(tmp_path: Path) -> None:
    videos = segment_videos([3, 4, 2])
    write_bundle(videos[0], tmp_path / "a.mlpvid")  # version 1
    write_coded(videos[1], tmp_path / "b.mlpvid", {})
    join_bundles([tmp_path / "a.mlpvid", tmp_path / "b.mlpvid"], tmp_path / "ab.mlpvid", overlap=1)
    write_coded(videos[2], tmp_path / "c.mlpvid", {})
    join_bundles([tmp_path / "ab.mlpvid", tmp_path / "c.mlpvid"], tmp_path / "abc.mlpvid")
    video = opened(tmp_path / "abc.mlpvid")
    assert [(s.first_frame, s.num_frames) for s in video.segments] == [(0, 3), (2, 4), (6, 2)]
    for data, whole in enumerate(videos):
        assert same_tensors(video.store.get(data), whole)
    assert find_damage(tmp_path / "abc.mlpvid")[0] == []
    stored = take_apart(tmp_path / "b.mlpvid").tensor("segments.0.hash.tables")
    assert take_apart(tmp_path / "abc.mlpvid").tensor("segments.1.hash.tables") == stored, "copied, not coded again"


def test_the_decoder_of_bundles_of_version_1_is_coded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{index}.mlpvid" for index in range(3)]
    for path, video in zip(paths, segment_videos([2, 2, 2]), strict=True):
        write_bundle(video, path, "int8")
    coded: list[str] = []

    def counted(values: Any, name: str, *others: Any) -> Any:
        coded.append(name)
        return encode_array(values, name, *others)

    monkeypatch.setattr("model.bundle.segment_write.encode_array", counted)
    join_bundles(paths, tmp_path / "long.mlpvid")
    decoder = [name for name in coded if name.startswith("decoder.")]
    assert decoder and len(decoder) == len(set(decoder)) and coded.count("hash.tables") == 3
    video = opened(tmp_path / "long.mlpvid")
    for data, path in enumerate(paths):
        assert same_tensors(video.store.get(data), read_bundle(path))
    write_bundle(make_video(seed=5, num_frames=2, config=tiny_config()), paths[2], "int8")
    join_bundles(paths, tmp_path / "other.mlpvid")
    video = opened(tmp_path / "other.mlpvid")
    assert video.own_decoders
    for data, path in enumerate(paths):
        assert same_tensors(video.store.get(data), read_bundle(path))


def test_bundles_with_other_decoders_are_joined_and_joined_again(tmp_path: Path) -> None:
    """A file that joins files with one and with several decoders has all of them, and its segments give the same pictures."""
    shared, own = segment_videos([2, 2]), segment_videos([3, 2], own_decoders=True)
    one, several, plain = (tmp_path / f"{name}.mlpvid" for name in ("one", "several", "plain"))
    write_row(one, shared)
    write_row(several, own, overlap=1)
    last = make_video(seed=9, num_frames=2, config=tiny_config())
    write_bundle(last, plain)
    join_bundles([one, several, plain], tmp_path / "all.mlpvid")
    video = opened(tmp_path / "all.mlpvid")
    assert video.own_decoders and [s.first_frame for s in video.segments] == [0, 2, 4, 6, 8]
    for data, whole in enumerate([*shared, *own, last]):
        assert same_tensors(video.store.get(data), whole)
    assert find_damage(tmp_path / "all.mlpvid")[0] == []


def test_a_damaged_decoder_of_a_segment_damages_only_its_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_row(tmp_path / "a.mlpvid", segment_videos([2, 3, 2], own_decoders=True))
    content, pieces = bytearray(path.read_bytes()), take_apart(path)
    start = pieces.entries["segments.1.decoder.color_head.weight"]["data_offsets"][0]
    content[len(content) - len(pieces.data) + start + 5] ^= 1
    path.write_bytes(content)
    assert main([str(path), "--verify"]) == 2
    assert "tensor segments.1.decoder.color_head.weight, frames 2 to 4: is damaged" in capsys.readouterr().out
    video = opened(path)
    assert video.parts(1.0) and video.parts(5.0)
    with pytest.raises(InputError, match="frames 2 to 4 cannot be shown"):
        video.parts(3.0)


def _without_code(name: str) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.document["tensors"].pop(name)


def _renamed(old: str, new: str) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.entries.update({new: pieces.entries.pop(old)})


def _added(name: str) -> Callable[[Pieces], None]:
    def change(pieces: Pieces) -> None:
        start = len(pieces.data)
        pieces.entries[name] = {"dtype": "U8", "shape": [4], "data_offsets": [start, start + 4]}
        pieces.data += b"\0\0\0\0"

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda pieces: pieces.document.update(own_decoders=1), "own_decoders must be true or false"),
        (lambda pieces: pieces.document.update(own_decoders=False), "does not say how tensor decoder.backbone"),
        (lambda pieces: pieces.document.update(minor=2), "does not say how tensor decoder.backbone"),
        (
            _without_code("segments.1.decoder.color_head.bias"),
            r"does not say how tensor segments\.1\.decoder\.color_head\.bias",
        ),
        (
            _renamed("segments.1.decoder.color_head.bias", "decoder.color_head.bias"),
            r"has no tensor segments\.1\.decoder\.color_head",
        ),
        (_added("decoder.color_head.bias"), r"has an unknown tensor 'decoder\.color_head\.bias'"),
        (_added("segments.3.decoder.color_head.bias"), r"has an unknown tensor 'segments\.3\.decoder\.color_head\.bias'"),
    ],
)
def test_wrong_files_with_own_decoders(tmp_path: Path, change: Callable[[Pieces], object], fault: str) -> None:
    path = tmp_path / "a.mlpvid"
    path.write_bytes((HERE / "version2_decoders.mlpvid").read_bytes())
    check_refused(path, change, fault)


def test_a_single_segment_may_have_its_own_decoder(tmp_path: Path) -> None:
    """Writers do not make such files. Joined with itself, it becomes a file with one decoder and the lowest minor version."""
    [video], path = segment_videos([3]), tmp_path / "a.mlpvid"
    write_coded(video, path, {})

    def change(pieces: Pieces) -> None:
        pieces.document.update(minor=3, own_decoders=True)
        for named in (pieces.entries, pieces.document["tensors"]):
            for name in [name for name in named if name.startswith("decoder.")]:
                named[f"segments.0.{name}"] = named.pop(name)

    corrupt_coded(path, change)
    assert same_tensors(read_bundle(path), video)
    info = bundle_info(path)
    assert info["own_decoders"] and sum(info["bytes"].values()) == info["file_size"] == path.stat().st_size
    join_bundles([path, path], tmp_path / "twice.mlpvid")
    assert bundle_info(tmp_path / "twice.mlpvid")["minor_version"] == 1
    assert same_tensors(opened(tmp_path / "twice.mlpvid").store.get(1), video)


def test_a_bundle_with_own_decoders_is_joined_with_itself_and_read_in_a_newer_minor_version(tmp_path: Path) -> None:
    videos, path = segment_videos([2, 3], own_decoders=True), tmp_path / "a.mlpvid"
    write_row(path, videos, repeats=2)
    join_bundles([path, path], tmp_path / "twice.mlpvid")
    info = bundle_info(tmp_path / "twice.mlpvid")
    assert info["minor_version"] == 3 and info["segments"] == 8
    sizes = [entry["bytes"] for entry in info["segment_list"]]
    assert sum(sizes) + info["bytes"]["header"] == info["file_size"], "the decoders are part of the segments"
    assert [size > 0 for size in sizes] == 2 * [True, True, False, False]
    corrupt_coded(tmp_path / "twice.mlpvid", _document(minor=4))
    video = opened(tmp_path / "twice.mlpvid")
    for data in range(4):
        assert same_tensors(video.store.get(data), videos[data % 2])


@pytest.mark.slow
def test_other_configs_and_rates_are_refused(tmp_path: Path) -> None:
    first, other = tmp_path / "a.mlpvid", tmp_path / "b.mlpvid"
    write_coded(segment_videos([2])[0], first, {})
    write_coded(make_video(seed=0, num_frames=2), other, {})
    with pytest.raises(InputError, match="has another config than"):
        join_bundles([first, other], tmp_path / "out.mlpvid")
    slow = segment_videos([2])[0]
    slow.metadata.fps = 24.0
    write_coded(slow, other, {})
    with pytest.raises(InputError, match="has another frame rate"):
        join_bundles([first, other], tmp_path / "out.mlpvid")
    with pytest.raises(
        InputError, match=r"overlap of 2 frames: is too large: .* need 3 frames, those in between 5; choose a smaller"
    ):
        join_bundles([first, first], tmp_path / "out.mlpvid", overlap=2)
    with pytest.raises(InputError, match="overlap of 1 frame: is too large"):
        join_bundles([first, first, first], tmp_path / "out.mlpvid", overlap=1)
    join_bundles([first, first], other, overlap=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mlpvid", "b.mlpvid"]


def test_a_segment_of_another_length_is_refused(tmp_path: Path) -> None:
    videos = segment_videos([2, 3])
    contents = [contents_of_video(video, {}) for video in videos]
    with pytest.raises(InputError, match="has 3 frames, not 2"):
        write_segments(contents, row_of_segments([2, 2]), videos[0].metadata, tmp_path / "a.mlpvid")
    assert list(tmp_path.iterdir()) == []


def test_the_command_joins_bundles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from training.export import main as export_command

    paths = [tmp_path / f"{name}.mlpvid" for name in "abc"]
    for video, path in zip(segment_videos([3, 3, 2]), paths, strict=True):
        write_coded(video, path, {})
    out = tmp_path / "long.mlpvid"
    joined = [str(paths[0]), str(out), "--join", str(paths[1]), str(paths[2])]
    assert export_command([*joined, "--overlap", "1"]) == 0
    assert "from 3 bundles" in capsys.readouterr().err
    assert [segment.first_frame for segment in opened(out).segments] == [0, 2, 4]
    before = out.read_bytes()
    for extra, fault in (
        (["--overlap", "9"], "overlap of 9 frames: is too large"),
        (["--target-size", "1MB"], "copies bundles as they are"),
    ):
        assert export_command([*joined, *extra]) == 2
        assert fault in capsys.readouterr().err
    assert export_command([str(paths[0]), str(out), "--overlap", "1"]) == 2
    assert "applies only with --join" in capsys.readouterr().err
    assert out.read_bytes() == before
