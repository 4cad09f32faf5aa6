"""Configuration of Sphinx, which builds the website from the Markdown files in this folder.

    pip install -r requirements-viewer.txt -r requirements-docs.txt
    python -m sphinx -W --keep-going docs docs/_build

The pages are plain Markdown, so that they can also be read where the repository is browsed.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

project = "MLPVid"
author = "the authors of MLPVid"
html_title = "MLPVid"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
exclude_patterns = ["_build"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

myst_heading_anchors = 4  # links to headings, as on GitHub
highlight_language = "text"  # of blocks without a language

autodoc_typehints = "description"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}  # by its name instead of everything that it stands for
autodoc_member_order = "bysource"
add_module_names = False

OUTSIDE = {"examples": "examples/README.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
"""Pages of the site whose text is a file outside this folder."""


def site_link(target: str, folder: Path) -> str:
    """Return a link, as the site needs it, to what a file in a folder of the repository links to."""
    if "://" in target or target.startswith("#"):
        return target
    path, hash_sign, heading = target.partition("#")
    file = os.path.relpath(folder / path, ROOT).replace(os.sep, "/")
    page = next((page for page, outside in OUTSIDE.items() if outside == file), None)
    return (f"{page}.md" if page else os.path.relpath(ROOT / file, ROOT / "docs").replace(os.sep, "/")) + hash_sign + heading


def adapt_page(_app: Sphinx, page: str, source: list[str]) -> None:
    """Replace the text of a page in `OUTSIDE` by that of its file, and redirect links to such files to their pages."""
    file = ROOT / OUTSIDE.get(page, f"docs/{page}.md")
    text = file.read_text(encoding="utf-8")
    source[0] = re.sub(r"\]\(([^)\s]+)\)", lambda link: f"]({site_link(link[1], file.parent)})", text)


def setup(app: Sphinx) -> None:
    """Connect what happens while Sphinx reads the pages."""
    app.connect("source-read", adapt_page)
