"""The website of the docs is built without a warning, and its pictures are those that the scripts make."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import mlpvid
from docs.conf import ROOT, site_link
from docs.demo_animation import BACKGROUND, COUNT, MAX_BYTES, picture
from tests.viewer.driven.guide_pictures import PICTURES, SIZE

DOCS = ROOT / "docs"


@pytest.mark.slow
def test_the_site_is_built_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(tmp_path / "trees"), str(DOCS)]
    result = subprocess.run([*command, str(tmp_path / "site")], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found = (tmp_path / "site" / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(found.removeprefix("Search.setIndex(").removesuffix(")"))
    assert {"index", "contributing", "python_reference"} <= set(index["docnames"]) and "orbit" in index["terms"]
    reference = (tmp_path / "site" / "python_reference.html").read_text(encoding="utf-8")
    assert "premultiplied by opacity" in reference, "the docstring of Video.render is missing"
    images = [
        source
        for page in (tmp_path / "site").glob("*.html")
        for source in re.findall(r'src="(_images/[^"]+)"', page.read_text())
    ]
    assert images and all((tmp_path / "site" / source).is_file() for source in images)


@pytest.mark.parametrize(
    ("target", "folder", "expected"),
    [
        ("https://example.org/a.md", "docs", "https://example.org/a.md"),
        ("#tests", "docs", "#tests"),
        ("format.md#boxes", "docs", "format.md#boxes"),
        ("docs/format.md", ".", "format.md"),
        ("../CONTRIBUTING.md#tests", "docs", "contributing.md#tests"),
        ("camera.json", "examples", "../examples/camera.json"),
        ("README.md", "examples", "examples.md"),
        ("../docs/python.md", "examples", "python.md"),
    ],
)
def test_links_are_led_to_the_pages_of_the_site(target: str, folder: str, expected: str) -> None:
    assert site_link(target, ROOT / folder) == expected


@pytest.mark.parametrize("name", PICTURES)
def test_the_guide_shows_every_picture(name: str) -> None:
    assert f"](images/{name}.png)" in (DOCS / "viewer.md").read_text(encoding="utf-8")
    with Image.open(DOCS / "images" / f"{name}.png") as image:
        assert image.size == SIZE


def test_the_moving_picture_is_small_and_complete() -> None:
    path = DOCS / "images" / "demo.webp"
    assert path.stat().st_size < MAX_BYTES
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == COUNT


def test_the_moving_picture_turns_and_shows_the_background() -> None:
    with mlpvid.open(mlpvid.DEMO, backend="cpu") as video:
        first, later = picture(video, 0), picture(video, COUNT // 4)
    background = np.round(np.asarray(BACKGROUND) * 255)
    assert np.array_equal(first[0, 0], background) and np.array_equal(later[-1, -1], background)
    assert np.abs(first.astype(int) - later).max() > 100


def test_the_citation_names_the_version_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["license"] == "Apache-2.0"
    assert citation["preferred-citation"]["title"] == "Representing Volumetric Videos as Dynamic MLP Maps"
    assert citation["version"] == mlpvid.__version__


@pytest.mark.parametrize(
    "template", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem
)
def test_issue_templates_are_valid(template: Path) -> None:
    form = yaml.safe_load(template.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    names = [field["id"] for field in form["body"]]
    assert len(names) == len(set(names))


def test_reports_of_faults_ask_for_the_self_test() -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug_report.yml").read_text(encoding="utf-8")
    (field,) = [field for field in yaml.safe_load(text)["body"] if field["id"] == "selftest"]
    assert "run_viewer.py --selftest" in field["attributes"]["label"] and field["validations"]["required"]
