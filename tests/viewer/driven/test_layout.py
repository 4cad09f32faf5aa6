"""The layouts of the window: the picture has the most room, and the user's changes are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from renderer.select import create_renderer
from tests.factories import make_video
from tests.viewer.conftest import FIRST, SMALL, DriveWindow, screenshot
from tests.viewer.driven.test_actions import press
from viewer.app.app import ViewerApp
from viewer.folders import layout_path
from viewer.panels.statistics import StatisticsPanel
from viewer.settings import LAYOUTS
from viewer.settings_file import load_settings
from viewer.window.inspector import MAX_SHARE, NARROW_SHARE, NARROWEST
from viewer.window.layout import Place, divide
from viewer.window.theme import MonitorScale

PARTS = ("Picture", "Timeline", "Inspector", "Status bar")


@pytest.fixture
def fresh_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty config folder of a new user."""
    monkeypatch.setattr("viewer.folders.platformdirs.user_config_dir", lambda *_, **__: str(tmp_path / "config"))
    return tmp_path / "config"


def new_app(settings_file: Path | None = None) -> ViewerApp:
    """Return the state of a window with a small video open."""
    settings = load_settings(settings_file)[0] if settings_file is not None else None
    app = ViewerApp(create_renderer(background=True), settings, settings_file)
    app.settings.playback.autoplay = False
    app.settings.rendering.render_scale = 0.2
    app.documents.add(Path("random.mlpvid"), make_video(num_frames=3))
    return app


def places(context: Any) -> dict[str, tuple[float, float, float, float]]:
    """Return left, top, right and bottom of the visible parts of the window."""
    from imgui_bundle import imgui

    context.yield_(6)
    found = {}
    for title in PARTS:
        window = imgui.internal.find_window_by_name(title)
        if window is not None and window.active:
            found[title] = (window.pos.x, window.pos.y, window.pos.x + window.size.x, window.pos.y + window.size.y)
    return found


@pytest.mark.parametrize(("size", "scale"), [((1280, 800), 1.0), ((1280, 800), 2.0), ((1920, 1080), 1.0), ((420, 320), 1.0)])
def test_at_first_the_picture_has_the_window(
    fresh_config: Path, drive: DriveWindow, size: tuple[int, int], scale: float
) -> None:
    app = new_app()
    app.settings.window.ui_scale = scale

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        found = places(context)
        assert set(found) == {"Picture", "Timeline", "Status bar"}
        picture, timeline, status = found["Picture"], found["Timeline"], found["Status bar"]
        share = (picture[2] - picture[0]) * (picture[3] - picture[1]) / (size[0] * size[1])
        assert share > (0.8 if scale == 1.0 and size[1] >= 800 else 0.6)
        assert picture[2] - picture[0] == size[0] and timeline[1] == picture[3] and status[1] == timeline[3]
        assert status[3] == imgui.get_io().display_size.y

    drive(app, look, size, keep_layout=True)
    app.close()
    assert layout_path() == fresh_config / "layout.ini" and layout_path().is_file()


def test_the_layout_of_an_old_version_brings_no_status_bar_of_its_own(fresh_config: Path, drive: DriveWindow) -> None:
    app = new_app()
    layout_path().parent.mkdir(parents=True, exist_ok=True)
    layout_path().write_text(";;;<<<HelloImGui_Misc>>>;;;\n[Layout]\nName=Default\n[StatusBar]\nShow=true\nShowFps=true\n")

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        assert not drawn_by_hello_imgui()
        assert places(context)["Status bar"][3] == imgui.get_io().display_size.y

    def drawn_by_hello_imgui() -> bool:
        from imgui_bundle import hello_imgui

        return hello_imgui.get_runner_params().imgui_window_params.show_status_bar

    drive(app, look, keep_layout=True)
    app.close()


@pytest.mark.slow
def test_each_layout_has_its_key(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        heights = {}
        for layout in (*LAYOUTS, "watch"):
            press(context, f"view.{layout}")
            found = places(context)
            screenshot(context, f"layout-{layout}")
            assert app.settings.window.layout == layout and ("Inspector" in found) == (layout != "watch")
            assert context.item_exists("//Timeline/###path track") == (layout == "direct")
            picture = found["Picture"]
            assert picture[2] == (found["Inspector"][0] if layout != "watch" else SMALL[0]), "nothing covers the picture"
            heights[layout] = picture[3] - picture[1]
        assert heights["direct"] < heights["inspect"] == heights["watch"]

    drive(app, look)


@pytest.mark.slow
def test_what_the_user_changed_is_there_the_next_time(fresh_config: Path, drive: DriveWindow) -> None:
    file = fresh_config / "settings.yaml"
    app = new_app(file)
    first: dict[str, Any] = {}

    def change(context: Any) -> None:
        press(context, "view.inspect")
        first.update(places(context))
        context.item_drag_with_delta("//Inspector/###edge", (-120, 0))
        context.item_click("//Inspector/###section Image")
        assert places(context)["Picture"][2] == pytest.approx(first["Picture"][2] - 120, abs=6)

    def look_again(context: Any) -> None:
        found = places(context)
        assert found["Picture"][2] == pytest.approx(first["Picture"][2] - 120, abs=6)
        assert app.settings.window.sections == ("View", "Camera") and not context.item_exists("//Inspector/Image/###Exposure")

    drive(app, change, FIRST, keep_layout=True)
    app.close()
    app = new_app(file)
    drive(app, look_again, FIRST, keep_layout=True)
    app.close()


def widths(context: Any) -> tuple[float, float]:
    """Return the width of the inspector and the height of the timeline."""
    found = places(context)
    return found["Inspector"][2] - found["Inspector"][0], found["Timeline"][3] - found["Timeline"][1]


@pytest.mark.slow
def test_parts_grow_and_shrink_with_the_text(app: ViewerApp, drive: DriveWindow) -> None:
    app.settings.window.theme, app.settings.window.layout = "light", "inspect"

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        (wide, high), text = widths(context), imgui.get_font_size()
        app.settings.window.ui_scale = 1.5
        context.yield_(2)
        larger = imgui.get_font_size() / text  # sizes of text are whole pixels
        assert larger == pytest.approx(1.5, rel=0.05)
        assert widths(context) == pytest.approx((larger * wide, larger * high), abs=4)
        app.settings.window.ui_scale = 2.0
        context.yield_(6)
        screenshot(context, "scale-changed-2")
        assert widths(context)[0] == pytest.approx(MAX_SHARE * FIRST[0], abs=2), "not more than the picture can spare"
        app.settings.window.ui_scale = 1.0
        assert widths(context) == pytest.approx((wide, high), abs=1), "nothing is lost on the way"
        screenshot(context, "scale-changed-back")

    drive(app, look, FIRST)


@pytest.mark.parametrize(("size", "scale"), [((400, 300), 1.0), ((400, 300), 1.5), ((800, 500), 1.0)])
def test_the_palette_fits_into_a_low_window(app: ViewerApp, drive: DriveWindow, size: tuple[int, int], scale: float) -> None:
    app.settings.window.ui_scale = scale

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        press(context, "help.palette")
        context.yield_(6)
        window = imgui.internal.find_window_by_name("Command palette")
        assert window.pos.y + window.size.y <= size[1] and window.scroll_max.y == 0
        screenshot(context, f"palette-{size[0]}-{scale:g}")

    drive(app, look, size)


@pytest.mark.parametrize(("size", "scale"), [((400, 300), 1.5), ((400, 300), 2.0)])
def test_a_narrow_window_has_all_menus_and_a_usable_inspector(
    app: ViewerApp, drive: DriveWindow, size: tuple[int, int], scale: float
) -> None:
    app.settings.window.ui_scale = scale

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        context.item_click("**/###more menus")
        context.yield_(2)
        context.item_click("**/View")
        context.yield_(2)
        screenshot(context, f"more-menus-{scale:g}")
        context.item_click("**/###view.inspect")
        context.yield_(4)
        screenshot(context, f"narrow-inspector-{scale:g}")
        assert widths(context)[0] >= min(NARROWEST * imgui.get_font_size(), NARROW_SHARE * size[0]) - 2

    drive(app, look, size)


def test_closed_sections_compute_nothing(app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(StatisticsPanel, "draw", lambda self, app: drawn.append("statistics"))

    def look(context: Any) -> None:
        for layout in LAYOUTS:
            press(context, f"view.{layout}")
            context.yield_(4)
        assert not drawn
        app.window.focus_panel("Statistics")
        context.yield_(4)
        assert drawn

    drive(app, look)


@pytest.mark.slow
def test_sections_are_shown_and_hidden_by_the_menu(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        for shown in (True, False):
            context.item_click("**/Window")
            context.yield_(2)
            context.item_click("**/###section Maps")
            context.yield_(4)
            assert app.settings.window.layout == "inspect" and ("Maps" in app.settings.window.sections) == shown

    drive(app, look)


@pytest.mark.parametrize("height", [800.0, 320.0, 200.0, 90.0, 40.0])
def test_the_picture_keeps_its_share_of_a_low_window(height: float) -> None:
    found = divide(Place(5.0, 7.0, 400.0, height), 20.0, 100.0, (80.0, 40.0), 20.0)
    parts = found.picture, found.timeline, found.status
    assert found.picture.height >= min(0.5 * height, height - 20.0)
    assert found.tracks == (found.timeline.height == 80.0) and found.inspector.left == 305.0 == 5.0 + found.picture.width
    assert sum(part.height for part in parts) == height - 20.0 and found.status.top + found.status.height == 7.0 + height


def test_hints_disappear_when_they_are_followed_or_closed(app: ViewerApp, drive: DriveWindow) -> None:
    app.settings.window.hints = ("navigate", "play", "inspect")

    def look(context: Any) -> None:
        context.yield_(4)
        screenshot(context, "hints")
        assert context.item_exists("//###hints/###close play")
        context.item_drag_with_delta("//Picture/###view", (60, 20))
        context.yield_(3)
        assert app.settings.window.hints == ("play", "inspect")
        context.item_click("//###hints/###close play")
        context.yield_(3)
        assert app.settings.window.hints == ("inspect",)
        press(context, "view.inspect")
        context.yield_(3)
        assert app.settings.window.hints == () and not context.item_exists("//###hints/###close inspect")

    drive(app, look)


def test_another_monitor_changes_the_scale_by_the_ratio_of_the_monitors() -> None:
    scale = MonitorScale()
    assert [scale.since_start(now) for now in (0.0, 2.0, 2.0, 1.0, 3.0)] == [1.0, 1.0, 1.0, 0.5, 1.5]
