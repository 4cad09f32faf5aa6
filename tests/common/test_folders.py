"""Folders for output, and links that lead nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

if os.name != "posix":
    pytest.skip("symbolic links", allow_module_level=True)

from common.atomic import atomic_write, check_target
from common.errors import InputError
from common.folders import check_folder_link, check_link, make_folder
from viewer.app.recording import free_path
from viewer.export.video_sink import free_partial_path


@pytest.fixture(params=["to itself", "in a pair", "into a circle"])
def circle(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A link whose end is never reached."""
    path = tmp_path / "circle.png"
    path.symlink_to({"to itself": "circle.png", "in a pair": "other", "into a circle": "other"}[request.param])
    if request.param == "in a pair":
        (tmp_path / "other").symlink_to(path)
    if request.param == "into a circle":
        (tmp_path / "other").symlink_to("other")
    return path


def test_links_in_a_circle_are_refused_and_stay(circle: Path, tmp_path: Path) -> None:
    before = {path.name: os.readlink(path) for path in tmp_path.iterdir()}
    for refuse in (check_link, check_target, check_folder_link, make_folder, lambda path: atomic_write(path).__enter__()):
        with pytest.raises(InputError, match=r"circle\.png: is a link that leads in a circle; remove it"):
            refuse(circle)
    assert {path.name: os.readlink(path) for path in tmp_path.iterdir()} == before


def test_long_chains_of_links_are_no_circles(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / str(number)).symlink_to(tmp_path / str(number + 1))
    with atomic_write(tmp_path / "0") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "30").read_text() == "new" and (tmp_path / "0").is_symlink()


def test_folders_are_made_once_and_through_links(tmp_path: Path) -> None:
    make_folder(tmp_path / "a")
    make_folder(tmp_path / "a")
    (tmp_path / "link").symlink_to("a")
    make_folder(tmp_path / "link")
    make_folder(tmp_path / "link" / "b" / "c", parents=True)
    assert (tmp_path / "a" / "b" / "c").is_dir()
    with pytest.raises(InputError, match=r"d: cannot be created \(No such file"):
        make_folder(tmp_path / "c" / "d")


def test_a_link_to_a_missing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    for refuse in (check_folder_link, make_folder):
        with pytest.raises(InputError, match="link: is a link to a folder that does not exist; make that folder first"):
            refuse(tmp_path / "link")
    assert not (tmp_path / "gone").exists()


def test_names_of_links_that_lead_nowhere_are_not_free(tmp_path: Path) -> None:
    for name in ("a.png", "b.partial.mp4"):
        (tmp_path / name).symlink_to("gone")
    assert free_path(tmp_path, "a", ".png").name == "a-2.png"
    assert free_partial_path(tmp_path / "b.mp4").name == "b.partial-2.mp4"
