"""The last checkpoint of a run as a video: the same parameters, the cells that training samples, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from common.errors import InputError
from model.occupancy import pack_occupancy, unpack_occupancy
from model.run.files import CHECKPOINT, SCENE, is_run, parse_view_name, view_name
from model.run.video import met_cells, read_run
from tests.factories import make_video
from tests.viewer.runs import HULL, write_checkpoint, write_scene


def test_a_checkpoint_has_the_parameters_of_the_network(tmp_path: Path) -> None:
    video = make_video(num_frames=3)
    write_scene(tmp_path, video)
    write_checkpoint(tmp_path, video, 70)
    run = read_run(tmp_path)
    assert is_run(tmp_path) and run.step == 70 and run.video.metadata.provenance["trained"] == "70 steps in 2 minutes"
    assert np.array_equal(run.video.latents, video.latents) and np.array_equal(run.video.boxes, video.boxes)
    assert torch.equal(run.video.hash_encoding.tables, video.hash_encoding.tables)
    for name, value in video.decoder.state_dict().items():
        assert torch.equal(run.video.decoder.state_dict()[name], value)
    assert not any(parameter.requires_grad for parameter in run.video.decoder.parameters())
    assert run.video.metadata.cameras[1].to_dict() == video.metadata.cameras[1].to_dict()
    assert run.video.box_and_occupancy(1.0)[1].all()  # full hulls


def test_cells_that_meet_those_of_the_hull_are_occupied(tmp_path: Path) -> None:
    video = make_video(num_frames=2)  # 6 x 5 x 8 cells
    hull = torch.zeros(2, HULL, HULL, HULL, dtype=torch.bool)
    hull[0, 0, 0, 0] = hull[1, 3, 3, 3] = True
    write_scene(tmp_path, video, torch.from_numpy(pack_occupancy(hull)))
    write_checkpoint(tmp_path, video, 1)
    run = read_run(tmp_path)
    # A cell of the hull is 1/4 wide: 1.5 of 6, 1.25 of 5, 2 of 8 cells.
    occupied = np.argwhere(unpack_occupancy(run.video.occupancy, (6, 5, 8)))
    first, second = (occupied[occupied[:, 0] == frame][:, 1:] for frame in (0, 1))
    assert first.max(0).tolist() == [1, 1, 1] and first.min(0).tolist() == [0, 0, 0]
    assert second.min(0).tolist() == [4, 3, 6] and second.max(0).tolist() == [5, 4, 7]
    cells = run.sampled_cells(1)
    assert cells is not None and np.array_equal(cells, hull[1])


def test_every_point_of_a_cell_is_in_a_cell_that_meets_it() -> None:
    generator = torch.Generator().manual_seed(1)
    cells = torch.rand(7, 7, 7, generator=generator) < 0.1
    met = met_cells(cells.numpy(), (5, 9, 3))
    points = (cells.nonzero()[:, None] + torch.rand(20, 3, generator=generator)) / 7
    index = (points.reshape(-1, 3) * torch.tensor([5, 9, 3])).long()
    assert met[tuple(index.T)].all() and not met.all()


def test_names_of_views_are_read_back() -> None:
    assert parse_view_name(view_name(12, 3)) == (12, 3)
    assert parse_view_name("000012_003.jpg") is None and parse_view_name("../000012_003.png") is None


def test_folders_without_a_run_or_a_checkpoint_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a training run; it has no scene\.safetensors"):
        read_run(tmp_path)
    with pytest.raises(InputError, match=r"gone: no such file or folder; check its name$"):
        read_run(tmp_path / "gone")
    write_scene(tmp_path, make_video())
    with pytest.raises(InputError, match="has no checkpoint yet"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("half", "is damaged"),
        ("no tables", "has no tables"),
        ("infinite", "not finite"),
        ("other latents", "wrong shape"),
        ("other model", "not finite|wrong shape|has no|has unknown"),
        ("no config", "is damaged"),
        ("bad model", "config"),
    ],
)
def test_damaged_checkpoints_are_refused(tmp_path: Path, damage: str, fault: str) -> None:
    video, path = make_video(), tmp_path / CHECKPOINT
    write_scene(tmp_path, video)
    write_checkpoint(tmp_path, video, 1)
    tensors, config = load_file(path), {"model": video.config.to_dict()}
    if damage == "no tables":
        del tensors["network.hash_encoding.tables"]
    if damage == "infinite":
        tensors["network.hash_encoding.tables"][0] = torch.inf
    if damage == "other latents":
        tensors["latents"] = tensors["latents"][:1].clone()
    if damage == "other model":
        config["model"]["color_map_resolution"] = 16
        config["model"]["decoder"]["backbone_channels"] = [8, 8, 8, 8]
    if damage == "no config":
        config = {}
    if damage == "bad model":
        config["model"]["planes"] = 7
    texts = {"format_version": 1, "step": 1, "seconds": 1.0, "config": config}
    save_file(tensors, path, {"checkpoint": json.dumps(texts)})
    if damage == "half":
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=fault):
        read_run(tmp_path)


def test_a_damaged_scene_is_refused(tmp_path: Path) -> None:
    write_scene(tmp_path, make_video())
    (tmp_path / SCENE).write_bytes(b"x" * 100)
    with pytest.raises(InputError, match="is damaged"):
        read_run(tmp_path)
