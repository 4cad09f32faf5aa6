"""Themes: selected items look different from the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imgui_bundle import imgui

from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, screenshot, wait_for_image
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.settings import THEMES


def luminance(layers: tuple[str, ...]) -> float:
    """Return the relative luminance (WCAG) of colors of the theme that lie over each other, the lowest first."""
    over = np.zeros(3)
    for name in layers:
        color = imgui.get_style_color_vec4(getattr(imgui.Col_, name))
        over = color.w * np.array([color.x, color.y, color.z]) + (1 - color.w) * over
    linear = np.where(over <= 0.04045, over / 12.92, ((over + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def ratio(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return the contrast ratio of two stacks of layers, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colors of the theme over the bar of tabs, 1 to 21."""
    return ratio(("title_bg", one), ("title_bg", other))


@pytest.mark.parametrize("theme", THEMES)
def test_the_selected_tab_stands_out(app: ViewerApp, drive: DriveWindow, theme: str) -> None:
    app.settings.window.theme = theme
    app.documents.add(Path("second.mlpvid"), make_video(num_frames=1))

    def look(context: Any) -> None:
        wait_for_image(context, app)
        screenshot(context, f"tabs-{theme}".replace(" ", "-"))
        for prefix in ("tab", "tab_dimmed"):
            assert contrast("text", f"{prefix}_selected") >= 4.5
            assert contrast(f"{prefix}_selected_overline", prefix) >= 3.0
            if theme == "high contrast":
                assert contrast(f"{prefix}_selected", prefix) >= 3.0
        assert imgui.get_style().tab_bar_overline_size >= (4.0 if theme == "high contrast" else 2.0)

    drive(app, look)


@pytest.mark.parametrize("theme", THEMES)
def test_the_value_of_a_slider_is_readable_over_its_grab(app: ViewerApp, drive: DriveWindow, theme: str) -> None:
    app.settings.window.theme = theme

    def look(context: Any) -> None:
        BY_NAME["view.inspect"].run(app)
        context.yield_(4)
        wait_for_image(context, app)
        screenshot(context, f"sliders-{theme}".replace(" ", "-"))
        for frame, grab in (("frame_bg", ""), ("frame_bg_hovered", ""), ("frame_bg_active", "_active")):
            field, over = ("window_bg", frame), ("window_bg", frame, f"slider_grab{grab}")
            assert ratio(("text",), over) >= 4.5
            assert ratio(field, over) >= 2.0
        assert imgui.get_style().grab_min_size < imgui.calc_text_size("0.00").x / 2

    drive(app, look)


def test_high_contrast_has_only_grays_its_accent_and_orange(app: ViewerApp, drive: DriveWindow) -> None:
    app.settings.window.theme = "high contrast"

    def look(context: Any) -> None:
        colors = {color.name: imgui.get_style_color_vec4(color) for color in imgui.Col_ if color.name != "count"}
        bluish = [name for name, color in colors.items() if color.z > min(color.x, color.y) + 1e-3]
        assert not bluish, "colors of ImGui's dark theme"

    drive(app, look)


def test_a_checked_box_differs_from_others_by_its_mark(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        for theme in THEMES:
            app.settings.window.theme = theme
            context.yield_(3)
            assert ratio(("checkbox_selected_bg",), ("check_mark",)) >= 3.0
            assert ratio(("checkbox_selected_bg",), ("frame_bg",)) < 1.1

    drive(app, look)
