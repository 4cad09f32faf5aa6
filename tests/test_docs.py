"""The docs name only paths, commands, names and dependencies that exist, and show the import table of .importlinter."""

from __future__ import annotations

import configparser
import importlib.util
import re
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from docs.shortcut_page import PAGE as SHORTCUTS
from docs.shortcut_page import shortcut_page
from training.captures.opening import LAYOUT_NAMES

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
PACKAGES = ("common", "model", "renderer", "viewer", "training", "benchmarks", "experiments", "tests")
PACKAGES_AND_DOCS = tuple(f"{name}/" for name in (*PACKAGES, "docs"))
ARCHITECTURE = ROOT / "docs" / "architecture.md"
OUTPUTS = ("runs/", "images/", "mask/", "schp/", "vertices/", "views/", "tensorboard/", "renderer/kernels/build", "docs/_build")
"""Beginnings of paths that the user has or a command writes."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def paths_in(text: str) -> list[str]:
    """Return what looks like a path of the repository; parts in capitals or in angle brackets are placeholders."""
    quoted = re.findall(r"`([\w.][\w./-]*/[\w./-]*|\.?[\w-]+\.(?:py|md|txt|toml|yaml|yml|h|cuh?|cpp|frag))`", text)
    words = re.findall(rf"(?<![\w/.-])((?:{'|'.join(PACKAGES)}|docs|assets|shaders)/[\w./-]*\w)", text)
    return [path for path in {*quoted, *words} if not re.search(r"[A-Z]{3,}(?!\.md)", path) and not path.startswith(OUTPUTS)]


def exists(path: str) -> bool:
    """Return whether a path exists in the repository; a file name alone may be in any folder."""
    return (ROOT / path).exists() or ("/" not in path and any(file.name == path for file in sources()))


@lru_cache
def sources() -> list[Path]:
    """Return all files of the repository's packages and of its top folder."""
    folders = [ROOT / name for name in (*PACKAGES, "docs", "shaders")]
    return [
        *(p for p in ROOT.iterdir() if p.is_file()),
        *(p for f in folders for p in f.rglob("*.*") if "build" not in p.parts),
    ]


@each_page
def test_paths_exist(page: Path) -> None:
    missing = sorted(path for path in paths_in(page.read_text(encoding="utf-8")) if not exists(path))
    if page.name == "captures.md":  # it is about the files of users' captures
        missing = [path for path in missing if path.startswith(PACKAGES_AND_DOCS)]
    allowed = {"annots.npy", "meta.yaml", "config.yaml", "images.txt", "cameras.txt"}
    assert not [path for path in missing if path not in allowed]


@each_page
def test_no_merge_conflict_is_left(page: Path) -> None:
    assert not re.findall(r"^(?:<{7}|>{7}) .*", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


@each_page
def test_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    modules = {name for name in re.findall(r"python -m ([\w.]+)", text) if name.split(".")[0] in PACKAGES}
    missing = [name for name in sorted(modules) if importlib.util.find_spec(name) is None]
    assert not missing
    scripts = re.findall(r"python ([\w/]+\.py)", text)
    assert not [script for script in scripts if not (ROOT / script).is_file()]


@each_page
def test_options_of_the_viewer_exist(page: Path) -> None:
    parser = (ROOT / "viewer" / "cli.py").read_text(encoding="utf-8")
    parser += (ROOT / "common" / "command_line.py").read_text(encoding="utf-8")
    for command in re.findall(r"run_viewer\.py[^`\n]*", page.read_text(encoding="utf-8")):
        for option in re.findall(r"--[a-z-]+", command):
            assert option == "--help" or f'"{option}"' in parser, command


@each_page
def test_dotted_names_exist(page: Path) -> None:
    """`package.module` and `package.module.name` in backticks are a module and something that it defines."""
    for name in re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`", page.read_text(encoding="utf-8")):
        path = ROOT.joinpath(*name.split("."))
        if path.is_dir() or path.with_suffix(".py").is_file() or path.suffix or exists(name):
            continue
        module = path.parent.with_suffix(".py")
        assert module.is_file() and re.search(rf"\b{path.name}\b", module.read_text(encoding="utf-8")), name


def items_of(text: str) -> list[str]:
    """Return paragraphs and list items, each with the lines that continue it."""
    return [item for item in re.split(r"\n(?=\d+\. |\n|- |\| )", text) if item.strip()]


def test_names_in_the_architecture_are_defined_in_the_files_named_with_them() -> None:
    checked = 0
    for item in items_of(ARCHITECTURE.read_text(encoding="utf-8")):
        files = [ROOT / path for path in paths_in(item) if (ROOT / path).is_file()]
        names = re.findall(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\([a-z_, ]*\))?`", item)
        for name in names if files else []:
            if exists(name) or name.split(".")[0] in PACKAGES:
                continue
            found = any(all(re.search(rf"\b{part}\b", text) for part in name.split(".")) for text in map(_text, files))
            assert found, f"{name} is not in {', '.join(str(file.relative_to(ROOT)) for file in files)}"
            checked += 1
    assert checked > 40


@lru_cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def rows_after(text: str, heading: str) -> list[list[str]]:
    """Return the names in each row of the table that follows a line."""
    table = text.split(f"\n{heading}\n", 1)[1].strip().split("\n\n", 1)[0]
    return [re.findall(r"`(\w+)`", row) for row in table.splitlines()[2:]]


@pytest.mark.parametrize(
    ("heading", "contract"),
    [
        ("Packages:", "packages"),
        ("Inside `viewer`:", "viewer"),
        ("Inside `training`:", "training"),
        ("Inside `experiments`:", "experiments"),
        ("Inside `renderer`:", "renderer"),
    ],
)
def test_the_import_table_is_that_of_importlinter(heading: str, contract: str) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", encoding="utf-8")
    layers = config[f"importlinter:contract:{contract}"]["layers"].split("\n")
    expected = [[name.strip() for name in layer.split("|")] for layer in layers if layer.strip()]
    assert rows_after(ARCHITECTURE.read_text(encoding="utf-8"), heading) == expected


def test_the_tree_has_every_folder_of_code() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").split("## Who may import whom", 1)[0]
    rooms = {file.parent.relative_to(ROOT).as_posix() for file in sources() if file.name == "__init__.py"}
    missing = [room for room in sorted(rooms) if not room.startswith("tests/") and f"| `{room}/` |" not in text]
    assert not missing


@pytest.mark.parametrize("requirements", sorted(ROOT.glob("requirements*.txt")), ids=lambda path: path.stem)
def test_every_dependency_is_explained(requirements: Path) -> None:
    explained = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    names = re.findall(r"^([A-Za-z][\w.-]*)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    assert not [name for name in names if not re.search(rf"\b{name.lower()}\b", explained)]


def test_pre_commit_runs_the_checks_of_the_style_tests() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    entries = {hook["entry"] for hook in hooks}
    assert entries == {"ruff check", "ruff format", "mypy", "clang-format --dry-run -Werror", "lint-imports --no-cache"}
    style = (ROOT / "tests" / "test_style.py").read_text(encoding="utf-8")
    assert style.count("\ndef test_") == len(entries), "a new check needs a hook"


def test_every_page_is_in_the_navigation_once() -> None:
    trees = re.findall(r"```\{toctree\}\n(.*?)```", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    names = [
        re.sub(r".*<(\w+)>", r"\1", line) for tree in trees for line in tree.splitlines() if line and not line.startswith(":")
    ]
    assert sorted(names) == sorted(page.stem for page in (ROOT / "docs").glob("*.md") if page.stem != "index")


def test_the_page_of_shortcuts_is_up_to_date() -> None:
    assert SHORTCUTS.read_text(encoding="utf-8") == shortcut_page(), "run python -m docs.shortcut_page"


def test_every_layout_of_captures_is_in_both_tables() -> None:
    rows = [line for line in (ROOT / "docs" / "captures.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for name in LAYOUT_NAMES:
        assert sum(f"`{name}`" in row.split("|")[1] for row in rows) == 2, name
