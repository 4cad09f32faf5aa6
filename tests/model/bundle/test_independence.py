"""An opened video does not depend on its file, and a file that changes while it is read raises an InputError."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import InputError
from model.bundle.info import write_bundle
from model.bundle.layout import PRECISIONS
from model.bundle.read import check_tensors, open_checked
from tests.factories import make_video

ROOT = Path(__file__).parents[3]

_OVERWRITE = """
import sys, torch
from pathlib import Path
from model.bundle.info import read_bundle
times = (0.0, 0.5, 2.0)
for path in map(Path, sys.argv[1:]):
    video = read_bundle(path)
    before = [video.decode(time) for time in times]
    content = path.read_bytes()
    for replacement in (b"", bytes(len(content))):
        path.write_bytes(replacement)  # in place: the same inode, as `cp` leaves it
        for time, old in zip(times, before, strict=True):
            new = video.decode(time)
            assert torch.equal(new.color_maps, old.color_maps) and torch.equal(new.occupancy, old.occupancy)
            assert torch.equal(new.box, old.box) and all(map(torch.equal, new.grids, old.grids))
print("independent")
"""


@pytest.mark.slow
def test_overwriting_or_emptying_the_file_changes_nothing(tmp_path: Path) -> None:
    paths = [tmp_path / f"{precision}.mlpvid" for precision in PRECISIONS]
    for path, precision in zip(paths, PRECISIONS, strict=True):
        write_bundle(make_video(seed=7, num_frames=3), path, precision)
    # In a separate process, because reading a page that is gone kills the process.
    command = [sys.executable, "-c", _OVERWRITE, *map(str, paths)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert (result.returncode, result.stdout) == (0, "independent\n"), result.stderr


@pytest.mark.parametrize("left", [0.0, 0.5, 0.999])
def test_a_file_that_shrinks_while_it_is_opened_is_an_input_error(tmp_path: Path, left: float) -> None:
    path = tmp_path / "open.mlpvid"
    write_bundle(make_video(num_frames=3), path)
    bundle = open_checked(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content))])
    with pytest.raises(InputError, match=r"open\.mlpvid: changed while it was read"):
        check_tensors(bundle)


def test_a_file_that_is_replaced_while_it_is_opened_is_an_input_error(tmp_path: Path) -> None:
    path, other = tmp_path / "open.mlpvid", tmp_path / "other.mlpvid"
    write_bundle(make_video(seed=1, num_frames=3), path)
    write_bundle(make_video(seed=2, num_frames=3), other)
    assert path.stat().st_size == other.stat().st_size
    bundle = open_checked(path)
    other.replace(path)
    with pytest.raises(InputError, match="changed while it was read"):
        check_tensors(bundle)
