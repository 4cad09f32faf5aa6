"""Training a long capture segment by segment."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from model.bundle.info import bundle_info, read_bundle
from model.run.files import CHECKPOINT, read_tensors
from model.segmented_video import SegmentedVideo
from model.segments import Segment
from training import train
from training.captures.opening import open_capture
from training.config import load_config
from training.evaluate import main as evaluate
from training.evaluation.seams import is_at_seam, seam_flicker
from training.evaluation.views import ScoredView
from training.loop.checkpoint import read_header
from training.loop.scene import selected_frames
from training.loop.trainer import Trainer
from training.make_capture import CaptureSize, make_capture
from training.segments.plan import parse_range, plan_segments
from training.train_segments import main

pytestmark = pytest.mark.xdist_group("training of segments")  # one process makes what they share once

CONFIG = (
    "base: tiny\ndata: {hull_resolution: 16}\nrays: {rays_per_frame: 64}\n"
    "model: {hash: {log2_table_size: 10}, occupancy: {resolution: [12, 12, 16], subgrid: 1}}\n"
)


def test_plans() -> None:
    assert plan_segments(40, 12, 2) == [Segment(0, 12, 0), Segment(10, 12, 1), Segment(20, 11, 2), Segment(29, 11, 3)]
    assert plan_segments(10, 5, 0) == [Segment(0, 5, 0), Segment(5, 5, 1)]
    for frames, longest, overlap, fault in (
        (10, 12, 2, "fit into one segment"),
        (40, 2, 2, "must be below"),
        (40, 5, 3, "too large"),
    ):
        with pytest.raises(InputError, match=fault):
            plan_segments(frames, longest, overlap)


def test_plans_have_all_frames_and_no_longer_segments() -> None:
    rng = np.random.default_rng()
    for _ in range(50):
        overlap = int(rng.integers(0, 4))
        longest = int(rng.integers(4 * overlap + 4, 40))
        frames = int(rng.integers(longest + 1, 500))
        segments = plan_segments(frames, longest, overlap)
        lengths = [segment.num_frames for segment in segments]
        assert max(lengths) <= longest and max(lengths) - min(lengths) <= 1
        assert segments[-1].last_frame == frames - 1
        assert sum(lengths) - overlap * (len(segments) - 1) == frames


def test_ranges() -> None:
    assert (parse_range(None, 4), parse_range("1:3", 4), parse_range("2:", 4)) == (range(4), range(1, 3), range(2, 4))
    for text in ("3", "2:2", "0:5", "a:b", "-1:2", "0:" + "9" * 5000):  # int() refuses more than 4,300 digits
        with pytest.raises(InputError, match=f"--segments {text}"):
            parse_range(text, 4)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a procedural capture of 40 frames."""
    folder = tmp_path_factory.mktemp("capture") / "long"
    make_capture(folder, CaptureSize(frames=40, cameras=4, width=32, height=32))
    return folder


def _command(capture: Path, folder: Path, frames: str = "12") -> list[str]:
    (folder / "short.yaml").write_text(CONFIG)
    options = ["--segment-frames", frames, "--overlap", "2", "--steps", "6", "--no-check", "--threads", "1"]
    return ["--capture", str(capture), "--config", str(folder / "short.yaml"), "--out", str(folder / "runs"), *options]


def test_folders_whose_names_begin_with_a_dash(capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "-capture").symlink_to(capture)
    (tmp_path / "-short.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    asked: list[argparse.Namespace] = []

    def train_main(options: list[str]) -> int:
        asked.append(train.make_parser().parse_args(options))
        return 3

    monkeypatch.setattr(train, "main", train_main)
    command = [
        "--capture=-capture",
        "--config=-short.yaml",
        "--out=-runs",
        "--segment-frames=12",
        "--overlap=2",
        "--segments=0:1",
    ]
    assert main([*command, "--seed=5", "--threads=2"]) == 3
    assert (asked[0].capture, asked[0].out) == (Path("-capture"), Path("-runs/keyframes"))
    assert (asked[0].seed, asked[0].threads, asked[0].meta) == (5, 2, None)


def test_lengths_of_the_runs(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lengths: list[tuple[int, float]] = []

    def train_main(options: list[str]) -> int:
        config = load_config(train.make_parser().parse_args(options).config)
        lengths.append((config.steps, config.minutes))
        (tmp_path / "runs" / "keyframes").mkdir(exist_ok=True)
        (tmp_path / "runs" / "keyframes" / train.BUNDLE_NAME).touch()
        return 0

    monkeypatch.setattr(train, "main", train_main)
    (tmp_path / "timed.yaml").write_text(CONFIG + "minutes: 6.0\nsteps: 100\n")
    command = ["--capture", str(capture), "--config", str(tmp_path / "timed.yaml"), "--out", str(tmp_path / "runs")]
    command += ["--segment-frames=12", "--overlap=2", "--segments=0:2"]
    assert main(command) == 0 and main([*command, "--later=0.5"]) == 0 and main([*command, "--steps=30"]) == 0
    third, half, tenth = (33, 2.0), (50, 3.0), (10, 0.0)
    assert lengths == [(200, 12.0), third, third, (200, 12.0), half, half, (60, 0.0), tenth, tenth]
    assert main([*command, "--keyframes=0.5"]) == 0
    assert lengths[9:] == [(50, 3.0), third, third]
    for wrong in ("--keyframes=0", "--keyframes=101", "--later=1.1", "--later=0"):
        assert main([*command, wrong]) == 2
        assert f"{wrong.split('=')[0]}: must be above 0 and at most 1" in capsys.readouterr().err
    begun = len(lengths)
    own = [*command, "--own-decoders"]
    assert main(own) == 0, "two of the four segments; together they have 46 frames"
    assert lengths[begun:] == [(26, pytest.approx(6 * 12 / 46)), (26, pytest.approx(6 * 12 / 46))]
    for option in ("--keyframes=1", "--later=1"):
        assert main([*own, option]) == 2
        assert f"{option[:-2]}: does not apply with --own-decoders" in capsys.readouterr().err
    del lengths[begun:]
    monkeypatch.setattr("training.segments.job.MOST_OWN_DECODERS", 3)
    assert main(own) == 2 and len(lengths) == begun, "before the first step, not when the bundle is written"
    fault = "--segment-frames 12: gives 4 segments, but a bundle has room for 3 with a decoder each; use longer segments"
    assert fault in capsys.readouterr().err
    assert main([*command, "--steps=1000000000"]) == 2, "beyond what a config may have"
    assert "config.steps: must be 1 to 100,000,000" in capsys.readouterr().err and len(lengths) == 12


def test_a_folder_without_keyframes_continues_with_segment_0(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Earlier versions trained the decoder together with segment 0."""
    begun_with: list[Path] = []

    def train_main(options: list[str]) -> int:
        begun_with.append(train.make_parser().parse_args(options).start_from)
        return 3

    monkeypatch.setattr(train, "main", train_main)
    command, runs = _command(capture, tmp_path), tmp_path / "runs"
    assert main([*command, "--resume", "--segments=3:4"]) == 2
    assert "segment 0 first" in capsys.readouterr().err
    for name in ("segment-0000", "segment-0002"):
        (runs / name).mkdir(parents=True)
        (runs / name / train.BUNDLE_NAME).touch()
        assert main([*command, "--resume", "--segments=3:4"]) == 3 and begun_with[-1] == runs / name
    assert main([*command, "--resume", "--segments=1:2"]) == 3 and begun_with[-1] == runs / "segment-0000"


@pytest.mark.slow
def test_a_capture_of_40_frames(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, runs = _command(capture, tmp_path), [tmp_path / "runs" / f"segment-{index:04d}" for index in range(4)]
    assert main([*command, "--segments", "1:2"]) == 2
    assert "segment 0 first" in capsys.readouterr().err
    assert main([*command, "--segments", "0:2"]) == 0
    assert not (tmp_path / "runs" / "long.mlpvid").exists(), "two segments are missing"
    first = (runs[0] / CHECKPOINT).read_bytes()
    assert main([*command, "--segments", "3:4"]) == 0, "it begins with the keyframes, because 2 is not trained"
    assert main([*command, "--resume"]) == 0
    assert "segment 0 is finished" in capsys.readouterr().err
    assert (runs[0] / CHECKPOINT).read_bytes() == first
    keyframes = tmp_path / "runs" / "keyframes"
    assert selected_frames(open_capture(capture), read_header(keyframes).config.data) == range(0, 40, 4)
    assert read_header(keyframes).step == 12
    decoder = read_tensors(keyframes / CHECKPOINT, "network.")
    for run in runs:
        assert read_header(run).step == 2
        for name, value in read_tensors(run / CHECKPOINT, "network.").items():
            same = value.shape == decoder[name].shape and np.array_equal(value, decoder[name])
            assert same == name.startswith("decoder."), name
    video = read_bundle(tmp_path / "runs" / "long.mlpvid")
    assert isinstance(video, SegmentedVideo)
    assert [(s.first_frame, s.num_frames) for s in video.segments] == [(0, 12), (10, 12), (20, 11), (29, 11)]
    assert bundle_info(tmp_path / "runs" / "long.mlpvid")["integrity"] == "ok"
    scored = [
        str(tmp_path / "runs" / "long.mlpvid"),
        "--capture",
        str(capture),
        "--views",
        "test",
        "--frames",
        "8:14",
        "--json",
    ]
    capsys.readouterr()
    assert evaluate(scored) == 0
    flicker = json.loads(capsys.readouterr().out)["seam_flicker"]
    assert flicker["at_seams"] is not None and flicker["elsewhere"] is not None


@pytest.mark.slow
def test_segments_with_decoders_of_their_own(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any segment can be trained first; each has its own decoder, and the bundle shows what the segments' bundles show."""
    command, runs = [*_command(capture, tmp_path, "22"), "--own-decoders"], tmp_path / "runs"
    assert main([*command, "--segments", "1:2"]) == 0
    assert main([*command, "--segments", "0:1"]) == 0
    assert "wrote" in capsys.readouterr().err and not (runs / "keyframes").exists()
    video = read_bundle(runs / "long.mlpvid")
    assert isinstance(video, SegmentedVideo) and video.own_decoders
    assert [(s.first_frame, s.num_frames) for s in video.segments] == [(0, 21), (19, 21)]
    decoders = []
    for data in (0, 1):
        folder = runs / f"segment-{data:04d}"
        assert read_header(folder).step == 3
        decoders.append(video.store.get(data).decoder_weights)
        for name, value in read_bundle(folder / "video.mlpvid").decoder_weights.items():
            np.testing.assert_array_equal(decoders[data][name], value, err_msg=name)
    assert any((decoders[0][name] != decoders[1][name]).any() for name in decoders[0])


@pytest.mark.slow
def test_an_interrupted_segment_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = tmp_path / "capture"
    make_capture(capture, CaptureSize(frames=6, cameras=4, width=32, height=32))
    command = _command(capture, tmp_path, "4")
    assert main([*command, "--segments", "0:2"]) == 0
    straight = read_tensors(tmp_path / "runs" / "segment-0001" / CHECKPOINT, "network.")
    again = tmp_path / "again"
    again.mkdir()
    command = _command(capture, again, "4")
    assert main([*command, "--segments", "0:1"]) == 0
    advance = Trainer.advance

    def interrupted(trainer: Trainer) -> object:
        if trainer.step == 1:
            raise InputError("the machine", "was switched off")
        result = advance(trainer)
        trainer.save(again / "runs" / "segment-0001")
        return result

    monkeypatch.setattr(Trainer, "advance", interrupted)
    assert main([*command, "--segments", "1:2"]) == 2
    monkeypatch.setattr(Trainer, "advance", advance)
    assert main([*command, "--segments", "1:2", "--resume"]) == 0
    resumed = read_tensors(again / "runs" / "segment-0001" / CHECKPOINT, "network.")
    for name, value in straight.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)


def test_seam_flicker_by_hand() -> None:
    row = (Segment(0, 4, 0), Segment(3, 3, 1), Segment(6, 3, 2))  # frame 3 is blended
    assert [frame for frame in range(1, 9) if is_at_seam(row, frame)] == [3, 4, 6]
    views = [ScoredView(frame, 0, None, float(frame), 0.0) for frame in range(1, 9)]  # type: ignore[arg-type]
    # (3 + 4 + 6) / 3 over (1 + 2 + 5 + 7 + 8) / 5 = 4.6.
    assert seam_flicker(views, row) == {"at_seams": 4.333333, "elsewhere": 4.6, "excess": round(13 / 3 / 4.6 - 1, 4)}
    assert seam_flicker([], row) == {"at_seams": None, "elsewhere": None, "excess": None}
