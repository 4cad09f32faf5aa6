"""Controls that all panels use, each with a tooltip."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

from imgui_bundle import ImVec2, imgui

from renderer.select import BACKENDS
from viewer.actions.runner import ActionRunner
from viewer.actions.table import BY_NAME

TOOLTIP_WIDTH = 28.0
"""Maximum width of a tooltip before its text wraps, text heights."""

LABEL_WIDTH, LABEL_SHARE = 8.5, 0.45
"""Width of the column of labels in text heights, and the largest share of the room that it gets."""

TOOLTIP = imgui.HoveredFlags_.for_tooltip | imgui.HoveredFlags_.allow_when_disabled


def tooltip(text: str) -> None:
    """Explain the last control when the mouse rests on it."""
    if text and imgui.is_item_hovered(TOOLTIP):
        show_tooltip(text)


def show_tooltip(text: str) -> None:
    """Show a tooltip next to the mouse, with wrapped lines."""
    if imgui.begin_tooltip():
        imgui.push_text_wrap_pos(em(TOOLTIP_WIDTH))
        imgui.text_unformatted(text)
        imgui.pop_text_wrap_pos()
        imgui.end_tooltip()


def field(label: str, tip: str = "") -> str:
    """Write the label of the next control at its left, let the control take the rest of the line, and return its ID.

    A label that begins with "###" is only an ID: nothing is written, and the width is the caller's choice.
    """
    if label.startswith("###"):
        return label
    left, column = imgui.get_cursor_pos_x(), min(em(LABEL_WIDTH), LABEL_SHARE * imgui.get_content_region_avail().x)
    write_label(label, tip, column - em(0.4))
    imgui.same_line(0, 0)
    imgui.set_cursor_pos_x(left + column)
    imgui.set_next_item_width(-1)
    return f"###{label}"


def field_width(label: str) -> float:
    """Write the label of the next control at its left, and return the width for text in the control, pixels."""
    field(label)
    return float(imgui.get_content_region_avail().x - 2 * imgui.get_style().frame_padding.x)


def write_label(label: str, tip: str, width: float) -> None:
    """Write a label that is centered on the next control's height and shortened to a width in pixels."""
    shown = elided(label, width)
    imgui.align_text_to_frame_padding()
    imgui.text_unformatted(shown)
    tooltip(tip if shown == label else f"{label}\n{tip}")


def flow(width: float) -> None:
    """Put the next control next to the last one, or on a new line if its width in pixels would not fit."""
    right = imgui.get_cursor_screen_pos().x + imgui.get_content_region_avail().x
    if imgui.get_item_rect_max().x + em(0.3) + width <= right:
        imgui.same_line(0, em(0.3))


def button_width(label: str) -> float:
    """Return the width of a button with this label, pixels."""
    return float(imgui.calc_text_size(label, True).x + 2 * imgui.get_style().frame_padding.x)


def button(label: str, tip: str, enabled: bool = True, active: bool = False, width: float = 0.0) -> bool:
    """Draw a push button, highlighted while `active`. Return whether it was pressed."""
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
    """Draw a push button that runs an action; it is gray while the action is unavailable."""
    reason = actions.unavailable_reason(name)
    if button(f"{label}###{name}", action_tip(name, reason), not reason, active, width):
        actions.run(name)


def action_buttons(actions: ActionRunner, *entries: tuple[str, str], active: str = "") -> None:
    """Draw push buttons of actions, each with its label, on as many lines as needed; the one named `active` is highlighted."""
    for index, (name, label) in enumerate(entries):
        if index:
            flow(button_width(label))
        action_button(actions, name, label, name == active)


def checkbox(label: str, value: bool, tip: str, beside: float = 0.0) -> bool:
    """Draw a check box with its label at the left and return its new value. A click on the label counts as well.

    All boxes stand at the right end of the line, so that they are below each other whatever the lengths of their labels.

    Args:
        label: text at the left.
        value: whether it is checked.
        tip: its tooltip.
        beside: width that is left free for another control between label and box, pixels; see `left_of_box`.
    """
    left, room, box = imgui.get_cursor_pos_x(), imgui.get_content_region_avail().x, imgui.get_frame_height()
    write_label(label, tip, room - box - em(0.4) - beside)
    clicked = imgui.is_item_clicked()
    imgui.same_line(0, 0)
    imgui.set_cursor_pos_x(left + max(0.0, room - box))
    _, value = imgui.checkbox(f"###{label}", value)
    tooltip(tip)
    return bool(value) != clicked


def left_of_box(width: float) -> None:
    """Place the next control, of this width in pixels, at the left of the check box on the last line."""
    imgui.same_line(0, 0)
    end = imgui.get_cursor_pos_x() - imgui.get_frame_height() - em(0.4)
    imgui.set_cursor_pos_x(end - width)
    imgui.set_next_item_width(width)


def slider(
    label: str, value: float, low: float, high: float, tip: str, display: str = "%.2f", logarithmic: bool = False
) -> float:
    """Draw a slider over [low, high] and return its new value, clamped. Ctrl+click allows typing."""
    flags = imgui.SliderFlags_.always_clamp | (imgui.SliderFlags_.logarithmic if logarithmic else 0)
    changed, chosen = imgui.slider_float(field(label, tip), value, low, high, display, flags)
    tooltip(f"{tip}\nCtrl+click to type a number.")
    return float(chosen) if changed else value  # ImGui rounds to single precision


def combo(label: str, index: int, names: Sequence[str], tip: str) -> int:
    """Draw a drop-down list and return the new index."""
    _, index = imgui.combo(field(label, tip), index, list(names))
    tooltip(tip)
    return int(index)


def choice(label: str, value: str, values: Sequence[str], tip: str, names: Sequence[str] | None = None) -> str:
    """Draw a drop-down list of values and return the new one. The list shows `names`, or the values in sentence case."""
    return values[combo(label, values.index(value), names or sentence_case(values), tip)]


def sentence_case(names: Sequence[str]) -> list[str]:
    """Return names as a list shows them: "Ping-pong", "CPU"."""
    return [BACKENDS.get(name, name[:1].upper() + name[1:]) for name in names]


def color(label: str, value: tuple[float, float, float], tip: str) -> tuple[float, float, float]:
    """Draw a color picker and return the new color."""
    changed, chosen = imgui.color_edit3(field(label, tip), list(value), imgui.ColorEditFlags_.no_inputs)
    tooltip(tip)
    if not changed:
        return value
    return float(chosen[0]), float(chosen[1]), float(chosen[2])


def begin_facts(name: str, label_width: float = 8.0) -> bool:
    """Begin a table of `row`s with a fixed width of the labels in text heights. Return whether it is visible."""
    if not imgui.begin_table(name, 2):
        return False
    imgui.table_setup_column("name", imgui.TableColumnFlags_.width_fixed, em(label_width))
    imgui.table_setup_column("value", imgui.TableColumnFlags_.width_stretch)
    return True


def row(label: str, value: str, tip: str = "") -> None:
    """Draw a row of a two-column table."""
    imgui.table_next_row()
    imgui.table_next_column()
    imgui.text_disabled(label)
    tooltip(tip)
    imgui.table_next_column()
    imgui.text(value)
    tooltip(value if imgui.calc_text_size(value).x > imgui.get_content_region_avail().x else tip)


def elided(text: str, width: float) -> str:
    """Return text that fits into a width in pixels, shortened with "..." if needed; empty if nothing fits."""
    if imgui.calc_text_size(text).x <= width:
        return text
    count = next((n for n in range(len(text) - 1, 1, -1) if imgui.calc_text_size(f"{text[:n]}...").x <= width), 0)
    return f"{text[:count].rstrip()}..." if count else ""


def em(lines: float = 1.0) -> float:
    """Convert text heights to pixels; follows the scale of the interface."""
    return float(imgui.get_font_size() * lines)


@functools.cache
def action_tip(name: str, reason: str = "") -> str:
    """Return the tooltip of an action's control: what it does, its key, and why it is unavailable, if so."""
    action = BY_NAME[name]
    keys = action.shortcut(sys.platform == "darwin")
    lines = [action.tooltip, f"Key: {keys}" if keys else "", f"{reason}." if reason else ""]
    return "\n".join(line for line in lines if line)


def theme_color(color: int) -> int:
    """Return a color of the theme, packed for draw lists."""
    return int(imgui.get_color_u32(color))


def faded(color: int, opacity: float) -> int:
    """Return a color of the theme with an opacity, packed for draw lists."""
    return int(imgui.get_color_u32(color, opacity))


def track_ground(corner: ImVec2, end: ImVec2) -> None:
    """Draw the background of a track, with a frame like other fields."""
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(corner, end, theme_color(imgui.Col_.frame_bg), em(0.3))
    draw.add_rect(corner, end, theme_color(imgui.Col_.border), em(0.3))


def heading(text: str) -> None:
    """Draw the heading of a group of controls."""
    imgui.separator_text(text)
