"""The viewer with the packages of requirements-viewer-small.txt alone: no video files and no sound. Other imports fail here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from model.bundle.info import write_bundle
from tests.factories import make_video

pytestmark = [pytest.mark.slow, pytest.mark.native]

ROOT = Path(__file__).resolve().parents[2]

BLOCKED = """
import sys
for name in ("torch", "scipy", "skimage", "av", "sounddevice", "cffi"):
    sys.modules[name] = None
"""

ORBIT = ("--path", "orbit", "--frames", "0:2", "--size", "16x16", "--backend", "cpu")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "small.mlpvid"
    write_bundle(make_video(), path)
    return path


def run_small(folder: Path, *arguments: object, blocked: str = BLOCKED, display: str = "") -> subprocess.CompletedProcess[str]:
    """Run the viewer in a folder, where some imports fail; without a display, unless one is named."""
    code = f"{blocked}from viewer.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DISPLAY": display, "WAYLAND_DISPLAY": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_describes_and_renders(bundle: Path, tmp_path: Path) -> None:
    for command in (("--info",), ("--render", "a.png", "--size", "16x16", "--backend", "cpu")):
        done = run_small(tmp_path, bundle, *command)
        assert done.returncode == 0, done.stderr
    assert names(tmp_path) == ["a.png"]


def test_only_video_files_are_refused(bundle: Path, tmp_path: Path) -> None:
    done = run_small(tmp_path, bundle, "--record", "images", *ORBIT)
    assert done.returncode == 0 and len(list((tmp_path / "images").glob("*.png"))) == 2, done.stderr
    done = run_small(tmp_path, bundle, "--record", "a.mp4", *ORBIT)
    assert done.returncode == 2 and names(tmp_path) == ["images"]
    assert re.fullmatch(r"error: .*a\.mp4: recording video needs the package av; pip install av, or .*\n", done.stderr)


def test_without_a_display_it_writes_images_into_a_new_folder(bundle: Path, tmp_path: Path) -> None:
    for name in ("small-orbit", "small-orbit-2"):
        done = run_small(tmp_path, bundle, "--size", "16x16", "--backend", "cpu")
        assert done.returncode == 0, done.stderr
        assert f"recording a two-second orbit to {name} instead (as PNG images" in done.stdout
        assert len(list((tmp_path / name).glob("*.png"))) > 1


def test_without_imgui_bundle_there_is_no_window(bundle: Path, tmp_path: Path) -> None:
    """pip leaves it out with Python 3.10, for which it has no wheels."""
    blocked = "import sys\nsys.modules['imgui_bundle'] = None\n"
    common = ("--size", "16x16", "--backend", "cpu")
    done = run_small(tmp_path, bundle, *common, blocked=blocked, display=":99")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the package imgui-bundle is not installed: recording a two-second orbit to small-orbit.mp4")
    done = run_small(tmp_path, bundle, "--window", *common, blocked=blocked, display=":99")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --window: the package imgui-bundle is not installed; use --render, ")
    assert names(tmp_path) == ["small-orbit.mp4"]


def test_the_window_is_imported(tmp_path: Path) -> None:
    code = f"{BLOCKED}import viewer.window.window, viewer.dialogs.recording, viewer.app.sound"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
