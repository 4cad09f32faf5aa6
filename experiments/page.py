"""The page of all results: a table of contents, and a section for each folder of results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from common.atomic import write_text
from common.documents import read_limited
from common.errors import InputError
from experiments.section import Section
from experiments.table import FOLDER

DOCS_PAGE = FOLDER.parent / "docs" / "experiments.md"
"""The page of the manual."""

_TITLE = "# The paper's tables, repeated"
_INTRODUCTION = """\
Each section has the results of one command, which trains, scores and times the rows of one of the paper's tables on a capture.
docs/methods.md explains the methods and how to repeat this. `python -m experiments.report` writes this page. It takes the
remarks from `experiments/remarks.yaml`."""
_MARK = re.compile(r"^<!-- section (\S+) -->\n+## (.*)\n", re.MULTILINE)
_MAX_MEBIBYTES = 8


def update_page(page: Path, sections: Sequence[Section]) -> None:
    """Write sections into the page. They replace those with the same key, or come after the last; others stay as they are.

    Args:
        page: the Markdown file; it is made if it is not there.
        sections: the sections to write.

    Raises:
        InputError: there is another file of this name, or the page cannot be written.
    """
    found = {section.key: section for section in [*read_sections(page), *sections]}
    contents = [f"- [{section.title}](#{heading_anchor(section.title)})" for section in found.values()]
    texts = [f"<!-- section {section.key} -->\n\n## {section.title}\n\n{section.text}" for section in found.values()]
    write_text(page, "\n\n".join([_TITLE, _INTRODUCTION, "\n".join(contents), *texts]) + "\n")


def read_sections(page: Path) -> list[Section]:
    """Return the sections of a page, none if there is no such file; raise InputError if it is another file."""
    if not page.is_file():
        return []
    text = read_limited(page, _MAX_MEBIBYTES << 20).decode("utf-8", errors="replace")
    if not text.startswith(_TITLE):
        raise InputError(page, "is not a page of experiments.report", "delete it, or choose another file")
    marks = list(_MARK.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return [Section(mark[1], mark[2], text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)]


def heading_anchor(title: str) -> str:
    """Return the anchor that GitHub and the website give to a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
