"""Windows of ImGui that are parts of the viewer's window: they have fixed places."""

from __future__ import annotations

from dataclasses import dataclass

from imgui_bundle import ImVec2, imgui

from viewer.widgets.controls import em
from viewer.window.layout import Place

_FLAGS = imgui.WindowFlags_
_STATIC = (
    _FLAGS.no_title_bar
    | _FLAGS.no_resize
    | _FLAGS.no_move
    | _FLAGS.no_collapse
    | _FLAGS.no_saved_settings
    | _FLAGS.no_docking
    | _FLAGS.no_bring_to_front_on_focus
)
_STILL = _STATIC | _FLAGS.no_scrollbar | _FLAGS.no_scroll_with_mouse


@dataclass(frozen=True)
class PartStyle:
    """Flags and spacing of a part."""

    flags: int
    """ImGui's flags."""
    padding: tuple[float, float] | None = None
    """Space around the content across and down, text heights; None is the theme's."""


FIXED = PartStyle(_STILL)
"""The timeline."""

SCROLLING = PartStyle(_STATIC)
"""The inspector."""

PICTURE = PartStyle(_STILL | _FLAGS.no_background, (0.0, 0.0))
"""The picture, which covers its part."""

THIN = PartStyle(_STILL, (0.7, 0.2))
"""The status bar."""


def thin_height() -> float:
    """Return the height of a line of text in the status bar, pixels."""
    assert THIN.padding is not None
    return float(imgui.get_font_size()) + 2 * em(THIN.padding[1])


def begin_part(title: str, place: Place, style: PartStyle, focused: bool) -> bool:
    """Begin a part at its place; `focused` gives it the keyboard focus. Return False if there is no room; else end it."""
    if place.width <= 0 or place.height <= 0:
        return False
    imgui.set_next_window_pos(ImVec2(place.left, place.top))
    imgui.set_next_window_size(ImVec2(place.width, place.height))
    if focused:
        imgui.set_next_window_focus()
    padding = imgui.get_style().window_padding if style.padding is None else ImVec2(em(style.padding[0]), em(style.padding[1]))
    imgui.push_style_var(imgui.StyleVar_.window_padding, padding)
    imgui.push_style_var(imgui.StyleVar_.window_min_size, ImVec2(1, 1))
    imgui.push_style_var(imgui.StyleVar_.window_border_size, 0.0)
    imgui.push_style_var(imgui.StyleVar_.window_rounding, 0.0)
    imgui.begin(title, None, style.flags)
    imgui.pop_style_var(4)
    return True
