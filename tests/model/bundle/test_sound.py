"""Bundles with a sound, format version 2.2: it comes back, older files stay as they are, and wrong ones are refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from model.bundle import coded_metadata
from model.bundle.coded_write import write_coded
from model.bundle.copy import copy_changed
from model.bundle.info import bundle_info, find_damage, read_bundle, write_bundle
from model.bundle.segment_write import join_bundles
from model.placement import Placement
from model.scene import PlacedVideo, Scene
from model.sound.decode import decode_sound
from model.sound.stored import VideoSound
from model.video import VolumetricVideo
from tests.model.bundle.bundle_files import Pieces, same_tensors, take_apart, tiny_bundle, tiny_video
from tests.model.bundle.coded_files import corrupt_coded, replace_payload
from tests.model.bundle.independent_reader import Stranger
from tests.model.bundle.segment_files import segment_videos, write_row
from tests.model.sound.sounds import click_sound, click_times

HERE = Path(__file__).parent


def _with_sound(offset: float = 0.5) -> VolumetricVideo:
    video = tiny_video()
    video.metadata.sound = click_sound(1.0, (0.25,), offset)
    return video


def _sound(video: VolumetricVideo) -> VideoSound:
    assert video.metadata.sound is not None
    return video.metadata.sound


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with a sound."""
    result = tmp_path / "a.mlpvid"
    result.write_bytes((HERE / "version2_sound.mlpvid").read_bytes())
    return result


def test_a_sound_is_read_as_it_was_written(tmp_path: Path) -> None:
    video, path = _with_sound(), tmp_path / "a.mlpvid"
    write_coded(video, path, {})
    again = read_bundle(path)
    assert same_tensors(video, again) and _sound(again).offset == 0.5
    assert _sound(again).read() == _sound(video).read()
    path.unlink()
    np.testing.assert_allclose(click_times(decode_sound(_sound(again))), [0.25], atol=0.003)


def test_info_and_verify_know_the_sound(path: Path) -> None:
    info = bundle_info(path)
    assert info["sound"] == {"codec": "opus", "bytes": info["bytes"]["sound"], "offset": 0.25}
    assert info["minor_version"] == 2 and sum(info["bytes"].values()) == path.stat().st_size
    assert find_damage(path) == ([], len(take_apart(path).entries) + 1)


def test_files_of_version_2_2_stay_readable() -> None:
    """Neither the file nor what is read from it may ever change; the independent reader finds the same bytes."""
    path, expected = HERE / "version2_sound.mlpvid", json.loads((HERE / "version2_sound.json").read_text())
    assert bundle_info(path)["xxh3"] == expected["xxh3"]
    theirs, sound = Stranger(path), _sound(read_bundle(path))
    assert theirs.intact and theirs.stored["sound"].tobytes() == sound.read()
    assert theirs.sound_header() == (expected["channels"], expected["offset"])
    assert sound.offset == expected["offset"]
    samples = decode_sound(sound)
    assert len(samples) == expected["samples"]
    np.testing.assert_allclose(click_times(samples), expected["clicks"], atol=0.003)


def test_files_without_a_sound_have_the_bytes_that_they_always_had(tmp_path: Path) -> None:
    video, path = read_bundle(HERE / "version2.mlpvid"), tmp_path / "a.mlpvid"
    write_coded(video, path, {})
    assert bundle_info(path)["minor_version"] == 0 and "sound" not in take_apart(path).document


def test_a_reader_of_version_2_1_plays_the_video_without_the_sound(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(coded_metadata, "MINOR_VERSION", 1)
    monkeypatch.setattr("model.bundle.coded_read.MINOR_VERSION", 1)
    monkeypatch.setattr(coded_metadata, "SOUND_MINOR_VERSION", 9)
    with caplog.at_level(logging.WARNING):
        video = read_bundle(path)
    assert video.metadata.sound is None and "format version 2.2 is newer than 2.1" in caplog.text


@pytest.mark.parametrize("segments", [False, True])
def test_a_damaged_sound_lets_the_video_play(tmp_path: Path, segments: bool) -> None:
    path = tmp_path / "a.mlpvid"
    if segments:
        videos = segment_videos([2, 2])
        videos[0].metadata.sound = click_sound(1.0, (0.25,))
        write_row(path, videos)
    else:
        write_coded(_with_sound(), path, {})
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # the sound is the last tensor
    path.write_bytes(content)
    video = read_bundle(path)
    video.decode(0.5)
    for _ in range(2):
        with pytest.raises(InputError, match=r"tensor sound is damaged: its checksum does not match"):
            decode_sound(_sound(video))
    assert [damage.part for damage in find_damage(path)[0]] == ["tensor sound"]


def test_the_sound_of_a_long_video_is_read_only_when_it_is_needed(tmp_path: Path) -> None:
    videos = segment_videos([2, 2])
    videos[0].metadata.sound = click_sound(1.0, (0.5,), -0.25)
    path = write_row(tmp_path / "a.mlpvid", videos)
    video = read_bundle(path)
    assert _sound(video).offset == -0.25 and bundle_info(path)["minor_version"] == 2
    np.testing.assert_allclose(click_times(decode_sound(_sound(video))), [0.5], atol=0.003)
    join_bundles([path, write_row(tmp_path / "b.mlpvid", segment_videos([3]))], tmp_path / "ab.mlpvid")
    assert _sound(read_bundle(tmp_path / "ab.mlpvid")).read() == _sound(videos[0]).read(), "that of the first bundle"


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_copies_get_another_sound_and_keep_the_rest(tmp_path: Path, path: Path, precision: str) -> None:
    sound, out = click_sound(0.5, (0.125,), 2.0), tmp_path / "out.mlpvid"
    plain = tiny_bundle(tmp_path, precision)
    for source in (path, plain):
        copy_changed(source, out, lambda config, metadata: (config, replace(metadata, sound=sound)))
        again = read_bundle(out)
        assert same_tensors(again, read_bundle(source))
        assert _sound(again).read() == sound.read() and _sound(again).offset == 2.0
    copy_changed(path, path, lambda config, metadata: (config, replace(metadata, sound=None)))
    assert read_bundle(path).metadata.sound is None and bundle_info(path)["minor_version"] == 0
    before, after = take_apart(HERE / "version2_sound.mlpvid"), take_apart(path)
    assert all(bytes(before.tensor(name)) == bytes(after.tensor(name)) for name in after.entries)


def test_version_1_cannot_lose_a_sound(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would lose the sound"):
        write_bundle(_with_sound(), tmp_path / "a.mlpvid")
    assert not (tmp_path / "a.mlpvid").exists()


@pytest.mark.parametrize(
    ("sound", "fault"),
    [
        (VideoSound("a.wav", lambda: b"x", ".wav"), "is not Opus"),
        (VideoSound("a.opus", lambda: b""), "takes 0 bytes"),
        (VideoSound("a.opus", lambda: b"x", offset=float("nan")), "the offset of the sound: must be a number"),
    ],
)
def test_what_cannot_be_stored_is_not_written(tmp_path: Path, sound: VideoSound, fault: str) -> None:
    video = tiny_video()
    video.metadata.sound = sound
    with pytest.raises(InputError, match=fault):
        write_coded(video, tmp_path / "a.mlpvid", {})
    assert list(tmp_path.iterdir()) == []


def _field(**values: object) -> Callable[[Pieces], None]:
    return lambda pieces: pieces.document["sound"].update(values)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda pieces: pieces.document.update(sound=[]), "sound must be an object"),
        (_field(codec="mp3"), "sound must have the codec 'opus'"),
        (_field(bytes=0), "sound must have 1 to 268,435,456 bytes"),
        (_field(bytes=True), "sound must have 1 to 268,435,456 bytes"),
        (_field(bytes=(1 << 28) + 1), "sound must have 1 to 268,435,456 bytes"),
        (_field(offset=None), "the offset of the sound must be a number"),
        (_field(offset=1e6), "the offset of the sound must be a number"),
        (lambda pieces: pieces.document.pop("sound"), "unknown tensor 'sound'"),
        (lambda pieces: pieces.document.update(minor=1), "unknown tensor 'sound'"),
        (lambda pieces: pieces.entries.pop("sound"), "has no tensor sound"),
        (lambda pieces: pieces.document["tensors"].pop("sound"), "does not say how tensor sound is stored"),
        (lambda pieces: pieces.document["tensors"]["sound"].update(dtype="F32"), "tensor sound is F32"),
        (lambda pieces: replace_payload(pieces, "sound", b"x" * 9_000_000), "has 9,000,000 bytes for tensor 'sound'"),
    ],
)
def test_wrong_files(path: Path, change: Callable[[Pieces], object], fault: str) -> None:
    corrupt_coded(path, change)
    with pytest.raises(InputError, match=fault):
        bundle_info(path)


def test_a_codec_of_a_newer_minor_version_is_not_used(path: Path) -> None:
    corrupt_coded(path, lambda pieces: pieces.document.update(minor=4, sound={"codec": "new"}))
    assert read_bundle(path).metadata.sound is None


def test_the_sound_of_a_scene_is_that_of_its_first_video() -> None:
    first, second = _with_sound(0.5), tiny_video()
    placed = PlacedVideo(first, Placement(time_offset=2.0)), PlacedVideo(second, Placement(time_offset=-1.0))
    assert _sound(Scene(placed)).offset == 3.5  # the scene begins at -1 s, the first video 3 s later, its sound 0.5 s later
    assert Scene(placed[::-1]).metadata.sound is None
    assert _sound(first).offset == 0.5
