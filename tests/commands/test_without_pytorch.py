"""The viewer without PyTorch and SciPy, whose imports fail here. With them installed, commands do not load them unasked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model.bundle.info import write_bundle
from tests.command_runs import run_main
from tests.factories import make_video
from viewer.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.native]

ROOT = Path(__file__).resolve().parents[2]

BLOCKED = """
import sys
sys.modules["torch"] = sys.modules["scipy"] = sys.modules["skimage"] = None
from viewer.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "small.mlpvid"
    write_bundle(make_video(), path)
    return path


def run_blocked(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKED, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("backend", ["auto", "cpu", "opengl"])
def test_images_are_those_of_the_reference(bundle: Path, tmp_path: Path, backend: str) -> None:
    image, size = tmp_path / "image.npz", ("--size", "24x24", "--frame", "1")
    done = run_blocked(bundle, "--render", image, *size, "--backend", backend)
    assert done.returncode == 0, done.stderr
    expected = tmp_path / "expected.npz"
    done = run_main(main, bundle, "--render", expected, *size, "--backend", "reference")
    assert done.returncode == 0, done.stderr
    assert np.abs(np.load(image)["rgba"] - np.load(expected)["rgba"]).max() <= 3 / 255


def test_commands_work(bundle: Path, tmp_path: Path) -> None:
    done = run_blocked(bundle, "--info")
    assert done.returncode == 0 and "integrity: ok" in done.stdout, done.stderr
    done = run_blocked(bundle, "--record", tmp_path / "a.mp4", "--path", "orbit", "--frames", "0:2", "--size", "32x32")
    assert done.returncode == 0 and (tmp_path / "a.mp4").stat().st_size > 0, done.stderr


@pytest.mark.parametrize("arguments", [("--render", "a.png", "--backend", "reference"), ("--selftest",)])
def test_what_needs_it_says_in_one_line_what_to_install(bundle: Path, arguments: tuple[str, ...]) -> None:
    done = run_blocked(bundle, *arguments)
    assert done.returncode == 2
    assert re.fullmatch(r"error: .* needs PyTorch, which is not installed; install it with `pip install .*`\n", done.stderr)


def test_the_window_is_imported_without_it() -> None:
    blocked = "import sys; sys.modules['torch'] = sys.modules['scipy'] = None"
    code = f"{blocked}; import viewer.window.window, viewer.commands.window_benchmark"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("command", [("--info",), ("--render", "{folder}/a.png", "--size", "16x16", "--backend", "cpu")])
def test_commands_do_not_load_it_unasked(bundle: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    arguments = [part.replace("{folder}", str(tmp_path)) for part in command]
    code = "import sys; from viewer.cli import main; status = main(sys.argv[1:]); sys.exit(status or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(bundle), *arguments], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_requirements_of_the_viewer_are_the_others_without_pytorch() -> None:
    small, viewer = requirements("requirements-viewer-small.txt"), requirements("requirements-viewer.txt")
    assert viewer - small == {"av", "sounddevice"} and small < viewer
    assert requirements("requirements.txt") == requirements("requirements-no-compiler.txt")
    assert requirements("requirements.txt") - viewer == {"torch", "scikit-image", "scipy"}


def requirements(file: str) -> set[str]:
    """Return the packages of a file of requirements and of those that it includes."""
    text = (ROOT / file).read_text()
    included = [requirements(name) for name in re.findall(r"^-r (\S+)", text, re.MULTILINE)]
    return set(re.findall(r"^([A-Za-z][\w.-]*)", text, re.MULTILINE)).union(*included)


def test_info_loads_only_what_it_needs(bundle: Path) -> None:
    heavy = ["torch", "scipy", "skimage", "av", "httpx", "fsspec", "imgui_bundle", "moderngl", "PIL", "OpenEXR", "tqdm"]
    heavy += ["yaml", "psutil", "renderer.backend"]
    code = f"import sys; from viewer.cli import main; main(sys.argv[1:]); print([n for n in {heavy} if n in sys.modules])"
    command = [sys.executable, "-c", code, str(bundle), "--info"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
