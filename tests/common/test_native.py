"""Native modules that are missing, or that an older install has left behind."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from common.errors import InputError
from common.native import VERSION, has_native, import_native, native_fault
from renderer.native import load_native
from renderer.opengl.decoding import cpu_decoder
from renderer.select import create_renderer
from tests.factories import make_video

KERNELS = Path(__file__).resolve().parents[2] / "renderer" / "kernels"

SOURCES = (6, "3d6324dfeefbecae")
"""The version of the kernels, and the checksum of their sources then."""

NAMES = ("mlpvid_kernels", "mlpvid_training_kernels")


@pytest.fixture(params=[None, VERSION - 1, VERSION + 1])
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """Put modules with the number of another version, or without one, in the place of the native modules."""
    for name in NAMES:
        module = ModuleType(name)
        if request.param is not None:
            module.VERSION = request.param  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NAMES)
def test_modules_of_another_version_are_not_used(version: int | None, name: str) -> None:
    assert native_fault(name) == f"are of version {version or 0}, but this program needs version {VERSION}"
    assert not has_native(name)
    with pytest.raises(ImportError, match="the native kernels are of version"):
        import_native(name)


@pytest.mark.usefixtures("version")
def test_renderers_say_what_to_do_about_another_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"are of version .*pip install \./renderer/kernels"):
        load_native()
    with pytest.raises(InputError, match=r"are of version .*pip install \./renderer/kernels"):
        create_renderer("cpu")
    assert create_renderer("auto").name in ("opengl", "reference")
    note = r"note: the native kernels are of version .*; `pip install \./renderer/kernels` builds them .*\n"
    assert re.fullmatch(note, capsys.readouterr().err)


@pytest.mark.usefixtures("version")
def test_decoding_with_pytorch_instead_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    assert cpu_decoder(make_video())(np.zeros(make_video().config.latent_channels, np.float32))
    assert re.fullmatch(r"note: the native kernels are of version .*, so PyTorch decodes; .*\n", capsys.readouterr().err)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_module_is_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert native_fault(name) == "are not installed"
    assert not has_native(name)


def test_a_module_that_cannot_be_loaded_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "mlpvid_kernels", raising=False)
    (tmp_path / "mlpvid_kernels.py").write_text("raise ImportError('libgomp.so.1 is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    assert native_fault("mlpvid_kernels") == "cannot be loaded (libgomp.so.1 is missing)"


@pytest.mark.parametrize("name", NAMES)
def test_the_installed_modules_are_current(name: str) -> None:
    assert native_fault(name) == ""


def code_of(path: Path) -> str:
    """Return a source file without comments and white space."""
    comment = r"#.*" if path.name == "CMakeLists.txt" else r"//.*"
    return "".join(re.sub(comment, "", path.read_text(encoding="utf-8")).split())


def test_a_change_of_the_kernels_gives_them_a_new_version() -> None:
    folders = ("include", "src", "common", "training")
    files = [p for folder in folders for p in (KERNELS / folder).rglob("*") if p.suffix in (".h", ".cpp", ".txt")]
    sources = sorted({*files, KERNELS / "CMakeLists.txt"} - {KERNELS / "common" / "version.h"})
    joined = "\n".join(f"{path.relative_to(KERNELS).as_posix()} {code_of(path)}" for path in sources)
    found = hashlib.sha256(joined.encode()).hexdigest()[:16]
    remedy = f'raise VERSION in common/native.py and kVersion in common/version.h, then write (VERSION, "{found}") here'
    assert SOURCES[1] == found, f"the kernels have changed: {remedy}"
    header = (KERNELS / "common" / "version.h").read_text(encoding="utf-8")
    assert re.findall(r"kVersion = (\d+);", header) == [str(VERSION)] == [str(SOURCES[0])]
