"""`training.export --nearest-heads`: a video with bilinear heads is shown with the nearest one, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from model.bundle.coded_write import write_coded
from model.bundle.info import read_bundle, write_bundle
from model.video import VolumetricVideo
from renderer.select import create_renderer
from tests.factories import make_camera, make_video
from tests.model.bundle.bundle_files import same_tensors
from tests.model.bundle.segment_files import config_with_tables, segment_videos, write_row
from tests.model.methods.small import small_video
from tests.model.sound.sounds import click_sound
from tests.training.reduction.test_search import SMALL
from training.export import main


def _export(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def _blended() -> VolumetricVideo:
    return make_video(seed=3, num_frames=2, hash=SMALL, assignment="bilinear")


@pytest.mark.parametrize("version", [1, 2])
def test_a_bundle_keeps_everything_but_the_heads(tmp_path: Path, version: int) -> None:
    video, source, out = _blended(), tmp_path / "a.mlpvid", tmp_path / "out.mlpvid"
    if version == 1:
        write_bundle(video, source, "float32")
    else:
        video.metadata.sound = click_sound(1.0, (0.5,))
        write_coded(video, source, {})
    assert _export(source, out, "--nearest-heads") == 0
    again = read_bundle(out)
    assert again.config.assignment == "nearest" and again.config.method is None
    assert same_tensors(again, read_bundle(source)) and (again.metadata.sound is None) == (version == 1)
    assert _export(out, tmp_path / "twice.mlpvid", "--nearest-heads") == 0, "a video that has nearest heads stays as it is"
    assert same_tensors(read_bundle(tmp_path / "twice.mlpvid"), video)


def test_a_run_and_a_smaller_file(tmp_path: Path) -> None:
    with (
        patch("training.export.assemble_run", lambda *_, **__: _blended()),
        patch("training.export.load_rate_steps", lambda *_: None),
    ):
        assert _export(tmp_path, tmp_path / "run.mlpvid", "--nearest-heads", "--target-size", "80000B") == 0
    assert read_bundle(tmp_path / "run.mlpvid").config.assignment == "nearest"
    assert (tmp_path / "run.mlpvid").stat().st_size <= 80_000


def test_a_long_video(tmp_path: Path) -> None:
    config = replace(config_with_tables(), assignment="bilinear")
    source = write_row(tmp_path / "long.mlpvid", segment_videos((2, 3), config))
    for options in ([], ["--target-size", "200kB"]):
        assert _export(source, tmp_path / "out.mlpvid", "--nearest-heads", *options) == 0
        video = read_bundle(tmp_path / "out.mlpvid")
        assert video.config.assignment == "nearest" and video.num_frames == read_bundle(source).num_frames


def test_the_picture_is_that_of_nearest_heads(tmp_path: Path) -> None:
    """Hold the exported bundle against a video that was made with nearest heads."""
    source, out = tmp_path / "a.mlpvid", tmp_path / "out.mlpvid"
    write_bundle(_blended(), source, "float32")
    assert _export(source, out, "--nearest-heads") == 0
    renderer = create_renderer("cpu")
    expected = make_video(seed=3, num_frames=2, hash=SMALL, assignment="nearest")
    images = [
        renderer.render(renderer.prepare(video, 0.0), make_camera(24, 24)).rgba
        for video in (read_bundle(out), expected, _blended())
    ]
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_joining_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _export(tmp_path / "a.mlpvid", tmp_path / "out.mlpvid", "--nearest-heads", "--join", "b.mlpvid") == 2
    assert "does not change the heads" in capsys.readouterr().err


def test_another_method_has_no_heads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "a.mlpvid", tmp_path / "out.mlpvid"
    write_bundle(small_video("d_nerf"), source, "float32")
    assert _export(source, out, "--nearest-heads", "--precision", "float16") == 2
    assert "has no heads" in capsys.readouterr().err and not out.exists()
