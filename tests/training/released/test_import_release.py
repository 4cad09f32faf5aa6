"""Importing released checkpoints: equal to an independent reading of their conventions, and safe from bad files."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import InputError
from model.bundle.info import read_bundle
from model.query import query_color, query_density, query_features
from model.video import VolumetricVideo
from tests.command_runs import run_main
from tests.training.released import released
from tests.training.released.released import PAPER, Sizes, fake_state
from training.captures.layouts.annots import Annotations
from training.import_release import find_occupancy, import_release, main, read_box, released_cameras
from training.released.checkpoint import ReleaseCheckpoint

SMALL = Sizes()


def write_checkpoint(path: Path, state: dict[str, Any]) -> Path:
    torch.save({"net": state, "epoch": 0}, path)
    return path


def write_capture(folder: Path, frames: int, first: int = 0, cameras: int = 2, images: bool = True) -> dict[str, Any]:
    """Write annots.npy, two images and vertices; return the annotations."""
    random = np.random.default_rng(5)
    names = [[f"images/{c:02d}/{f + first:06d}.jpg" for c in range(cameras)] for f in range(frames)]
    cams = {
        "K": [np.array([[500.0, 0, 31.5], [0, 501.0, 23.5], [0, 0, 1]]) for _ in range(cameras)],
        "D": [np.zeros((5, 1)) for _ in range(cameras)],
        "R": [np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in range(cameras)],
        "T": [1000 * random.normal(size=(3, 1)) for _ in range(cameras)],
    }
    cams["R"] = [R * np.sign(np.linalg.det(R)) for R in cams["R"]]
    content = {"cams": cams, "ims": [{"ims": n} for n in names]}
    np.save(folder / "annots.npy", np.array(content, dtype=object), allow_pickle=True)
    (folder / "vertices").mkdir()
    for frame in range(frames):
        points = random.normal(size=(50, 3)).astype(np.float32)
        np.save(folder / "vertices" / f"{frame + first}.npy", points)
    for name in names[0] if images else []:
        (folder / name).parent.mkdir(parents=True)
        Image.new("RGB", (64, 48)).save(folder / name)
    return content


def imported(
    folder: Path, sizes: Sizes, blend: str = "bilinear", changes: dict[str, Any] | None = None
) -> tuple[VolumetricVideo, dict[str, Any]]:
    state = fake_state(sizes) | (changes or {})
    write_capture(folder, sizes.frames)
    checkpoint = ReleaseCheckpoint(write_checkpoint(folder / "final.pth", state), blend)  # type: ignore[arg-type]
    return import_release(checkpoint, folder / "annots.npy", folder / "vertices", 0.1, 30.0), state


def assert_same_field(video: VolumetricVideo, state: dict[str, Any], sizes: Sizes, blend: str, points: int) -> None:
    random = np.random.default_rng(11)
    visible = 0
    for frame in range(sizes.frames):
        decoded = video.decode(float(frame))
        for _ in range(points):
            point, direction = random.random(3), random.normal(size=3)
            direction /= np.linalg.norm(direction)
            sigma, color = released.query(state, sizes, frame, point.tolist(), direction.tolist(), blend)
            p, d = (torch.from_numpy(x)[None].float() for x in (point, direction))
            features = query_features(decoded, p)
            torch.testing.assert_close(float(query_density(decoded, p, features)), sigma, rtol=2e-3, atol=2e-4)
            torch.testing.assert_close(query_color(decoded, p, features, d)[0], color, rtol=0, atol=2e-4)
            visible += sigma > 0
    assert visible > 0


@pytest.mark.slow
@pytest.mark.parametrize("blend", ["bilinear", "nearest"])
@pytest.mark.parametrize("parameters", [2624, 2432])
def test_the_field_is_that_of_the_released_conventions(tmp_path: Path, blend: str, parameters: int) -> None:
    sizes = replace(SMALL, parameters=parameters)
    video, state = imported(tmp_path, sizes, blend)
    assert_same_field(video, state, sizes, blend, points=12)
    assert video.config.assignment == blend
    assert video.config.view_encoding == {2624: "frequency", 2432: "spherical_harmonics"}[parameters]
    assert video.config.render.steps_per_diagonal == {2624: 256, 2432: 160}[parameters]


@pytest.mark.slow
def test_the_full_layout(tmp_path: Path) -> None:
    video, state = imported(tmp_path, PAPER)
    assert len(state) == 1 + 1 + 6 + 2 + 12 + 4 + 8 + 6
    assert state["hashtable_xyt.embeddings"].shape == (5710022, 2)
    assert state["plane_decoder.backbone.0.weight"].shape == (4096, 256)
    assert_same_field(video, state, PAPER, "bilinear", points=2)
    assert video.config.to_dict() == type(video.config)(assignment="bilinear").to_dict() | {
        "decoder": video.config.to_dict()["decoder"]
    }


def test_maps_are_equal_everywhere(tmp_path: Path) -> None:
    video, state = imported(tmp_path, SMALL)
    frame, maps = video.decode(1.0), released.decode(state, 1)
    for index, plane in enumerate(("xy", "xz", "yz")):
        torch.testing.assert_close(frame.feature_planes[index], maps.features[plane], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(frame.density_maps[index], maps.densities[plane], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(frame.color_maps[index], maps.colors[plane].permute(1, 2, 0), rtol=1e-4, atol=1e-5)
    assert np.array_equal(video.box_and_occupancy(1.0)[1], state["occupancy_grids"][1])


def test_padded_levels_are_read_by_the_files_offsets(tmp_path: Path) -> None:
    sizes = replace(SMALL, base=5)  # 125 entries at the first level, padded to 128 as some writers do
    state = fake_state(sizes)
    padded = {}
    for plane in ("xyt", "xzt", "yzt"):
        table = state[f"hashtable_{plane}.embeddings"]
        padded[f"hashtable_{plane}.embeddings"] = torch.cat([table[:125], torch.full((3, 2), 9.0), table[125:]])
        padded[f"hashtable_{plane}.offsets"] = torch.tensor([0] + [o + 3 for o in sizes.offsets()[1:]])
    video, _ = imported(tmp_path, sizes, changes=padded)
    assert_same_field(video, state, sizes, "bilinear", points=6)


@pytest.mark.slow
def test_a_training_checkpoint_gets_its_occupancy_from_the_density(tmp_path: Path) -> None:
    state = fake_state(SMALL)
    state["latent_vectors.weight"] = state.pop("encodings")
    del state["occupancy_grids"]
    for head in ("weight", "bias"):
        state[f"plane_decoder.density_conv.{head}"] *= 0.15
    write_capture(tmp_path, SMALL.frames)
    checkpoint = ReleaseCheckpoint(write_checkpoint(tmp_path / "latest.pth", state))
    video = import_release(checkpoint, tmp_path / "annots.npy", tmp_path / "vertices", 0.1, 30.0)
    assert video.config.occupancy.resolution == (24, 24, 48)
    _, occupied = video.box_and_occupancy(2.0)
    assert 0.02 < occupied.mean() < 0.98
    frame, axis = video.decode(2.0), torch.linspace(0, 1, 5)
    for cell in ((0, 0, 0), (23, 11, 47), (7, 19, 30), (12, 3, 5)):
        offsets = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).view(-1, 3)
        points = (torch.tensor(cell) + offsets) / torch.tensor([24, 24, 48])
        largest = query_density(frame, points, query_features(frame, points)).max()
        assert abs(largest - 5) < 1e-2 or bool(occupied[cell]) == bool(largest > 5)


def test_occupancy_is_the_same_without_native_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video, _ = imported(tmp_path, SMALL)
    native = find_occupancy(video)
    monkeypatch.setattr("training.import_release.available", lambda: False)
    assert (find_occupancy(video) != native).float().mean() < 0.01


def test_boxes_and_cameras(tmp_path: Path) -> None:
    content = write_capture(tmp_path, 2, first=7)
    points = np.load(tmp_path / "vertices" / "7.npy")
    np.testing.assert_allclose(read_box(tmp_path / "vertices", "000007", 0.25), [points.min(0) - 0.25, points.max(0) + 0.25])
    camera = released_cameras(Annotations(tmp_path / "annots.npy", content))[1]
    assert (camera.width, camera.height) == (64, 48)
    np.testing.assert_allclose(camera.K, [[500, 0, 32], [0, 501, 24], [0, 0, 1]])
    np.testing.assert_allclose(camera.T, content["cams"]["T"][1][:, 0] / 1000)
    # A point on the released ray of pixel (row 3, column 5) projects to the center of that pixel in our convention.
    ray = np.linalg.inv(content["cams"]["K"][1]) @ [5, 3, 1]
    world = camera.R.T @ (2 * ray - camera.T)
    pixel = camera.K @ (camera.R @ world + camera.T)
    np.testing.assert_allclose(pixel[:2] / pixel[2], [5.5, 3.5])


def test_image_sizes_without_images_come_from_the_principal_point(tmp_path: Path) -> None:
    content = write_capture(tmp_path, 1, images=False)
    camera = released_cameras(Annotations(tmp_path / "annots.npy", content))[0]
    assert (camera.width, camera.height) == (64, 48)


def test_the_command_writes_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_capture(tmp_path, SMALL.frames)
    checkpoint = write_checkpoint(tmp_path / "final.pth", fake_state(SMALL))
    options = ["--annots", str(tmp_path / "annots.npy"), "--vertices", str(tmp_path / "vertices"), "--fps", "25"]
    out = tmp_path / "out.mlpvid"
    assert main([str(checkpoint), *options, "--out", str(out), "--blend", "nearest", "--view-encoding", "frequency"]) == 0
    video = read_bundle(out)
    assert (video.num_frames, video.metadata.fps, video.config.assignment) == (3, 25.0, "nearest")
    assert len(video.metadata.cameras) == 2
    assert main([str(checkpoint), *options, "--out", str(tmp_path / "b.mlpvid"), "--view-encoding", "sh"]) == 2
    assert "made for frequency" in capsys.readouterr().err and not (tmp_path / "b.mlpvid").exists()


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/import-release-was-here"),)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in fake_state(SMALL).items() if key != name}


def bad_states() -> dict[str, dict[str, Any]]:
    good = fake_state(SMALL)
    name = "plane_decoder.backbone.0.weight"
    table = "hashtable_xzt"
    return {
        "no latents": without("encodings"),
        "no heads": without("plane_decoder.kn_x_conv.weight"),
        "no backbone": without("plane_decoder.backbone.2.weight"),
        "no table": without(f"{table}.embeddings"),
        "wrong shape": good | {name: good[name][:, :-1]},
        "not finite": good | {name: good[name] * float("nan")},
        "integers": good | {name: good[name].long()},
        "unknown head": good | {f"plane_decoder.kn_{a}_conv.weight": torch.zeros(2000, 7, 3, 3) for a in "xyz"},
        "claims a huge size": good | {"encodings": torch.zeros(1).expand(90_000, 8)},
        "offsets fall": good | {f"hashtable_{p}.offsets": torch.tensor([0, 64, 32]) for p in ("xyt", "xzt", "yzt")},
        "offsets of no geometry": good | {"hashtable_xyt.offsets": torch.tensor([0, 100, 300, 500])},
        "tables differ": good | {f"{table}.offsets": good[f"{table}.offsets"] + torch.arange(7)},
        "occupancy of floats": good | {"occupancy_grids": torch.zeros(3, 5, 4, 6)},
        "occupancy of other frames": good | {"occupancy_grids": torch.zeros(2, 5, 4, 6, dtype=torch.bool)},
    }


@pytest.mark.parametrize("fault", list(bad_states()))
def test_bad_checkpoints_are_refused(fault: str, tmp_path: Path) -> None:
    write_capture(tmp_path, SMALL.frames)
    path = write_checkpoint(tmp_path / "final.pth", bad_states()[fault])
    with pytest.raises(InputError, match=r"final\.pth"):
        checkpoint = ReleaseCheckpoint(path)
        import_release(checkpoint, tmp_path / "annots.npy", tmp_path / "vertices", 0.1, 30.0)


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated", "no net", "code", "pickle", "list", "pipe"])
def test_files_that_are_not_checkpoints_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "final.pth"
    marker = Path("/tmp/import-release-was-here")
    marker.unlink(missing_ok=True)
    if kind in ("empty", "text"):
        path.write_bytes(b"" if kind == "empty" else b"hello" * 100)
    elif kind == "truncated":
        data = write_checkpoint(path, fake_state(SMALL)).read_bytes()
        path.write_bytes(data[: len(data) // 2])
    elif kind == "no net":
        torch.save({"state": {}}, path)
    elif kind == "list":
        torch.save({"net": [1, 2]}, path)
    elif kind == "code":
        torch.save({"net": {"encodings": Evil()}}, path)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"net": Evil()}))
    elif kind == "pipe":
        os.mkfifo(path)  # nobody writes into it
    with pytest.raises(InputError):
        ReleaseCheckpoint(path)
    assert not marker.exists()


@pytest.mark.parametrize("fault", ["fewer frames", "no vertices", "empty vertices", "no cams", "bad camera", "no annots"])
def test_bad_captures_are_refused_and_nothing_is_written(fault: str, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "final.pth", fake_state(SMALL))
    content = write_capture(tmp_path, 2 if fault == "fewer frames" else 3)
    if fault == "no vertices":
        (tmp_path / "vertices" / "2.npy").unlink()
    elif fault == "empty vertices":
        np.save(tmp_path / "vertices" / "1.npy", np.zeros((0, 3), np.float32))
    elif fault == "no cams":
        del content["cams"]
    elif fault == "bad camera":
        content["cams"]["R"][1] = np.zeros((3, 3))
    np.save(tmp_path / "annots.npy", np.array(content, dtype=object), allow_pickle=True)
    if fault == "no annots":
        (tmp_path / "annots.npy").unlink()
    options = ["--annots", str(tmp_path / "annots.npy"), "--vertices", str(tmp_path / "vertices")]
    result = run_main(main, checkpoint, *options, "--out", tmp_path / "o.mlpvid")
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert not [p for p in tmp_path.iterdir() if "mlpvid" in p.name]


def test_opening_a_checkpoint_does_not_load_pytorchs_compiler(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom training.released.checkpoint import ReleaseCheckpoint\n"
        "ReleaseCheckpoint(Path(sys.argv[1])).decoder()\n"
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules\n"
    )
    path = write_checkpoint(tmp_path / "final.pth", fake_state(SMALL))
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=Path(__file__).parents[3], check=True)
