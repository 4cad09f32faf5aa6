"""The window without an open file: its buttons open a file, the demo, or a recent file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from imgui_bundle import imgui

from model.bundle.info import write_bundle
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_until
from viewer.app.app import ViewerApp
from viewer.view.start_page import WAYS, recent_that_fit


@pytest.mark.parametrize(("theme", "scale"), [("dark", 1.0), ("light", 1.0), ("high contrast", 2.0)])
def test_all_of_it_is_in_the_view(app: ViewerApp, drive: DriveWindow, theme: str, scale: float) -> None:
    app.settings.window.theme, app.settings.window.ui_scale = theme, scale
    app.settings.recent_files = tuple(f"/videos/recent-{number}.mlpvid" for number in range(12))
    app.documents.close(0)

    def look(context: Any) -> None:
        context.yield_(5)
        screenshot(context, f"start-{theme}-{scale:g}".replace(" ", "-"))
        room = imgui.internal.find_window_by_name("Picture").inner_rect
        recent = [f"recent{index}" for index in range(12)]
        shown = [name for name in (*dict(WAYS), *recent) if context.item_exists(f"//Picture/###{name}")]
        assert len(shown) > len(WAYS)
        for name in shown:
            box = context.item_info(f"//Picture/###{name}").rect_full
            assert room.min.x <= box.min.x < box.max.x <= room.max.x, name
            assert room.min.y <= box.min.y < box.max.y <= room.max.y, name

    drive(app, look)


def test_its_buttons(app: ViewerApp, drive: DriveWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("demo", "recent"):
        write_bundle(make_video(seed=len(name), num_frames=2), tmp_path / f"{name}.mlpvid")
    monkeypatch.setattr("viewer.actions.file.DEMO", tmp_path / "demo.mlpvid")
    app.documents.close(0)
    app.settings.recent_files = (str(tmp_path / "recent.mlpvid"), str(tmp_path / "gone.mlpvid"))

    def opens(context: Any, button: str, name: str) -> None:
        context.item_click(f"//Picture/###{button}")
        wait_until(context, lambda: app.document is not None)
        assert open_document(app).path == tmp_path / name
        app.documents.close(0)
        context.yield_(4)

    def look(context: Any) -> None:
        opens(context, "recent0", "recent.mlpvid")
        opens(context, "file.open_demo", "demo.mlpvid")
        context.item_click("//Picture/###recent2")
        wait_until(context, lambda: bool(app.messages.errors))
        context.yield_(3)
        context.item_click("//###fault/Close")
        context.yield_(3)
        assert not context.item_exists("//Picture/###recent2")
        context.item_click("//Picture/###file.open")
        context.yield_(3)
        assert app.window.dialogs == {"open"}

    drive(app, look)


def test_as_many_recent_files_as_fit() -> None:
    assert [recent_that_fit(12, lines) for lines in (1.0, 4.5, 8.2, 40.0)] == [0, 0, 4, 12]
    assert recent_that_fit(0, 40.0) == 0
