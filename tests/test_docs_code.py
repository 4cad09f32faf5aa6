"""The code blocks of the docs that are not commands: Python runs, and configs, meta.yaml and scene files are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mlpvid
from model.bundle.read import read_bundle
from model.bundle.write import write_bundle
from tests.factories import make_video
from tests.test_docs import PAGES, ROOT
from training.captures.meta import camera_metas, read_meta
from training.config import load_config
from viewer.app.scene_file import read_scene

KINDS = ("", "python", "yaml", "json", "{toctree}", "{eval-rst}")
"""Languages of code blocks. Those without one are commands and trees of files."""


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_kind_of_block_is_checked(page: Path) -> None:
    opening = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[::2]
    assert set(opening) <= set(KINDS)


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_python_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle(make_video(num_frames=14), tmp_path / "dance.mlpvid")
    monkeypatch.chdir(tmp_path)
    shown: list[mlpvid.Video] = []
    monkeypatch.setattr(mlpvid, "view", shown.append)
    (code,) = blocks(page, "python")
    smaller = re.sub(r"seconds=\d+", "seconds=0.1", re.sub(r"size=\(\d+, \d+\)", "size=(32, 24)", code))
    smaller = smaller.replace('record("orbit.mp4")', 'record("orbit.mp4", size=(32, 24))')
    names: dict[str, object] = {}
    exec(smaller, names)
    image, video = names["image"], names["video"]
    assert isinstance(image, mlpvid.RenderedImage) and image.rgba.shape == (24, 32, 4) and image.depth.shape == (24, 32)
    assert (tmp_path / "orbit.mp4").stat().st_size > 0 and shown == [video] * code.count("mlpvid.view(")


@pytest.mark.parametrize("page", ["docs/training.md", "docs/training_experiments.md", "docs/methods.md", "docs/storage.md"])
def test_configs_are_read(page: str, tmp_path: Path) -> None:
    found = blocks(page, "yaml")
    for text in found:
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        load_config(str(tmp_path / "config.yaml"))
    assert found


def test_the_meta_file_of_a_capture_is_read(tmp_path: Path) -> None:
    (text,) = blocks("docs/captures.md", "yaml")
    path = tmp_path / "meta.yaml"
    path.write_text(text, encoding="utf-8")
    cameras = camera_metas(read_meta(path), ["cam01", "cam02", "cam03"], path)
    assert [camera.frame_offset for camera in cameras] == [0, 1, 0]


def test_the_scene_file_is_read(tmp_path: Path) -> None:
    (text,) = blocks("docs/scenes.md", "json")
    for name in ("dancer", "singer"):
        write_bundle(make_video(num_frames=3), tmp_path / f"{name}.mlpvid")
    path = tmp_path / "scene.mlpvid-scene"
    path.write_text(text, encoding="utf-8")
    scene = read_scene(path, read_bundle)
    assert [placed.placement.time_offset for placed in scene.videos] == [0.0, 0.5]
