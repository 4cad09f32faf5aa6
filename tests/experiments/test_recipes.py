"""The recipes of the paper's data sets, on procedural captures in the layouts of these data sets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from experiments.jobs import train_arguments, write_config
from experiments.measure import FrameTimes, Measured
from experiments.plan import Subject, make_plan, recipe_subjects
from experiments.plan_file import keep_plan
from experiments.recipe import read_recipe, subset
from experiments.results import RowResult
from experiments.section import _of_each_capture
from experiments.table import read_table, row_config
from tests.training.captures.layouts.scene import Recording, encode, record, save
from tests.training.captures.layouts.test_annots import write_cameras
from tests.training.captures.layouts.test_neural_volumes import HALF
from training.captures.meta import read_overrides
from training.captures.opening import open_capture
from training.config import load_config
from training.make_capture import CaptureSize, make_capture


def write_annots(folder: Path, cameras: int, frames: int, recording: Recording) -> None:
    """Write a capture in which all frames have the same images; the recorded cameras are repeated."""
    repeated = Recording([recording.cameras[c % len(recording.cameras)] for c in range(cameras)], [], [])
    names = [f"images/{c:02d}/000000.png" for c in range(cameras)]
    write_cameras(folder, repeated, [names] * frames)
    for camera, name in enumerate(names):
        save(folder / name, recording.color(0, camera % len(recording.cameras)))
        save(folder / name.replace("images", "mask"), recording.mask(0, camera % len(recording.cameras)))
    (folder / "vertices").mkdir()
    np.save(folder / "vertices" / "000000.npy", recording.vertices[0])


@pytest.mark.slow
def test_zju_mocap(tmp_path: Path) -> None:
    """11 cameras of 21, every second one, are trained on, the others are scored; 300 frames, one in 30 scored."""
    write_annots(tmp_path / "my_386", 23, 305, record(frames=1))
    (subject,) = recipe_subjects("zju_mocap", tmp_path, ["386"])
    capture = subject.open()
    assert capture.train_cameras == list(range(0, 21, 2)) and capture.test_cameras == list(range(1, 21, 2))
    assert capture.num_frames == 300 and list(subject.frames) == list(range(0, 300, 30))
    assert subject.config == {"data": {"image_scale": 0.5, "box_padding": 0.1}}
    assert subject.name == capture.name == "386"


@pytest.mark.slow
def test_nhr(tmp_path: Path) -> None:
    for folder in ("sport_1_easymocap", "basketball_easymocap"):
        write_annots(tmp_path / folder, 60, 100, record(frames=1))
    sport, basketball = recipe_subjects("nhr", tmp_path, ["sport1", "basketball"])
    capture = sport.open()
    every_tenth = [0, 9, 18, 28, 37, 46]  # six cameras of 56, evenly spaced: 90 percent are left
    assert capture.train_cameras == [camera for camera in range(56) if camera not in every_tenth]
    assert capture.test_cameras == [18, 28, 37, 46] and basketball.open().test_cameras == [28, 37, 46]
    assert capture.num_frames == 100 and list(sport.frames) == list(range(0, 100, 10))
    assert sport.outline == basketball.outline == 5
    assert all(rule.threshold == 100 for rule in capture.mask_rules)
    turned = basketball.open().vertices(0)
    assert turned is not None
    points = record(frames=1).vertices[0]
    matrix = np.array(basketball.meta["transform"])
    np.testing.assert_allclose(turned, points @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-5)


def write_neural_volumes(folder: Path, recording: Recording, names: list[str], frames: range) -> None:
    """Write a capture with KRT whose images are all the same."""
    text = ""
    for name, camera in zip(names, recording.cameras, strict=True):
        K = np.diag([4.0, 4, 1]) @ (camera.K - HALF)
        rows = [*K, np.zeros(5), *np.column_stack([camera.R, 1000 * camera.T])]
        text += f"{name}\n" + "\n".join(" ".join(f"{value:.12g}" for value in row) for row in rows) + "\n\n"
    folder.mkdir(parents=True)
    (folder / "KRT").write_text(text)
    content, mask = encode(recording.color(0, 0), "JPEG"), encode(recording.mask(0, 0), "PNG")
    for name in names:
        for kind, place, ending in ((content, folder / f"cam{name}", "jpg"), (mask, folder / "masks" / f"cam{name}", "png")):
            place.mkdir(parents=True)
            for frame in frames:
                (place / f"image{frame:04d}.{ending}").write_bytes(kind)


NAMES = ["400002", "400015", "400055", "400070"]


@pytest.mark.parametrize("frames", [range(16114, 16430, 3), range(16118, 16420)], ids=["every third", "all"])
def test_neural_volumes(tmp_path: Path, frames: range) -> None:
    """Camera 400015 is scored, 400055 and 400070 are left out; 100 frames from 16120 to 16417."""
    write_neural_volumes(tmp_path / "dryice1", record(frames=1), NAMES, frames)
    (subject,) = recipe_subjects("neural_volumes", tmp_path, None)
    capture = subject.open()
    assert [capture.camera_names[camera] for camera in capture.test_cameras] == ["400015"]
    assert [capture.camera_names[camera] for camera in capture.train_cameras] == ["400002"]
    assert capture.num_frames == 100 and list(subject.frames) == list(range(100))
    assert [capture.frame_name(frame) for frame in (0, 1, 99)] == ["16120", "16123", "16417"]


@pytest.mark.parametrize(("name", "table"), [("zju_mocap", "table4"), ("nhr", "table3")])
def test_the_papers_sequences_have_the_means_of_its_tables(name: str, table: str) -> None:
    """Tables 6 and 7 of the paper average to its tables 3 and 4."""
    sequences = read_recipe(name).sequences
    for row in read_table(table).rows:
        mean = np.mean([sequence.paper_psnr[row.name] for sequence in sequences])
        assert row.paper.psnr == pytest.approx(mean, abs=0.0151)


def test_each_capture_has_the_papers_figure_next_to_ours() -> None:
    row = read_table("table4").rows[-1]
    result = RowResult(row, {name: measured(psnr) for name, psnr in (("313", 30.125), ("394", 28.0))})
    text = "\n".join(_of_each_capture([result], read_recipe("zju_mocap")))
    assert "| Dynamic MLP maps | 30.12 (paper: 32.15) | 28.00 (paper: 30.15) |" in text
    assert _of_each_capture([RowResult(row, {"313": measured(30.0)})], None) == []


def measured(psnr: float) -> Measured:
    times = FrameTimes("cpu", 1.0, 1.0)
    return Measured({"psnr": psnr}, times, times, 1, 1, 8, 8, "")


@pytest.mark.slow
def test_four_frames_of_legionary(tmp_path: Path) -> None:
    write_annots(tmp_path / "legionary", 24, 60, record(frames=1))
    (subject,) = recipe_subjects("legionary_short", tmp_path, None)
    capture = subject.open()
    assert capture.num_frames == 4 and (capture.meta.frame_start, capture.meta.frame_stride) == (20, 2)
    assert capture.test_cameras == [1, 11, 15, 21] and list(subject.frames) == [0, 2]
    assert sorted(capture.train_cameras + capture.test_cameras) == list(range(24))


@pytest.mark.parametrize("short", ["legionary_short", "fast_short"])
def test_every_row_of_the_first_tables_takes_the_settings_of_a_short_recipe(tmp_path: Path, short: str) -> None:
    """They replace those of a row, but none that makes the row what it is."""
    recipe = read_recipe(short)
    subject = Subject("legionary", tmp_path, range(1), config=recipe.config)
    for name in ("table1", "table2", "ablations"):
        plan = make_plan(name, read_table(name), "small", [subject], None, 1)
        for job in plan.jobs:
            own, used = row_config(job.row, "small"), load_config(str(write_config(plan, job, tmp_path)))
            assert used.rays.step == 0.03 and used.model.hash.log2_table_size == 14
            same_rate = dataclasses.replace(own.optimizer, decoder_rate=1e-3)
            assert (used.optimizer, used.loss, used.latents) == (same_rate, own.loss, own.latents)
            assert (used.density_leak, used.density_leak_until, used.model.occupancy.threshold) == (0.1, 1.0, 1.0)
            assert used.model.decoder == own.model.decoder and used.data.hull_resolution == own.data.hull_resolution
            assert (used.rays.region, used.rays.prune_every) == (own.rays.region, own.rays.prune_every)
            assert used.model.hash.num_levels == own.model.hash.num_levels


@pytest.mark.slow
def test_four_frames_with_fast_motion(tmp_path: Path) -> None:
    make_capture(tmp_path / "fast", CaptureSize(frames=13, cameras=12, width=32, height=32))
    (subject,) = recipe_subjects("fast_short", tmp_path, None)
    capture = subject.open()
    assert (capture.num_frames, capture.meta.frame_start, capture.meta.frame_stride) == (4, 6, 2)
    assert capture.test_cameras == [1, 5, 9] and capture.train_cameras == [0, 2, 3, 4, 6, 7, 8, 10, 11]


@pytest.mark.slow
def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder of the sequence 313 \(my_313\); add it, or choose other"):
        recipe_subjects("zju_mocap", tmp_path, None)
    with pytest.raises(InputError, match="--sequences 999: is not in the recipe"):
        subset(read_recipe("zju_mocap"), ["313", "999"])
    write_annots(tmp_path / "my_313", 20, 300, record(frames=1))
    with pytest.raises(InputError, match="has no camera 20; the recipe needs it; there are 20 cameras"):
        recipe_subjects("zju_mocap", tmp_path, ["313"])
    write_annots(tmp_path / "my_315", 21, 299, record(frames=1))
    with pytest.raises(InputError, match="has 299 frames, but the recipe needs 300"):
        recipe_subjects("zju_mocap", tmp_path, ["315"])
    write_neural_volumes(tmp_path / "dryice1", record(frames=1), NAMES, range(16120, 16400))
    with pytest.raises(InputError, match="has no frame 16402"):
        recipe_subjects("neural_volumes", tmp_path, None)


@pytest.mark.slow
def test_a_recipe_reaches_training_through_its_files(tmp_path: Path) -> None:
    """The config and the meta.yaml that a run gets, and a plan that is the same when it is read back."""
    write_annots(tmp_path / "sport_2_easymocap", 56, 100, record(frames=1))
    subjects = recipe_subjects("nhr", tmp_path, ["sport2"])
    plan = make_plan("table3", read_table("table3"), "small", subjects, None, 5)
    keep_plan(plan, tmp_path / "out")
    keep_plan(plan, tmp_path / "out")
    job = next(job for job in plan.jobs if job.row.name == "dynerf")
    config = load_config(str(write_config(plan, job, tmp_path / "out")))
    assert config.data.image_scale == 0.5 and config.data.box_padding == 0.1 and config.data.boxes == "union"
    assert config.model.method is not None and config.model.method.kind == "dynerf"
    meta = read_overrides(tmp_path / "out" / "sport2" / "meta.yaml")
    read, meant = open_capture(subjects[0].folder, None, meta), subjects[0].open()
    assert (read.train_cameras, read.test_cameras) == (meant.train_cameras, meant.test_cameras) and read.num_frames == 100
    np.testing.assert_array_equal(read.cameras[3].R, meant.cameras[3].R)
    config_file, scene = tmp_path / "config.yaml", tmp_path / "scene"
    arguments = train_arguments(plan, job, tmp_path / "out", tmp_path / "run", config_file, scene, "cpu", None)
    assert arguments.meta == tmp_path / "out" / "sport2" / "meta.yaml" and arguments.steps == 5 and arguments.resume
    assert arguments.scene == scene and config.validation.every == 0
