"""Write docs/shortcuts.md from the table of actions: python -m docs.shortcut_page"""

from __future__ import annotations

import argparse
from pathlib import Path

from viewer.actions.table import ACTIONS
from viewer.dialogs.shortcuts import MOUSE

PAGE = Path(__file__).with_name("shortcuts.md")

INTRODUCTION = """# Shortcuts

F1 shows these keys in the viewer, and Ctrl+P finds a command by its name. On a Mac, Ctrl is Cmd and Alt is Option.
`python -m docs.shortcut_page` writes this page from the table in `viewer/actions/table.py`.
"""


def shortcut_page() -> str:
    """Return the page: what the mouse does, then one table of keys per menu."""
    tables = {"Mouse": [f"| {keys} | {label} | |" for keys, label in MOUSE]}
    for action in ACTIONS:
        if action.keys:
            keys = " or ".join(f"`{chord}`" for chord in action.chords)
            row = f"| {keys} | {action.label.rstrip('.')} | {action.tooltip} |"
            tables.setdefault(action.category, []).append(row.replace("`\\`", "`` \\ ``"))
    parts = [
        "\n".join((f"## {name}", "", "| keys | command | what it does |", "| --- | --- | --- |", *rows))
        for name, rows in tables.items()
    ]
    return "\n\n".join((INTRODUCTION.rstrip(), *parts)) + "\n"


def main() -> None:
    """Run from the command line."""
    argparse.ArgumentParser(description="Write docs/shortcuts.md.").parse_args()
    PAGE.write_text(shortcut_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
