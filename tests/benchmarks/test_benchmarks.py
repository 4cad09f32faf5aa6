"""Arithmetic of the benchmarks, and complete runs on small models."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import compare, make_paper_bundle, memory, timing
from benchmarks.bundles import load_paper_bundle, occupancy_of_hull, with_assignment
from benchmarks.compare import difference
from benchmarks.machine import cpu_features, measure_peaks
from benchmarks.paper_training import PaperTraining, PaperTrainingConfig
from benchmarks.plots import draw_plots
from benchmarks.timing import Timing, median_ratio, time_interleaved
from benchmarks.work import bake_work, color_work, decoder_work, density_work
from common.errors import InputError
from model.bundle.info import write_bundle
from model.config import DecoderConfig, HashEncodingConfig, ModelConfig, OccupancyConfig
from model.decoder import MapDecoder
from renderer.backend import RenderedImage
from tests.factories import make_camera, make_video
from tests.full_disk import full_disk
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.make_capture import CaptureSize, make_capture

ROOT = Path(__file__).resolve().parents[2]

SMALL = ModelConfig(
    hash=HashEncodingConfig(num_levels=8, features_per_level=4, log2_table_size=12, base_resolution=8, finest_resolution=64),
    decoder=DecoderConfig(latent_channels=16, backbone_channels=(32, 24, 16, 16), color_channels=(24, 24), density_gain=30.0),
    occupancy=OccupancyConfig(resolution=(12, 12, 24)),
    feature_plane_resolution=32,
    density_map_resolution=32,
    color_map_resolution=8,
)


def test_tasks_run_in_turn() -> None:
    order: list[str] = []
    tasks = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    timings = time_interleaved(tasks, 4, {"b": 2})
    assert order == ["a", "b", "a", "b", "a", "a", "b", "a"]
    assert (len(timings["a"].milliseconds), len(timings["b"].milliseconds)) == (4, 2)


def test_timings_are_milliseconds_and_ratios_use_medians(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, cpu = [5.0], [1.0]
    fake = SimpleNamespace(perf_counter=lambda: wall[0], process_time=lambda: cpu[0])
    monkeypatch.setattr(timing, "clock", fake)

    def work() -> None:
        wall[0] += 0.02
        cpu[0] += 0.005

    found = time_interleaved({"work": work}, 3)["work"]
    assert found.milliseconds == pytest.approx([20.0] * 3) and found.cpu_milliseconds == pytest.approx([5.0] * 3)
    assert found.median == pytest.approx(20.0) and found.cpu_median == pytest.approx(5.0)
    assert median_ratio(Timing((9.0, 10.0, 500.0)), Timing((4.0, 5.0, 5.5))) == 2.0
    assert Timing((1.0, 2.0, 3.0)).spread == 0.0
    assert Timing((10.0,) * 8).spread == 0.0 and Timing((8.0, 9.0, 11.0, 12.0)).spread > 0.1


def test_work_of_the_papers_model_by_hand() -> None:
    config = ModelConfig()
    bilinear = dataclasses.replace(config, assignment="bilinear")
    assert density_work(config, "baked").multiply_adds == 3 * 4 * 32 + 6 * 4 * 32 + 32
    assert density_work(config, "3d").bytes == 4 * (3 * 8 * 32 + 6 * 4 * 32)
    assert color_work(config, "3d").multiply_adds == 3 * 2624
    assert color_work(bilinear, "baked").multiply_adds == 12 * (47 * 32 + 96)
    assert bake_work(config).multiply_adds > 2 * 2 * 3 * 2_400_000


def test_decoder_work_equals_the_count_of_torch() -> None:
    decoder = MapDecoder(SMALL)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        decoder(torch.zeros(1, 16))
    assert decoder_work(SMALL).multiply_adds == counter.get_total_flops() / 2


@pytest.mark.slow
def test_peaks_are_plausible() -> None:
    assert cpu_features()
    peaks = measure_peaks(1, repeats=1)
    assert 0.1 < peaks.float32_gmacs < 1e5 and 0.1 < peaks.memory_gbytes < 1e5


def test_difference_of_images() -> None:
    rgba = np.full((4, 4, 4), 0.75, np.float32)
    reference = RenderedImage(rgba, np.ones((4, 4), np.float32), np.zeros((4, 4, 2), np.uint16))
    moved = dataclasses.replace(reference, rgba=rgba + np.float32(0.01), depth=reference.depth + np.float32(0.5))
    found = difference(moved, reference)
    assert found["psnr"] == pytest.approx(40, abs=0.01)
    assert found["largest_255ths"] == pytest.approx(2.55, abs=1e-3)
    assert found["largest_depth_meters"] == 0.5


def test_other_assignments_share_the_weights() -> None:
    video = make_video(seed=1)
    other = with_assignment(video, "bilinear")
    assert other.config.assignment == "bilinear" and video.config.assignment == "nearest"
    assert torch.equal(other.decode(1.0).color_maps, video.decode(1.0).color_maps)


def test_cells_contain_part_of_the_hull() -> None:
    hull = torch.zeros(8, 8, 8, dtype=torch.bool)
    hull[7, 0, 3] = True
    cells = occupancy_of_hull(hull, (2, 4, 8))
    assert cells.nonzero().tolist() == [[1, 0, 3]]


def test_without_a_bundle_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"benchmarks\.make_paper_bundle"):
        load_paper_bundle(tmp_path / "paper.mlpvid")


@pytest.mark.slow
def test_the_comparison_and_its_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = make_video(seed=4)
    video.metadata.cameras = [make_camera(48, 40)]
    write_bundle(video, tmp_path / "small.mlpvid")
    out = tmp_path / "results.json"
    assert (
        compare.main(["--bundle", str(tmp_path / "small.mlpvid"), "--repeats", "1", "--threads", "1", "--json", str(out)]) == 0
    )
    assert "ratio to published" in capsys.readouterr().out
    results = json.loads(out.read_text())
    frame = results["frame"]
    assert frame["samples"]["published"][0] == frame["samples"]["reference"][0] >= frame["samples"]["nearest"][0] > 0
    assert all(d["psnr"] > 40 for d in frame["difference_from_reference"].values())
    assert all(rate["millions_per_second"] > 0 for rate in results["rates"].values())
    draw_plots(results, tmp_path)
    assert {p.name for p in tmp_path.glob("*.svg")} == {"performance_frame.svg", "performance_roofline.svg"}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    folder = tmp_path_factory.mktemp("paper") / "capture"
    make_capture(folder, CaptureSize(frames=2, cameras=6, width=48, height=48))
    return open_capture(folder)


@pytest.mark.slow
def test_the_training_learns_and_resumes_exactly(capture: Capture, tmp_path: Path) -> None:
    config = PaperTrainingConfig(frames=2, batches=2, rays=256, warmup=2)
    training = PaperTraining(capture, config, 1, SMALL)
    errors = [training.advance(index / 30) for index in range(24)]
    assert sum(errors[-4:]) < 0.8 * sum(errors[:4])
    training.save(tmp_path / "state.safetensors")
    resumed = PaperTraining(capture, config, 1, SMALL)
    resumed.load(tmp_path / "state.safetensors", training.passes)
    for index in (24, 25):
        assert resumed.advance(index / 30) == pytest.approx(training.advance(index / 30), rel=1e-4)
    assert 8 < make_paper_bundle.held_out_psnr(resumed.video(), capture, [0, 1], 1) < 60


@pytest.mark.slow
def test_full_disk_is_an_input_error(capture: Capture, tmp_path: Path) -> None:
    training = PaperTraining(capture, PaperTrainingConfig(frames=1, rays=256), 1, SMALL)
    with full_disk(), pytest.raises(InputError, match=r"state\.safetensors: cannot be written"):
        training.save(tmp_path / "state.safetensors")
    assert not list(tmp_path.iterdir())


def test_command_does_not_overwrite_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "paper.mlpvid"
    out.write_bytes(b"mine")
    assert make_paper_bundle.main(["nowhere", "--out", str(out)]) == 2
    assert "already exists" in capsys.readouterr().err and out.read_bytes() == b"mine"


def test_commands_leave_this_process_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program sets for its whole process must not hold for all tests after this one."""
    real = ctypes.CDLL

    def load(*arguments: Any) -> ctypes.CDLL:
        if threading.current_thread() is threading.main_thread():
            pytest.fail("a command changes the C library's settings")
        return real(*arguments)  # a timer that an earlier test left may give memory back now

    monkeypatch.setattr(ctypes, "CDLL", load)
    before = torch.get_num_threads()
    assert make_paper_bundle.main([str(tmp_path), "--out", str(tmp_path / "a.mlpvid"), "--threads", str(before + 1)]) == 2
    measure_peaks(before + 1, repeats=1)
    assert torch.get_num_threads() == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a setting of the GNU C library")
def test_the_program_that_makes_the_bundle_keeps_freed_memory(tmp_path: Path) -> None:
    """`mallopt` is replaced in a child process by a function that reports its arguments."""
    report = "import ctypes; from types import SimpleNamespace as Library; ctypes.CDLL = lambda *_: Library(mallopt=print)"
    start = "sys.argv = ['program', 'nowhere']; runpy.run_module('benchmarks.make_paper_bundle', {}, '__main__')"
    command = (sys.executable, "-c", f"import runpy, sys, torch; {report}; {start}")
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.stdout.split("\n")[:2] == [f"-3 {1 << 30}", f"-1 {(1 << 31) - 1}"] and found.returncode == 2, found.stderr


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (compare.main, ["--threads=0"]),
        (compare.main, ["--threads=-1"]),
        (make_paper_bundle.main, ["nowhere", "--threads=100000"]),
        (make_paper_bundle.main, ["nowhere", "--frames=0"]),
        (memory.main, ["nowhere", "--frames=0"]),
    ],
)
def test_absurd_numbers_are_usage_errors(
    main: Callable[[list[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("error: argument --") and error.count("\n") == 1


@pytest.mark.slow
def test_memory_of_a_small_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "small.mlpvid"
    write_bundle(make_video(seed=1), bundle)
    assert memory.main([str(bundle), "--frames", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bundle_bytes"] == bundle.stat().st_size
    assert found["empty_bytes"] > 5e7 and 5e7 < found["peak_bytes"] < 4e9
    assert memory.main([str(tmp_path / "missing.mlpvid")]) == 2
