"""Builds the installable package `mlpvid`; pip calls it, as pyproject.toml says (PEP 517, PEP 660).

In this repository the packages `common`, `model`, `renderer`, `viewer` and `training` lie at the top level. An installed
package must not put such names into site-packages, where they would hide those of other projects. So a wheel has the same
files inside one package, `mlpvid`, and this module rewrites their imports: `from model.camera import Camera` becomes
`from mlpvid.model.camera import Camera`. No line moves, so tracebacks name the same lines as the sources.

scikit-build-core compiles the native modules and writes the wheel. An editable install has nothing to rewrite: it adds the
repository itself to Python's path.
"""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import Any

from scikit_build_core import build as scikit_build
from scikit_build_core.build import (
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

NAME = "mlpvid"
"""Name of the installed package."""

Settings = dict[str, Any] | None
"""Options of pip's --config-settings."""

ROOT = Path(__file__).resolve().parent
"""The repository, or the unpacked source distribution."""

PACKAGES = ("common", "model", "renderer", "viewer", "training")
"""Python packages that move inside."""

FILES = {"__init__.py": "mlpvid.py", "__main__.py": "run_mlpvid.py", "run_mlpvid.py": "run_mlpvid.py", "py.typed": "py.typed"}
"""Files of the package, and the files of the repository that they are copied from."""

DATA = ("shaders", "assets", "renderer/kernels/cuda", "renderer/kernels/include")
"""Folders whose files are copied as they are. CUDA kernels are compiled on the user's machine."""

DATA_SUFFIXES = (".yaml", ".html")
"""Files inside the Python packages that are copied as well."""

PACKAGE = ROOT / "build" / "package" / NAME
"""Where the package is put together. CMake installs it (renderer/kernels/CMakeLists.txt)."""


def rewrite_imports(source: str, path: str = "<source>") -> str:
    """Return a module's source with its imports of `PACKAGES` changed to imports from inside `mlpvid`.

    Args:
        source: Python source.
        path: what errors call it.

    Raises:
        ValueError: it has `import model.camera` without `as`, which would have to bind another name.
    """
    lines = [line.encode() for line in source.splitlines(keepends=True)]  # ast counts columns in bytes
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _moves(node.module):
            _insert(lines, node.lineno, node.col_offset + len("from "))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _moves(alias.name):
                    if alias.asname is None:
                        raise ValueError(f"{path}, line {node.lineno}: write `from {alias.name} import ...`")
                    _insert(lines, alias.lineno, alias.col_offset)
    return b"".join(lines).decode()


def _moves(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in PACKAGES


def _insert(lines: list[bytes], line: int, column: int) -> None:
    text = lines[line - 1]
    lines[line - 1] = text[:column] + f"{NAME}.".encode() + text[column:]


def stage_package(target: Path = PACKAGE) -> None:
    """Put the package together: rewritten modules, shaders, kernels that are compiled later, presets and the demo.

    Args:
        target: an earlier result in this folder is removed.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in (".py", *DATA_SUFFIXES) and "build" not in path.relative_to(ROOT).parts:
                _copy(path, target / path.relative_to(ROOT))
    for folder in DATA:
        shutil.copytree(ROOT / folder, target / folder, dirs_exist_ok=True)
    for name, source in FILES.items():
        _copy(ROOT / source, target / name)


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".py":
        target.write_text(rewrite_imports(path.read_text("utf-8"), str(path)), "utf-8")
    else:
        shutil.copyfile(path, target)


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Build the wheel (PEP 517) and return its file name."""
    stage_package()
    return scikit_build.build_wheel(wheel_directory, _with_folders(config_settings, package=str(PACKAGE)), metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Build the source distribution (PEP 517) and return its file name."""
    return scikit_build.build_sdist(sdist_directory, config_settings)


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """Return what an editable install needs in addition (PEP 660)."""
    return scikit_build.get_requires_for_build_editable(config_settings)


def build_editable(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Build an editable wheel (PEP 660): the native modules, and a .pth file that names the repository."""
    settings = {**_with_folders(config_settings, source=str(ROOT)), "wheel.install-dir": ""}
    return scikit_build.build_editable(wheel_directory, settings, metadata_directory)


def _with_folders(config_settings: Settings, package: str = "", source: str = "") -> dict[str, Any]:
    """Set both of CMake's folders, because it keeps the values of an earlier build."""
    folders = {"cmake.define.MLPVID_PACKAGE_FOLDER": package, "cmake.define.MLPVID_SOURCE_FOLDER": source}
    return {**(config_settings or {}), **folders}
