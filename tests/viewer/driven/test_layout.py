"""The layout of the panels on first start. The user's changes are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from renderer.select import create_renderer
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, screenshot
from viewer.app.app import ViewerApp
from viewer.app.window_state import PANELS, WindowCommand
from viewer.settings import layout_path
from viewer.window.layout import LINE
from viewer.window.theme import MonitorScale

IN_FRONT = ("View", "Timeline", "Image", "Statistics")
"""Panels that are visible at first. The others are tabs behind them."""


@pytest.fixture
def fresh_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty config folder of a new user."""
    monkeypatch.setattr("viewer.settings.platformdirs.user_config_dir", lambda *_, **__: str(tmp_path / "config"))
    return tmp_path / "config"


def new_app() -> ViewerApp:
    """Return the state of a window with a small video open."""
    app = ViewerApp(create_renderer(background=True))
    app.settings.playback.autoplay = False
    app.settings.rendering.render_scale = 0.2
    app.documents.add(Path("random.mlpvid"), make_video(num_frames=3))
    return app


def places(context: Any) -> dict[str, tuple[float, float, float, float]]:
    """Return left, top, right and bottom of the panels in front; all of them are docked."""
    from imgui_bundle import imgui

    context.yield_(6)
    found = {}
    for title in PANELS:
        window = imgui.internal.find_window_by_name(title)
        assert window is not None and window.dock_node is not None, title
        if not window.hidden:
            found[title] = (window.pos.x, window.pos.y, window.pos.x + window.size.x, window.pos.y + window.size.y)
    return found


@pytest.mark.parametrize(("size", "scale"), [((1280, 800), 1.0), ((1280, 800), 2.0), ((1920, 1080), 1.0)])
def test_at_first_all_panels_have_their_places(
    fresh_config: Path, drive: DriveWindow, size: tuple[int, int], scale: float
) -> None:
    app = new_app()
    app.settings.window.ui_scale = scale

    def look(context: Any) -> None:
        found = places(context)
        assert set(found) == set(IN_FRONT)
        view, timeline, image, statistics = (found[title] for title in IN_FRONT)
        assert (view[2] - view[0]) * (view[3] - view[1]) > size[0] * size[1] * 0.25
        assert timeline[1] >= view[3] and image[0] >= view[2] and statistics[1] >= image[3], "below, to the right, below"
        for left, top, right, bottom in found.values():
            assert left >= 0 and top >= 0 and right <= size[0] and bottom <= size[1]

    drive(app, look, size, keep_layout=True)
    app.close()
    assert layout_path() == fresh_config / "layout.ini" and layout_path().is_file()


def test_what_the_user_changed_is_there_the_next_time(fresh_config: Path, drive: DriveWindow) -> None:
    app = new_app()
    first: dict[str, Any] = {}

    def change(context: Any) -> None:
        first.update(places(context))
        app.window.focus_panel("Camera path")
        context.yield_(4)
        _, top, right, _ = first["View"]
        context.mouse_move_to_pos((right + 1, (top + 300)))
        context.mouse_down(0)
        context.mouse_move_to_pos((right - 120, (top + 300)))
        context.mouse_up(0)
        context.yield_(4)
        assert places(context)["View"][2] == pytest.approx(right - 120, abs=6)

    def look_again(context: Any) -> None:
        found = places(context)
        assert found["View"][2] == pytest.approx(first["View"][2] - 120, abs=6)
        assert "Camera path" in found and "Timeline" not in found

    drive(app, change, keep_layout=True)
    app.close()
    again = new_app()
    drive(again, look_again, keep_layout=True)
    again.close()


def widths(context: Any) -> tuple[float, float]:
    """Return the width of the panels at the right and height of those below."""
    found = places(context)
    return found["Image"][2] - found["Image"][0], found["Timeline"][3] - found["Timeline"][1]


def test_docks_grow_and_shrink_with_the_text(drive: DriveWindow) -> None:
    app = new_app()
    app.settings.window.theme = "light"

    def look(context: Any) -> None:
        wide, high = widths(context)
        app.settings.window.ui_scale = 1.5
        assert widths(context) == pytest.approx((1.5 * wide, 1.5 * (high + LINE)), abs=3), "two lines of controls"
        app.settings.window.ui_scale = 2.0
        context.yield_(6)
        screenshot(context, "scale-changed-2")
        assert widths(context) == pytest.approx((0.42 * 1280, 0.45 * 700), abs=12), "not more than the view can spare"
        app.settings.window.ui_scale = 1.0
        assert widths(context) == pytest.approx((wide, high), abs=3), "nothing is lost on the way"
        screenshot(context, "scale-changed-back")

    drive(app, look)
    app.close()


def test_a_reset_layout_fits_the_text_as_it_is_now(drive: DriveWindow) -> None:
    app = new_app()

    def look(context: Any) -> None:
        wide, _ = widths(context)
        app.settings.window.ui_scale = 1.5
        context.yield_(6)
        app.window.request(WindowCommand.RESET_LAYOUT)
        context.yield_(6)
        assert widths(context)[0] == pytest.approx(1.5 * wide, abs=6)

    drive(app, look, (1920, 1080))
    app.close()


def test_a_kept_layout_fits_another_size_of_text(fresh_config: Path, drive: DriveWindow) -> None:
    seen: list[tuple[float, float]] = []
    for scale in (1.0, 1.5):
        app = new_app()
        app.settings.window.ui_scale = scale
        drive(app, lambda context: seen.append(widths(context)), size=(1920, 1200), keep_layout=True)
        app.close()
    assert seen[1] == pytest.approx((1.5 * seen[0][0], 1.5 * seen[0][1]), abs=3)


def test_another_monitor_changes_the_scale_by_what_it_differs() -> None:
    scale = MonitorScale()
    assert [scale.since_start(now) for now in (0.0, 2.0, 2.0, 1.0, 3.0)] == [1.0, 1.0, 1.0, 0.5, 1.5]
