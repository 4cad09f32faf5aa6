"""Themes: selected items look different from the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imgui_bundle import imgui

from tests.factories import make_video
from tests.viewer.conftest import SMALL, DriveWindow, screenshot, wait_for_image
from viewer.app.app import ViewerApp
from viewer.settings import THEMES


def luminance(name: str) -> float:
    """Return the relative luminance (WCAG) of an opaque color of the theme over the bar of tabs."""
    bar, color = (imgui.get_style_color_vec4(getattr(imgui.Col_, n)) for n in ("title_bg", name))
    over = np.array([color.w * c + (1 - color.w) * b for c, b in ((color.x, bar.x), (color.y, bar.y), (color.z, bar.z))])
    linear = np.where(over <= 0.04045, over / 12.92, ((over + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colors of the theme, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


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

    drive(app, look, SMALL)
