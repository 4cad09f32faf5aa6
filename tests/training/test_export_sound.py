"""`training.export --sound`: a sound gets into a bundle, stays there, and is never lost without a word."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from model.bundle.coded_write import write_coded
from model.bundle.info import read_bundle, write_bundle
from model.sound.decode import decode_sound
from tests.factories import make_video
from tests.model.bundle.bundle_files import same_tensors, tiny_bundle, tiny_video
from tests.model.sound.sounds import click_sound, click_times, clicks, wav_bytes
from tests.training.reduction.test_search import SMALL
from training.export import main
from viewer.app.files import read_video
from viewer.cli import main as view


def _export(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Return a WAV file with a click at 0.5 s."""
    path = tmp_path / "recording.wav"
    path.write_bytes(wav_bytes(clicks(1.0, (0.5,))))
    return path


def test_a_bundle_gets_a_sound_and_keeps_the_rest(tmp_path: Path, wav: Path) -> None:
    source, out = tiny_bundle(tmp_path), tmp_path / "out.mlpvid"
    assert _export(source, out, "--sound", wav, "--sound-offset", "-0.25") == 0
    video = read_bundle(out)
    assert same_tensors(video, read_bundle(source)) and video.metadata.sound is not None
    assert video.metadata.sound.offset == -0.25
    np.testing.assert_allclose(click_times(decode_sound(video.metadata.sound)), [0.5], atol=0.003)
    assert _export(out, tmp_path / "silent.mlpvid", "--no-sound") == 0
    assert read_bundle(tmp_path / "silent.mlpvid").metadata.sound is None
    assert _export(out, tmp_path / "again.mlpvid") == 0
    again = read_bundle(tmp_path / "again.mlpvid").metadata.sound
    assert again is not None and again.read() == video.metadata.sound.read(), "it is kept without an option"


def test_a_run_is_exported_with_a_sound(tmp_path: Path, wav: Path) -> None:
    with (
        patch("training.export.assemble_run", lambda *_, **__: tiny_video()),
        patch("training.export.load_rate_steps", lambda *_: None),
    ):
        assert _export(tmp_path, tmp_path / "out.mlpvid", "--sound", wav) == 0
    assert read_bundle(tmp_path / "out.mlpvid").metadata.sound is not None


def test_a_checkpoint_of_a_bundle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _export(tiny_bundle(tmp_path), tmp_path / "out.mlpvid", "--checkpoint", "best") == 2
    assert "chooses a checkpoint of a run" in capsys.readouterr().err and not (tmp_path / "out.mlpvid").exists()


@pytest.mark.slow
def test_a_reduced_bundle_keeps_its_sound_within_the_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, size = make_video(seed=8, num_frames=2, hash=SMALL), 80_000
    video.metadata.sound = click_sound(1.0, (0.5,))
    write_coded(video, tmp_path / "a.mlpvid", {})
    assert _export(tmp_path / "a.mlpvid", tmp_path / "out.mlpvid", "--target-size", f"{size}B") == 0
    sound = read_bundle(tmp_path / "out.mlpvid").metadata.sound
    assert (tmp_path / "out.mlpvid").stat().st_size <= size
    assert sound is not None and sound.read() == video.metadata.sound.read()
    assert "sound" in capsys.readouterr().err


def test_wrong_options_end_with_one_line(tmp_path: Path, wav: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, out = tiny_bundle(tmp_path), tmp_path / "out.mlpvid"
    (tmp_path / "damaged.wav").write_bytes(b"RIFF")
    for arguments, fault in (
        (("--sound-offset", "1"), "--sound-offset: applies only with --sound"),
        (("--sound", wav, "--precision", "int8"), "which cannot store the sound"),
        (("--sound", wav, "--join", bundle), "--join: does not change the sound"),
        (("--sound", wav, "--sound-offset", "1e9"), "the offset of the sound: must be a number of seconds"),
        (("--sound", tmp_path / "none.wav"), "none.wav: no such file"),
        (("--sound", tmp_path / "damaged.wav"), "damaged.wav: is damaged, or not a sound"),
        (("--sound", bundle), "is not a sound file that can be read"),
    ):
        assert _export(bundle, out, *arguments) == 2
        error = capsys.readouterr().err
        assert fault in error and error.count("\n") == 1
        assert not out.exists()


def test_the_file_next_to_a_bundle_is_used_if_the_bundle_has_no_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mlpvid"
    write_bundle(tiny_video(), path)
    assert read_video(path).metadata.sound is None
    (tmp_path / "a.wav").write_bytes(wav_bytes(clicks(1.0, (0.5,))))
    sound = read_video(path).metadata.sound
    assert sound is not None and click_times(decode_sound(sound)) == [0.5]
    assert view([str(path), "--info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sound_file"] == "a.wav"
    own = click_sound(1.0, (0.25,))
    video = tiny_video()
    video.metadata.sound = own
    write_coded(video, path, {})
    sound = read_video(path).metadata.sound
    assert sound is not None and sound.read() == own.read()
    assert view([str(path), "--info"]) == 0
    printed = capsys.readouterr().out
    assert "codec: opus" in printed and "sound_file" not in printed
    (tmp_path / "a.mlpvid-scene").write_text(json.dumps({"scene": 1, "videos": [{"bundle": "a.mlpvid", "time_offset": 2.0}]}))
    scene = read_video(tmp_path / "a.mlpvid-scene")
    assert scene.metadata.sound is not None and scene.metadata.sound.offset == 0.0
