"""Faults in plain words: what failed, why, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from tests.viewer.conftest import DriveWindow, screenshot, wait_for_image
from viewer.actions.runner import cannot_run
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.app.faults import CHECK_FILE, LONGEST_NAME, REPORT_IT, TRY_AGAIN, Fault, cannot_open, fault_of, sentence, short_name
from viewer.dialogs.prompts import PROMPTS


def test_what_the_user_gave() -> None:
    shown = fault_of(InputError("/data/a.mlpvid", "is truncated", "copy it again"), "Cannot open a.mlpvid")
    assert shown == Fault("Cannot open a.mlpvid", "/data/a.mlpvid is truncated.", "Copy it again.")
    bare = fault_of(InputError("codec xyz", "unknown"), "Rendering failed")
    assert bare == Fault("Rendering failed", "Codec xyz: unknown.", TRY_AGAIN)
    assert fault_of(InputError("x.png", "no such file"), "", CHECK_FILE).advice == CHECK_FILE


def test_what_is_the_viewers_own() -> None:
    shown = fault_of(ZeroDivisionError("division by zero"), "Cannot render this view", "Choose another backend.")
    assert shown == Fault("Cannot render this view", "ZeroDivisionError: division by zero.", REPORT_IT)
    assert str(shown).startswith("Cannot render this view: ZeroDivisionError: division by zero. This")


def test_titles() -> None:
    assert cannot_run(BY_NAME["camera.paste"]) == "Cannot paste camera"
    assert cannot_run(BY_NAME["file.export_mesh"]) == "Cannot export mesh"
    assert cannot_open(Path("/a/b c.mlpvid")) == "Cannot open b c.mlpvid"
    assert PROMPTS["save_path"].failed("/no/where.json") == "Cannot save where.json"
    assert PROMPTS["url"].failed("https://a.b/c.mlpvid") == "Cannot open c.mlpvid"


def test_long_names_keep_both_ends() -> None:
    name = short_name(Path("/x") / ("a" * 100 + "-final.mlpvid"))
    assert len(name) == LONGEST_NAME and name.startswith("aaa") and name.endswith("-final.mlpvid") and "…" in name
    assert short_name("short.json") == "short.json"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("copy it", "Copy it."), ("/a/b is c.", "/a/b is c."), ("a\n b", "A b."), ("demo.mlpvid is new", "demo.mlpvid is new.")],
)
def test_sentences(text: str, shown: str) -> None:
    assert sentence(text) == shown


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "scale"), [("dark", 1.0), ("light", 2.0)])
def test_faults_are_shown_one_by_one(app: ViewerApp, drive: DriveWindow, theme: str, scale: float) -> None:
    app.settings.window.theme, app.settings.window.ui_scale = theme, scale

    def look(context: Any) -> None:
        wait_for_image(context, app)
        long = Path("/data/videos") / ("a rather long name of a volumetric video " * 2 + ".mlpvid")
        app.messages.show_exception(InputError(long, "no such file"), cannot_open(long), CHECK_FILE)
        app.messages.show_exception(RuntimeError("no kernel"), "Cannot render this view")
        context.yield_(5)
        screenshot(context, f"fault-{theme}")
        context.item_click("//###fault/Copy")
        assert app.window.read_clipboard() == str(app.messages.errors[0])
        context.item_click("//###fault/Close")
        context.yield_(5)
        assert [fault.title for fault in app.messages.errors] == ["Cannot render this view"]
        screenshot(context, f"fault-{theme}-second")
        context.item_click("//###fault/Close")
        assert not app.messages.errors

    drive(app, look)
