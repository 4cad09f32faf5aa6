"""Controls as all panels use them: each with a tooltip."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from imgui_bundle import ImVec2, imgui

from renderer.select import BACKENDS
from viewer.actions.runner import ActionRunner
from viewer.actions.table import BY_NAME

TOOLTIP_WIDTH = 28.0
"""Longer lines of a tooltip are wrapped, text heights."""

TOOLTIP = imgui.HoveredFlags_.for_tooltip | imgui.HoveredFlags_.allow_when_disabled


def tooltip(text: str) -> None:
    """Explain the last control when the mouse rests on it."""
    if text and imgui.is_item_hovered(TOOLTIP):
        show_tooltip(text)


def show_tooltip(text: str) -> None:
    """Show a tooltip beside the mouse, its lines wrapped."""
    if imgui.begin_tooltip():
        imgui.push_text_wrap_pos(em(TOOLTIP_WIDTH))
        imgui.text_unformatted(text)
        imgui.pop_text_wrap_pos()
        imgui.end_tooltip()


def flow(width: float, spacing: float = 0.3) -> None:
    """Put the next control, `width` pixels wide, beside the last one, or on a new line where it would be cut off.

    Args:
        width: of the next control, with its label.
        spacing: between the two, text heights.
    """
    right = imgui.get_cursor_screen_pos().x + imgui.get_content_region_avail().x
    if imgui.get_item_rect_max().x + em(spacing) + width <= right:
        imgui.same_line(0, em(spacing))


def button_width(label: str) -> float:
    """Width of a button that fits its label, pixels."""
    return float(imgui.calc_text_size(label, True).x + 2 * imgui.get_style().frame_padding.x)


def button(label: str, tip: str, enabled: bool = True, active: bool = False, width: float = 0.0) -> bool:
    """A push button, highlighted while `active`; returns whether it was pressed."""
    if active:
        imgui.push_style_color(imgui.Col_.button, imgui.get_style_color_vec4(imgui.Col_.button_active))
    imgui.begin_disabled(not enabled)
    pressed = imgui.button(label, ImVec2(width, 0))
    imgui.end_disabled()
    if active:
        imgui.pop_style_color()
    tooltip(tip)
    return bool(pressed)


def action_button(actions: ActionRunner, name: str, label: str, active: bool = False, width: float = 0.0) -> None:
    """A push button that runs an action, gray while it cannot be run."""
    fault = actions.unavailable_reason(name)
    if button(f"{label}###{name}", action_tip(name, fault), not fault, active, width):
        actions.run(name)


def checkbox(label: str, value: bool, tip: str) -> bool:
    """A check box; returns the new value."""
    _, value = imgui.checkbox(label, value)
    tooltip(tip)
    return bool(value)


def slider(
    label: str, value: float, low: float, high: float, tip: str, display: str = "%.2f", logarithmic: bool = False
) -> float:
    """A slider over [low, high], typed into with Ctrl+click; returns the new value, clamped."""
    flags = imgui.SliderFlags_.always_clamp | (imgui.SliderFlags_.logarithmic if logarithmic else 0)
    changed, chosen = imgui.slider_float(label, value, low, high, display, flags)
    tooltip(f"{tip}\nCtrl+click to type a number.")
    return float(chosen) if changed else value  # ImGui rounds to single precision


def combo(label: str, index: int, names: Sequence[str], tip: str) -> int:
    """A drop-down list; returns the new index."""
    _, index = imgui.combo(label, index, list(names))
    tooltip(tip)
    return int(index)


def sentence_case(names: Sequence[str]) -> list[str]:
    """Return names as a list shows them: "Ping-pong", "CPU"."""
    return [BACKENDS.get(name, name[:1].upper() + name[1:]) for name in names]


def color(label: str, value: tuple[float, float, float], tip: str) -> tuple[float, float, float]:
    """A color picker; returns the new color."""
    changed, chosen = imgui.color_edit3(label, list(value), imgui.ColorEditFlags_.no_inputs)
    tooltip(tip)
    if not changed:
        return value
    return float(chosen[0]), float(chosen[1]), float(chosen[2])


def begin_facts(name: str, flags: int = 0, label_width: float = 8.0) -> bool:
    """Begin a table of `row`s; labels keep their width (in text heights) whatever the values are."""
    if not imgui.begin_table(name, 2, flags):
        return False
    imgui.table_setup_column("name", imgui.TableColumnFlags_.width_fixed, em(label_width))
    imgui.table_setup_column("value", imgui.TableColumnFlags_.width_stretch)
    return True


def row(label: str, value: str, tip: str = "") -> None:
    """A line of a two-column table."""
    imgui.table_next_row()
    imgui.table_next_column()
    imgui.text_disabled(label)
    tooltip(tip)
    imgui.table_next_column()
    imgui.text(value)
    tooltip(value if imgui.calc_text_size(value).x > imgui.get_content_region_avail().x else tip)


def elided(text: str, width: float) -> str:
    """Text that fits into a width, pixels, its end left out where it must; empty when not even its beginning fits."""
    if imgui.calc_text_size(text).x <= width:
        return text
    kept = next((n for n in range(len(text) - 1, 1, -1) if imgui.calc_text_size(f"{text[:n]}...").x <= width), 0)
    return f"{text[:kept].rstrip()}..." if kept else ""


def em(lines: float = 1.0) -> float:
    """A length in text heights, in pixels; follows the UI scale."""
    return float(imgui.get_font_size() * lines)


def action_tip(name: str, fault: str = "") -> str:
    """Tooltip of a control that stands for an action: what it does, its key, and why it cannot be done now if so."""
    action = BY_NAME[name]
    keys = action.shortcut(sys.platform == "darwin")
    lines = [action.tooltip, f"Key: {keys}" if keys else "", f"{fault}." if fault else ""]
    return "\n".join(line for line in lines if line)


def theme_color(color: int) -> int:
    """A color of the theme, packed for draw lists."""
    return int(imgui.get_color_u32(color))


def faded(color: int, opacity: float) -> int:
    """A color of the theme at some opacity, packed for draw lists."""
    return int(imgui.get_color_u32(color, opacity))


def track_ground(corner: ImVec2, end: ImVec2) -> None:
    """The ground of a track that is drawn by hand, framed like any other field."""
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(corner, end, theme_color(imgui.Col_.frame_bg), em(0.3))
    draw.add_rect(corner, end, theme_color(imgui.Col_.border), em(0.3))


def heading(text: str) -> None:
    """A line that opens a group of controls."""
    imgui.separator_text(text)
