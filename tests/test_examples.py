"""Every program in examples/ runs, and every sample file is read by the command that it is for."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.bundle.write import write_bundle
from model.camera import load_camera
from tests.factories import make_video
from viewer.cli import main
from viewer.settings_file import read_settings

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROGRAMS = sorted(EXAMPLES.glob("0*.py"))


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "small.mlpvid"
    write_bundle(make_video(num_frames=41), path)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_writes_what_it_says(
    program: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program.name, str(bundle)])
    runpy.run_path(str(program), run_name="__main__")
    printed = capsys.readouterr().out
    written = [path for path in bundle.parent.iterdir() if path.suffix in (".png", ".mp4", ".npz")]
    assert all(path.stat().st_size > 0 and path.name in printed for path in written)
    assert written or "PSNR" in printed
    for path in written:
        if path.suffix == ".png":
            assert np.asarray(Image.open(path)).max() > 30


def test_the_notebook_is_stored_without_outputs() -> None:
    """tests/viewer/test_notebook.py executes it."""
    notebook = json.loads((EXAMPLES / "08_notebook.ipynb").read_text(encoding="utf-8"))
    assert not [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")]


def test_the_notebook_says_what_to_install() -> None:
    """Jupyter runs it in its own folder, where `import mlpvid` fails without."""
    first = json.loads((EXAMPLES / "08_notebook.ipynb").read_text(encoding="utf-8"))["cells"][0]["source"]
    assert all(f"`pip install {what}`" in "".join(first) for what in (".", "ipywidgets ipyevents"))


def test_all_examples_are_listed() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    files = [path.name for path in EXAMPLES.iterdir() if path.is_file() and path.name != "README.md"]
    assert len(PROGRAMS) == 7
    assert not [name for name in files if f"]({name})" not in text]


def test_sample_files(bundle: Path) -> None:
    load_camera(EXAMPLES / "camera.json")
    settings = read_settings(EXAMPLES / "settings.yaml")
    assert (settings.playback.speed, settings.window.layout) == (0.5, "inspect")
    path = str(EXAMPLES / "path.json")
    assert main([str(bundle), "--record", "out", "--path", path, "--size", "16x16", "--fps", "2"]) == 0
    assert len(list(Path("out").glob("*.png"))) == 5
