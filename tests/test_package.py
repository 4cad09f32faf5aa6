"""The package that an install gives: one name, with everything inside it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlpvid
import viewer
from build_backend import DATA_SUFFIXES, PACKAGES, rewrite_imports, stage_package

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from model.camera import Camera\n", "from mlpvid.model.camera import Camera\n"),
        ("from viewer import DEMO\n", "from mlpvid.viewer import DEMO\n"),
        ("import model.camera as c\n", "import mlpvid.model.camera as c\n"),
        ("x = 1; from common import errors\n", "x = 1; from mlpvid.common import errors\n"),
        ('s = "é"; from common import errors\n', 's = "é"; from mlpvid.common import errors\n'),
        ("def f():\n    from renderer.select import (\n        a,\n    )\n", None),
        ("import numpy as np\nfrom modeling import x\nfrom . import model\n", "same"),
        ("text = 'from model import x'\n", "same"),
    ],
)
def test_imports_are_rewritten(source: str, expected: str | None) -> None:
    if expected is None:
        expected = source.replace("from renderer", "from mlpvid.renderer")
    assert rewrite_imports(source) == (source if expected == "same" else expected)


def test_an_import_that_binds_a_package_is_refused() -> None:
    with pytest.raises(ValueError, match=r"here\.py, line 2: write `from model\.camera import"):
        rewrite_imports("\nimport model.camera\n", "here.py")


def test_all_files_of_the_packages_are_copied() -> None:
    files = [p for name in PACKAGES for p in (ROOT / name).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    strange = [p for p in files if "kernels" not in p.parts and p.suffix not in (".py", ".so", *DATA_SUFFIXES)]
    assert not strange, "build_backend.py does not copy files like these"


RENDER = """
import sys
import mlpvid
from mlpvid.common.limited_process import Limits, call_limited
from mlpvid.training.released.tensor_pickle import parse_tensor_pickle
video = mlpvid.open(mlpvid.DEMO, backend="cpu")
image = video.render(frame=1, size=(24, 16))
assert image.rgba.shape == (16, 24, 4) and image.opacity.max() > 0.5
try:  # read in a child process, which has to find the package as well
    call_limited(parse_tensor_pickle, b"not a pickle", "data.pkl", Limits(1 << 28))
except mlpvid.InputError as error:
    assert "is not a PyTorch checkpoint" in str(error), error
names = {name.partition(".")[0] for name in sys.modules}
assert not names & {"common", "model", "renderer", "viewer", "training", "mlpvid_kernels"}, names
from mlpvid.run_mlpvid import main
sys.exit(main(["info", str(mlpvid.DEMO)]))
"""


@pytest.mark.slow
def test_the_package_renders_and_brings_no_other_name(tmp_path: Path) -> None:
    stage_package(tmp_path / "mlpvid")
    native = importlib.util.find_spec("mlpvid_kernels")
    assert native is not None and native.origin is not None
    shutil.copy(native.origin, tmp_path / "mlpvid")
    result = subprocess.run([sys.executable, "-c", RENDER], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "num_frames: 60" in result.stdout


def test_dependencies_are_those_of_the_requirements() -> None:
    def lines(name: str) -> list[str]:
        text = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return [line for line in text if line and not line.startswith(("#", "-r", "./"))]

    viewer_lines = [*lines("requirements-viewer-small.txt"), *lines("requirements-viewer.txt")]
    assert PROJECT["dependencies"] == [line.replace('"', "'") for line in viewer_lines]
    training = [*lines("requirements.txt"), *lines("requirements-dev.txt")]
    names = {re.split(r"[<>=;]", line)[0]: line.replace('"', "'") for line in training}
    extras = PROJECT["optional-dependencies"]
    assert all(names[re.split(r"[<>=;]", line)[0]] == line for line in extras["train"])
    assert extras["serve"] == lines("requirements-serve.txt")
    assert all(line in lines("requirements-cuda.txt") for line in extras["cuda"])
    assert extras["docs"] == lines("requirements-docs.txt")


def test_versions_are_equal() -> None:
    assert PROJECT["version"] == viewer.__version__ == mlpvid.__version__
