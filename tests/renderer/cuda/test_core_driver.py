"""Run `core_driver_checks.py` in a process whose libcuda.so.1 is the emulated driver."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.renderer.cuda.emulated_gpu import compiler

pytestmark = [pytest.mark.native, pytest.mark.gpu]

HERE = Path(__file__).resolve().parent


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="replaces a shared library by its path")
def test_the_driver_as_it_is_on_a_libcuda_in_software(tmp_path: Path) -> None:
    pytest.importorskip("cuda.core")
    command = [compiler(), "-std=c++17", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
    subprocess.run([*command, str(HERE / "emulated_libcuda.cpp"), "-o", str(tmp_path / "libcuda.so.1")], check=True)
    paths = [str(tmp_path), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", str(HERE / "core_driver_checks.py")],
        env={**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(paths)},
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
