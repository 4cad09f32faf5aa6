"""Themes of the window: dark, light and high contrast, at any size."""

from __future__ import annotations

from imgui_bundle import ImVec2, ImVec4, imgui

ACCENTS = {"dark": (0.27, 0.55, 0.95), "light": (0.16, 0.42, 0.85), "high contrast": (1.0, 0.85, 0.0)}
"""Color of active controls, by theme."""

GRABS = {"dark": (0.55, 0.60), "light": (0.70, 0.78), "high contrast": (0.38, 0.45)}
"""Opacity of the grab of a slider at rest and while it is moved, by theme: the value is written over it."""


def apply_theme(theme: str, ui_scale: float) -> None:
    """Set colors, roundings and sizes of the interface; `ui_scale` multiplies text and controls."""
    fresh, style = imgui.Style(), imgui.get_style()
    for name in dir(fresh):  # scaling multiplies the current values, so it must start from the defaults
        if not name.startswith("_") and not name.startswith("font_") and not callable(getattr(fresh, name)):
            setattr(style, name, getattr(fresh, name))
    (imgui.style_colors_light if theme == "light" else imgui.style_colors_dark)()
    style.window_padding, style.frame_padding = ImVec2(10, 8), ImVec2(7, 4)
    style.item_spacing, style.item_inner_spacing = ImVec2(8, 5), ImVec2(6, 4)
    style.frame_rounding = style.grab_rounding = style.popup_rounding = style.child_rounding = 4.0
    style.window_rounding, style.tab_rounding, style.scrollbar_size = 5.0, 4.0, 12.0
    style.window_border_size = style.popup_border_size = 1.0
    style.frame_border_size = 1.0
    style.grab_min_size = 8.0  # narrow, so that it is under one digit of the value
    style.separator_text_padding, style.separator_text_border_size = ImVec2(0, 6), 1.0
    style.tab_bar_overline_size, style.tab_border_size = (4.0, 1.0) if theme == "high contrast" else (2.0, 0.0)
    style.scale_all_sizes(ui_scale)
    style.font_scale_main = ui_scale
    _set_colors(style, theme)
    _set_scrollbars(style, theme)


def _set_colors(style: imgui.Style, theme: str) -> None:
    accent = ACCENTS[theme]
    surfaces = {
        "dark": ((0.105, 0.112, 0.125), (0.075, 0.080, 0.090), (0.165, 0.176, 0.196), (0.90, 0.91, 0.93), (0.56, 0.59, 0.64)),
        "light": ((0.965, 0.968, 0.975), (0.89, 0.90, 0.915), (1.0, 1.0, 1.0), (0.10, 0.11, 0.13), (0.40, 0.42, 0.46)),
        "high contrast": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.12, 0.12, 0.12), (1.0, 1.0, 1.0), (0.82, 0.82, 0.82)),
    }
    surface, bar, field, text, faint = surfaces[theme]
    border = {"dark": (0.25, 0.265, 0.29), "light": (0.76, 0.78, 0.81), "high contrast": (1.0, 1.0, 1.0)}[theme]
    colors = (
        (text, ("text",)),
        (faint, ("text_disabled",)),
        (surface, ("window_bg", "child_bg", "scrollbar_bg")),
        (field if theme == "light" else surface, ("popup_bg",)),
        (field, ("frame_bg", "checkbox_selected_bg", "table_header_bg")),
        (bar, ("title_bg", "title_bg_active", "title_bg_collapsed", "menu_bar_bg", "docking_empty_bg")),
        (border, ("border", "separator", "table_border_strong", "table_border_light", "tree_lines")),
        (accent, ("check_mark", "plot_lines", "plot_histogram", "nav_cursor", "text_link")),
        ((1.0, 0.62, 0.2), ("plot_lines_hovered",)),
    )
    for rgb, names in colors:
        for name in names:
            style.set_color_(getattr(imgui.Col_, name), ImVec4(*rgb, 1.0))
    style.set_color_(imgui.Col_.modal_window_dim_bg, ImVec4(0.0, 0.0, 0.0, 0.55))
    washes = {
        "frame_bg_hovered": 0.25,
        "frame_bg_active": 0.15,
        "slider_grab": GRABS[theme][0],
        "slider_grab_active": GRABS[theme][1],
        "button": 0.18 if theme == "dark" else 0.14,
        "button_hovered": 0.38,
        "button_active": 0.62,
        "header": 0.28,
        "header_hovered": 0.38,
        "header_active": 0.50,
        "tab": 0.10,
        "tab_hovered": 0.45,
        "tab_selected": 0.32,
        "tab_dimmed": 0.06,
        "tab_dimmed_selected": 0.20,
        "text_selected_bg": 0.40,
        "docking_preview": 0.50,
        "resize_grip": 0.15,
        "resize_grip_hovered": 0.45,
        "resize_grip_active": 0.70,
        "separator_hovered": 0.60,
        "separator_active": 0.90,
    }
    for name, opacity in washes.items():
        style.set_color_(getattr(imgui.Col_, name), ImVec4(*accent, opacity))
    _set_tabs(style, theme)


def _set_scrollbars(style: imgui.Style, theme: str) -> None:
    # ImGui's own gray is hard to see on black.
    if theme == "high contrast":
        for name, gray in (("scrollbar_grab", 0.6), ("scrollbar_grab_hovered", 0.8), ("scrollbar_grab_active", 1.0)):
            style.set_color_(getattr(imgui.Col_, name), ImVec4(gray, gray, gray, 1.0))


def _set_tabs(style: imgui.Style, theme: str) -> None:
    # The selected tab has a line above it; with high contrast, its background differs as well.
    for name in ("tab_selected_overline", "tab_dimmed_selected_overline"):
        style.set_color_(getattr(imgui.Col_, name), ImVec4(*ACCENTS[theme], 1.0))
    if theme == "high contrast":
        grounds = {"tab": 0.0, "tab_dimmed": 0.0, "tab_selected": 0.45, "tab_dimmed_selected": 0.45, "tab_hovered": 0.55}
        red, green, blue = ACCENTS[theme]
        for name, share in grounds.items():
            style.set_color_(getattr(imgui.Col_, name), ImVec4(share * red, share * green, share * blue, 1.0))


class MonitorScale:
    """Scale of the current monitor relative to the one where the window opened. The window library applies the latter."""

    def __init__(self) -> None:
        self._first = 0.0

    def since_start(self, now: float) -> float:
        """Return the factor for all sizes.

        Args:
            now: scale of the current monitor; 0 while it is not known.
        """
        self._first = self._first or now
        return now / self._first if now > 0 else 1.0
